"""Phase 1: the head of a pretrained network learns on features that its frozen backbone gave once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note
from train.trainer.frozen_layers import CachedViews, cache_views
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained

if TYPE_CHECKING:
    import keras

_BATCH = 256


def train_head(
    network: Untrained,
    training: TrainingSet,
    recipe: Recipe,
    ahead: tuple[keras.Model, CachedViews] | None = None,
) -> list[dict[str, Any]]:
    """Phase 1: only the head learns, from features computed once.

    The features are those of one augmented view of every image: the head is only to become sensible before the
    backbone is let loose, so a fresh view each epoch would not pay for its forward pass.

    Args:
        network: the whole network.
        training: images to learn from.
        recipe: what to do.
        ahead: the network's frozen first layers and what they made of the images, when phase 2 has that already;
            then only the layers behind them are passed.
    """
    import keras

    model = network.model
    trainable = [layer for layer in model.layers if layer.name.startswith("head") and layer.name != "head_pool"]
    features_in = keras.Input(model.get_layer("head_pool").output.shape[1:])
    x = features_in
    for layer in trainable:
        x = layer(x)
    head = keras.Model(features_in, x)

    started = time.monotonic()
    if ahead is None:
        backbone = keras.Model(model.input, model.get_layer("head_pool").output)
        views = cache_views(backbone, network.contract, training, recipe.augmentation, recipe.seed)
        features, targets = views.batch(0, np.arange(len(training.rows)))
    else:
        features, targets = _pass_later_layers(model, *ahead)
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    head.compile(keras.optimizers.Adam(recipe.head_rate), loss)
    rows = []
    for epoch in range(recipe.head_epochs):
        order = np.random.default_rng((recipe.seed, 1, epoch)).permutation(len(features))
        keras.utils.set_random_seed(recipe.seed + epoch)
        fitted = head.fit(features[order], targets[order], batch_size=recipe.batch, shuffle=False, verbose=0)
        rows.append(
            {"phase": 1, "epoch": epoch + 1, "loss": float(fitted.history["loss"][0]), "val_loss": None,
             "val_auc": None, "called": None, "rate": recipe.head_rate, "seconds": round(time.monotonic() - started, 2)}
        )  # fmt: skip
        note(f"head {epoch + 1}/{recipe.head_epochs}: loss {rows[-1]['loss']:.4f}, {rows[-1]['seconds']:.0f} s")
        started = time.monotonic()
    return rows


def _pass_later_layers(model: keras.Model, frozen: keras.Model, views: CachedViews) -> tuple[np.ndarray, np.ndarray]:
    """float32 [n, channels] before the head, and float32 [n, 1] targets, of the first view."""
    import keras
    import tensorflow as tf

    count = views.features.shape[1]
    if frozen.layers[-1].name == "head_pool":  # the head alone learns
        return views.batch(0, np.arange(count))
    rest = keras.Model(frozen.output, model.get_layer("head_pool").output)
    graph = tf.function(lambda batch: rest(batch, training=False), reduce_retracing=True)
    features, targets = [], []
    for start in range(0, count, _BATCH):
        activations, wanted = views.batch(0, np.arange(start, min(start + _BATCH, count)))
        features.append(np.asarray(graph(tf.constant(activations))))
        targets.append(wanted)
    return np.concatenate(features), np.concatenate(targets)
