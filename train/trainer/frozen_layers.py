"""The frozen part of a network, run ahead: its activations stand in for the images when only later layers learn.

A pass through the frozen layers costs the same every epoch and gives the same every time, but for augmentation. So a
few augmented views of every image are passed once and cached, and the epochs take turns at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.console import note, progress
from edge_runtime.core.card import InputContract
from train.network.keras_logits import normalised
from train.trainer.augment import Augmentation, augment
from train.trainer.lite_forward import LiteForward, worth_converting
from train.trainer.training_set import TrainingSet

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_BATCH = 128
# Half of a small workstation's memory; beyond it fewer views are kept.
_MOST_BYTES = 4_000_000_000


def choose_trainable(model: keras.Model, last_layers: int | None, pretrained: bool) -> None:
    """Mark what phase 2 trains: the head always, the backbone's last layers, never its BatchNorm when pretrained."""
    import keras

    backbone = [layer for layer in model.layers if not layer.name.startswith("head")]
    first = 0 if last_layers is None else max(0, len(backbone) - last_layers)
    for position, layer in enumerate(backbone):
        frozen_statistics = pretrained and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = position >= first and not frozen_statistics


def split_model(model: keras.Model, first_trained: str) -> tuple[keras.Model, keras.Model] | None:
    """Cut a network before the layer ``first_trained``, as late as one tensor alone carries everything across.

    Args:
        model: a functional model.
        first_trained: name of the first layer (in the model's order) that learns.

    Returns:
        The frozen part (input to that tensor) and the rest (that tensor to the output), both over the variables of
        ``model``; None when only the input itself carries everything across.
    """
    import keras

    names = [layer.name for layer in model.layers]
    cuts = [name for name in clean_cuts(model) if names.index(name) < names.index(first_trained)]
    if not cuts:
        return None
    middle = model.get_layer(cuts[-1]).output
    return keras.Model(model.input, middle), keras.Model(middle, model.output)


def clean_cuts(model: keras.Model) -> list[str]:
    """Layers whose output alone carries everything across, in the model's order, without the input itself."""
    layers = model.layers
    position = {layer.name: i for i, layer in enumerate(layers)}
    # The last layer that reads each layer's output: a cut after layer j is clean if nothing before j is read later.
    last_reader = [
        max((position.get(node.operation.name, i) for node in layer._outbound_nodes), default=i)
        for i, layer in enumerate(layers)
    ]
    return [layers[j].name for j in range(1, len(layers) - 1) if all(last_reader[i] <= j for i in range(j))]


class CachedViews:
    """Activations of several augmented views of the same images.

    Attributes:
        features: float16 [views, n, ...], activations at the cut.
        targets: float32 [views, n], one for each, since mixing images mixes their targets.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray) -> None:
        self.features, self.targets = features, targets

    def __len__(self) -> int:
        return len(self.features)

    def batch(self, view: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [b, ...] and float32 [b, 1] of image positions 0..n-1 in one of the views."""
        return self.features[view, positions].astype(np.float32), self.targets[view, positions, None]


def affordable_views(frozen: keras.Model, images: int, wanted: int) -> int:
    """How many views of ``images`` fit in memory; 0 when not even one does."""
    each = 2 * images * int(np.prod(frozen.output.shape[1:]))
    return min(wanted, _MOST_BYTES // max(each, 1))


def cache_views(
    frozen: keras.Model,
    contract: InputContract,
    images: TrainingSet,
    augmentation: Augmentation,
    seed: int,
    views: int = 1,
) -> CachedViews:
    """Pass augmented views of the images used through the frozen part.

    Args:
        frozen: see :func:`split_model`.
        contract: the network's input contract.
        images: whose rows are passed, n of them.
        augmentation: what varies.
        seed: of the variation.
        views: how many of each image.
    """
    import tensorflow as tf

    rows = images.rows

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def vary(batch: tf.Tensor, wanted: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        varied, mixed = augment(batch, wanted, key, augmentation)
        return normalised(varied, contract), mixed

    features = np.empty((views, len(rows), *frozen.output.shape[1:]), np.float16)
    mixed = np.empty((views, len(rows)), np.float32)
    steps = [(view, start) for view in range(views) for start in range(0, len(rows), _BATCH)]
    with _forward(frozen, views * len(rows)) as forward, progress(steps, "Frozen layers, once") as planned:
        for view, start in planned:
            some = slice(start, start + _BATCH)
            pixels = tf.constant(np.asarray(images.pixels[rows[some]]))
            key = tf.constant([seed, view * len(rows) + start], tf.int32)
            varied, wanted = vary(pixels, tf.constant(images.targets[rows[some], None]), key)
            features[view, some], mixed[view, some] = forward(varied), wanted.numpy()[:, 0]
    if not np.isfinite(features).all():
        note("WARNING: activations of the frozen layers exceed half precision.")
        features = np.nan_to_num(features, posinf=65504, neginf=-65504)
    return CachedViews(features, mixed)


@contextmanager
def _forward(frozen: keras.Model, images: int) -> Iterator[Callable[[tf.Tensor], np.ndarray]]:
    """The frozen part as a function from images to activations, by whatever is faster for so many."""
    import tensorflow as tf

    if not worth_converting(images):
        graph = tf.function(lambda batch: frozen(batch, training=False), reduce_retracing=True)
        yield lambda batch: np.asarray(graph(batch))
        return
    lite = LiteForward(frozen)
    try:
        yield lambda batch: lite(batch.numpy())
    finally:
        lite.close()
