"""Phase 2: the backbone learns too, epoch by epoch, with averaged weights, validation and a state that can be kept."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note, progress
from edge_runtime.errors import BadData
from train.metrics.collapse import inspect_predictions, training_warning
from train.metrics.metrics import auc as area_under_curve
from train.network.keras_logits import keras_logits, normalised
from train.trainer import checkpoint
from train.trainer.augment import PRESETS, augment
from train.trainer.checkpoint import assign
from train.trainer.folded_batchnorm import with_folded_normalisation
from train.trainer.frozen_layers import CachedViews, affordable_views, cache_views, choose_trainable, split_model
from train.trainer.recipe import Recipe
from train.trainer.replicas import check_compiled, on_every_replica
from train.trainer.training_set import TrainingSet, Untrained

if TYPE_CHECKING:
    import keras


class FineTuning:
    """Phase 2 with its state in one place, so that it can be saved and restored.

    Attributes:
        model: the network that learns.
        history: one row an epoch, phase 1 included once it is added.
        epoch: epochs done.
        best_weights: the model's weights after its best epoch; empty before the first.
    """

    def __init__(self, network: Untrained, recipe: Recipe, training: TrainingSet, validation: TrainingSet) -> None:
        import tensorflow as tf

        self.strategy = tf.distribute.get_strategy()
        check_compiled(recipe.jit, self.strategy)
        self.model, self.contract, self.recipe = network.model, network.contract, recipe
        self.training, self.validation = training, validation
        self.history: list[dict[str, Any]] = []
        self.epoch = 0
        self.best_loss = math.inf
        self.best_weights: list[np.ndarray] = []
        self.since_best = 0
        choose_trainable(self.model, recipe.last_layers, network.pretrained)
        self.views: CachedViews | None = None
        self.validation_view: CachedViews | None = None
        self.frozen: keras.Model | None = None
        self.tail = self.model
        if network.pretrained and recipe.last_layers is not None and recipe.looks:
            self._run_frozen_ahead()
        self.forward = with_folded_normalisation(self.tail) if network.pretrained else self.tail
        replicas = self.strategy.num_replicas_in_sync
        self.batch = max(1, min(recipe.batch, len(training.rows)) // replicas) * replicas
        self.steps = len(training.rows) // self.batch
        self._build_optimizer()
        self.step = tf.function(on_every_replica(self._step, self.strategy), jit_compile=recipe.jit or None)

    def _build_optimizer(self) -> None:
        """AdamW with warm-up and cosine, the averages it leaves behind, and the loss."""
        import keras
        import tensorflow as tf

        recipe, variables = self.recipe, self.model.trainable_variables
        total = self.steps * recipe.epochs
        warmup = max(1, int(total * recipe.warmup))
        first = recipe.rate / warmup  # from zero, the first step would do nothing
        schedule = keras.optimizers.schedules.CosineDecay(
            first, max(1, total - warmup), warmup_target=recipe.rate, warmup_steps=warmup
        )
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        if keras.mixed_precision.global_policy().compute_dtype == "float16":
            # Small gradients would round to zero in half precision.
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(variables)
        # Replicas average alike, so any of them (their mean) is the average.
        self.averages = [
            tf.Variable(v, trainable=False, aggregation=tf.VariableAggregation.MEAN)
            for v in (variables if recipe.ema else [])
        ]
        self.loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)

    @property
    def ahead(self) -> tuple[keras.Model, CachedViews] | None:
        """The frozen first layers and what they made of the training images, when that is kept."""
        return None if self.frozen is None or self.views is None else (self.frozen, self.views)

    def _run_frozen_ahead(self) -> None:
        """Pass training and validation images through the frozen layers, when there are some and memory allows."""
        first = next(layer.name for layer in self.model.layers if layer.trainable and layer.weights)
        parts = split_model(self.model, first)
        if parts is None:
            return
        frozen, tail = parts
        training, validation, recipe = self.training, self.validation, self.recipe
        views = affordable_views(frozen, len(training.rows) + len(validation.rows), min(recipe.looks, recipe.epochs))
        if not views:
            note("The frozen layers' activations do not fit in memory; every epoch passes the whole network.")
            return
        self.frozen, self.tail = frozen, tail
        self.views = cache_views(frozen, self.contract, training, recipe.augmentation, recipe.seed, views)
        self.validation_view = cache_views(frozen, self.contract, validation, PRESETS["none"], recipe.seed)

    def _step(self, images: Any, targets: Any, seed: Any, decay: Any) -> Any:
        """One step; ``images`` are uint8 pixels, or float32 activations of the frozen layers when those are kept."""
        import tensorflow as tf

        if self.views is None:
            pixels, targets = augment(images, targets, seed, self.recipe.augmentation)
            images = normalised(pixels, self.contract)
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.forward(images, training=True)
            loss = self.loss(targets, logits)
            # The optimiser adds up the gradients of all replicas.
            share = self.optimizer.scale_loss(loss / self.strategy.num_replicas_in_sync)
        self.optimizer.apply(tape.gradient(share, variables), variables)
        for average, variable in zip(self.averages, variables, strict=bool(self.averages)):
            average.assign(average * decay + (1.0 - decay) * tf.convert_to_tensor(variable))
        return loss

    def run_epoch(self) -> None:
        """One pass over the training images, then validation of the averaged weights."""
        import keras
        import tensorflow as tf

        started = time.monotonic()
        recipe = self.recipe
        # Whatever draws from the global seed draws the same in this epoch after a resume.
        keras.utils.set_random_seed((recipe.seed * 1000 + self.epoch + 1) % 2**32)
        order = np.random.default_rng((recipe.seed, 2, self.epoch)).permutation(len(self.training.rows))
        losses = []
        label = f"Epoch {self.epoch + 1}/{recipe.epochs}"
        with progress(self._batches(order), label, self.steps) as batches:
            for number, (images, targets) in enumerate(batches):
                seen = self.epoch * self.steps + number
                # A young average must not remember the untrained weights.
                decay = min(recipe.ema, (1 + seen) / (10 + seen))
                seed = tf.constant([recipe.seed, seen], tf.int32)
                losses.append(self.step(images, targets, seed, tf.constant(decay, tf.float32)))
        loss = float(np.mean([float(value) for value in losses]))
        if not math.isfinite(loss):
            raise BadData(f"Training diverged in epoch {self.epoch + 1} (loss {loss}); lower --rate.")
        self.epoch += 1
        self._validate(loss, time.monotonic() - started)

    def _batches(self, order: np.ndarray) -> Any:
        """Batches of this epoch, one prepared ahead in a thread so that the model never waits for memory reads."""
        from concurrent.futures import ThreadPoolExecutor

        import tensorflow as tf

        def fetch(number: int) -> tuple[Any, Any]:
            some = order[number * self.batch : (number + 1) * self.batch]
            if self.views is not None:
                images, targets = self.views.batch(self.epoch % len(self.views), some)
            else:
                images, targets = self.training.batch(self.training.rows[some])
            return tf.constant(images), tf.constant(targets)

        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(fetch, 0)
            for number in range(self.steps):
                current = ahead.result()
                if number + 1 < self.steps:
                    ahead = pool.submit(fetch, number + 1)
                yield current

    def _validate(self, loss: float, seconds: float) -> None:
        live = [variable.numpy() for variable in self.model.trainable_variables]
        if self.averages:
            assign(self.model.trainable_variables, [average.numpy() for average in self.averages])
        rows = self.validation.rows
        logits = self._validation_logits()
        targets = self.validation.targets[rows]
        val_loss = float(np.mean(np.logaddexp(0, logits) - targets * logits))
        truth = (targets > 0.5).astype(int)
        val_auc = area_under_curve(truth, logits)
        seen = inspect_predictions(truth, 1 / (1 + np.exp(-np.clip(logits, -500, 500))))
        warning = training_warning(seen, val_auc, self.epoch, self.recipe.epochs)
        if val_loss < self.best_loss:
            self.best_loss, self.since_best = val_loss, 0
            self.best_weights = [weight.numpy() for weight in self.model.weights]
        else:
            self.since_best += 1
        assign(self.model.trainable_variables, live)
        rate = float(self.optimizer.learning_rate.numpy())
        self.history.append(
            {"phase": 2, "epoch": self.epoch, "loss": loss, "val_loss": val_loss, "val_auc": val_auc,
             "called": seen.called, "collapsed": int(warning is not None), "rate": rate, "seconds": round(seconds, 2)}
        )  # fmt: skip
        shown = "undefined" if val_auc is None else f"{val_auc:.4f}"
        note(f"epoch {self.epoch}/{self.recipe.epochs}: loss {loss:.4f}, validation loss {val_loss:.4f}, "
             f"AUC {shown}, {seconds:.0f} s")  # fmt: skip
        if warning is not None:
            note(f"WARNING after epoch {self.epoch}: {warning}")

    def _validation_logits(self) -> np.ndarray:
        if self.validation_view is None:
            pixels = self.validation.pixels[self.validation.rows]
            return keras_logits(self.model, self.contract, pixels, label="Validation")
        features, _ = self.validation_view.batch(0, np.arange(len(self.validation.rows)))
        return np.asarray(self.tail.predict(features, batch_size=256, verbose=0), np.float64)[:, 0]

    @property
    def stopped(self) -> bool:
        """Whether patience ran out."""
        return self.since_best >= self.recipe.patience

    def keep_best(self) -> None:
        """Give the model the weights of its best epoch."""
        if self.best_weights:
            assign(self.model.weights, self.best_weights)

    def save(self, path: Path) -> None:
        """Write the whole state."""
        checkpoint.save(
            path,
            {
                "model": [weight.numpy() for weight in self.model.weights],
                "optimizer": [variable.numpy() for variable in self.optimizer.variables],
                "average": [average.numpy() for average in self.averages],
                "best": self.best_weights,
                "dropout": [state.numpy() for state in self._dropout_states()],
            },
            {
                "epoch": self.epoch,
                "history": self.history,
                "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
                "since_best": self.since_best,
            },
        )

    def _dropout_states(self) -> list[Any]:
        """Where the random numbers of dropout stand; not among the model's weights, yet part of what comes next."""
        weights = {id(weight) for weight in self.model.weights}
        return [variable for variable in self.model.variables if id(variable) not in weights]

    def restore(self, path: Path) -> None:
        """Continue from what :meth:`save` wrote."""
        arrays, state = checkpoint.load(path)
        assign(self.model.weights, arrays["model"])
        assign(self.optimizer.variables, arrays["optimizer"])
        assign(self.averages, arrays.get("average", []))
        assign(self._dropout_states(), arrays.get("dropout", []))
        self.best_weights = arrays.get("best", [])
        self.epoch, self.history, self.since_best = state["epoch"], state["history"], state["since_best"]
        self.best_loss = math.inf if state["best_loss"] is None else state["best_loss"]
        note(f"Continuing after epoch {self.epoch}.")
