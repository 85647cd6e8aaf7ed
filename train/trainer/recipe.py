"""What a training run is told to do, as data: it stands in config.json and on the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.errors import WrongUsage
from train.trainer.augment import Augmentation

_SEEDS = 2**31


@dataclass(frozen=True)
class Recipe:
    """Two-phase fine-tuning.

    Attributes:
        head_epochs: epochs of phase 1 (frozen backbone, cached features).
        head_rate: its learning rate.
        epochs: epochs of phase 2.
        rate: peak learning rate of phase 2.
        warmup: share of phase 2 during which the rate rises to its peak; a cosine to zero follows.
        last_layers: how many of the backbone's last layers phase 2 trains; None for all.
        looks: with ``last_layers``, how many augmented views of each image go through the frozen layers ahead; the
            epochs take turns at them. 0 passes the whole network every epoch.
        weight_decay: of AdamW.
        label_smoothing: targets become smoothing/2 and 1 - smoothing/2.
        dropout: before the last layer.
        batch: images a step.
        ema: decay of the moving average of the weights, which is what is evaluated and kept; 0 for none.
        patience: epochs without a better validation loss after which phase 2 stops.
        seed: of weights, order and augmentation; 0 to 2**31 - 1.
        augmentation: see :class:`train.trainer.augment.Augmentation`.
        mixed_precision: half precision on a GPU.
        jit: compile the step with XLA.
        deterministic: bit-equal results, slower.
    """

    head_epochs: int = 3
    head_rate: float = 1e-3
    epochs: int = 12
    rate: float = 3e-4
    warmup: float = 0.1
    last_layers: int | None = None
    looks: int = 4
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    dropout: float = 0.5
    batch: int = 32
    ema: float = 0.995
    patience: int = 3
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixed_precision: bool = False
    jit: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "patience"):
            if getattr(self, name) < 1:
                raise WrongUsage(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        for name in ("head_epochs", "head_rate", "rate", "looks", "weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise WrongUsage(f"{name.replace('_', ' ')} is {getattr(self, name)}; it must not be negative.")
        for name in ("warmup", "label_smoothing", "dropout", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise WrongUsage(f"{name.replace('_', ' ')} is {getattr(self, name)}; it must lie in 0..1, below 1.")
        if self.last_layers is not None and self.last_layers < 1:
            raise WrongUsage(f"last layers is {self.last_layers}; it must be 1 or more.")
        if self.seed >= _SEEDS:
            raise WrongUsage(f"seed is {self.seed}; it must be below {_SEEDS}, for TensorFlow draws from 32 bits.")
        # XLA has no kernels for these operations.
        for name in ("rotate", "zoom", "mixup"):
            if self.jit and getattr(self.augmentation, name):
                raise WrongUsage(f"XLA cannot compile this augmentation's {name}; leave out --jit or choose another.")


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The recipe a run directory was started with."""
    values = dict(config["recipe"])
    return Recipe(**{**values, "augmentation": Augmentation(**values["augmentation"])})


def configure(recipe: Recipe) -> None:
    """Set what is global in TensorFlow as the recipe wants it: determinism, and half precision on a GPU."""
    import keras
    import tensorflow as tf

    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    keras.mixed_precision.set_global_policy("mixed_float16" if recipe.mixed_precision and on_gpu else "float32")
