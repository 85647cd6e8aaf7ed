"""Logits of a Keras model for a stack of pixels, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.console import progress
from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import normalise

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def normalised(pixels: tf.Tensor, contract: InputContract) -> tf.Tensor:
    """What the float model eats, as TensorFlow operations for use inside a step.

    Args:
        pixels: float32 [n, h, w, 3] RGB in 0..255.
        contract: channel order, scale and offset.
    """
    import tensorflow as tf

    if contract.channels == "BGR":
        pixels = tf.reverse(pixels, [-1])
    return pixels * tf.constant(contract.scale, tf.float32) + tf.constant(contract.offset, tf.float32)


def keras_logits(
    model: keras.Model, contract: InputContract, pixels: np.ndarray, batch: int = 128, label: str = "Scoring"
) -> np.ndarray:
    """The float model's logits.

    Args:
        model: normalised float32 [b, h, w, 3] to the logit [b, 1].
        contract: how pixels are normalised.
        pixels: uint8 [n, h, w, 3] RGB.
        batch: images at a time.
        label: text of the progress bar.

    Returns:
        float64 [n].
    """
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def forward(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    logits = np.empty(len(pixels), np.float64)
    with progress(range(0, len(pixels), batch), label) as starts:
        for start in starts:
            chunk = normalise(np.asarray(pixels[start : start + batch]), contract)
            logits[start : start + len(chunk)] = forward(tf.convert_to_tensor(chunk)).numpy()[:, 0]
    return logits
