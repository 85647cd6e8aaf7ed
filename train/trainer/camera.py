"""What a device's mask and camera do to a cell, on a whole batch: other outlines, sharpening, JPEG, glass around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

_OUTLINE = (0.5, 0.85)  # part of a neighbourhood that must be cell: one half keeps the outline, more takes some off
_WAVES = 0.1  # how much that differs along the outline
_SHARPEN = (0.3, 1.5)
_QUALITY = (60.0, 95.0)  # of JPEG
_GLASS = 0.25  # optical density of empty glass at most
# Luminance table of the JPEG standard (ITU-T T.81, annex K.1), for quality 50.
_QUANTA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
# RGB to luminance and two colour differences: JFIF 1.02.
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def trim_outline(cell: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Masks whose outline is drawn a little further in, unevenly, as another way of finding cells would.

    Args:
        cell: float32 [b, h, w, 1], 1 inside the cell, 0 outside.
        seed: int32 [2].
        share: of the masks that change.
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, 3), num=3)
    count, side = tf.shape(cell)[0], max(int(cell.shape[1]) // 32 * 2 + 1, 3)
    soft = tf.nn.avg_pool2d(cell, side, 1, "SAME")
    least = tf.random.stateless_uniform((count, 1, 1, 1), seeds[0], *_OUTLINE)
    waves = tf.random.stateless_uniform((count, 5, 5, 1), seeds[1], -_WAVES, _WAVES)
    least = least + tf.image.resize(waves, tf.shape(cell)[1:3])
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[2]) < share
    return tf.where(chosen, cell * tf.cast(soft >= least, tf.float32), cell)


def sharpen(pixels: tf.Tensor, blurred: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Some images with what blurring takes away added again, as cameras do.

    Args:
        pixels, blurred: float32 [b, h, w, 3] RGB.
        seed: int32 [2].
        share: of the images that change.
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, 2), num=2)
    count = tf.shape(pixels)[0]
    amount = tf.random.stateless_uniform((count, 1, 1, 1), seeds[0], *_SHARPEN)
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[1]) < share
    return tf.where(chosen, tf.clip_by_value(pixels + amount * (pixels - blurred), 0.0, 255.0), pixels)


def compress(pixels: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Some images after JPEG's losses: blocks of 8x8 pixels, their frequencies in whole quanta, colour by luminance's.

    Args:
        pixels: float32 [b, h, w, 3] RGB, 0..255; h and w are multiples of 8, or nothing happens.
        seed: int32 [2].
        share: of the images that change.
    """
    import tensorflow as tf

    height, width = int(pixels.shape[1]), int(pixels.shape[2])
    if height % 8 or width % 8:
        return pixels
    seeds = tf.unstack(tf.random.split(seed, 2), num=2)
    count = tf.shape(pixels)[0]
    quality = tf.random.stateless_uniform((count, 1, 1, 1), seeds[0], *_QUALITY)
    # the scaling of the Independent JPEG Group's library for qualities from 50 up
    quanta = tf.maximum(tf.constant(_QUANTA.reshape(1, 1, 64, 1)) * (2.0 - quality / 50.0), 1.0)
    frequencies = tf.constant(_cosines())
    rows, columns = height // 8, width // 8
    blocks = tf.reshape(tf.tensordot(pixels, tf.constant(_YCC.T), 1), (-1, rows, 8, columns, 8, 3))
    seen = tf.reshape(tf.einsum("ij,bhjwlc,kl->bhwikc", frequencies, blocks, frequencies), (-1, rows * columns, 64, 3))
    kept = tf.reshape(tf.round(seen / quanta) * quanta, (-1, rows, columns, 8, 8, 3))
    kept = tf.einsum("ij,bhwikc,kl->bhjwlc", frequencies, kept, frequencies)
    back = tf.tensordot(tf.reshape(kept, tf.shape(pixels)), tf.constant(np.linalg.inv(_YCC).T), 1)
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[1]) < share
    return tf.where(chosen, tf.clip_by_value(back, 0.0, 255.0), pixels)


def on_glass(pixels: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Some cells on bright glass instead of black.

    Args:
        pixels: float32 [b, h, w, 3] RGB, 0..255, black outside the cell.
        seed: int32 [2].
        share: of the images that change.
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, 2), num=2)
    count = tf.shape(pixels)[0]
    outside = tf.cast(tf.reduce_max(pixels, axis=-1, keepdims=True) <= 12.0, tf.float32)
    outside = tf.nn.max_pool2d(outside, 3, 1, "SAME")  # with the rim, where cell and black mix
    glass = 255.0 * tf.exp(-tf.random.stateless_uniform((count, 1, 1, 3), seeds[0], 0.0, _GLASS))
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[1]) < share
    return tf.where(chosen, pixels * (1.0 - outside) + glass * outside, pixels)


def _cosines() -> np.ndarray:
    """The orthonormal discrete cosine transform (type II) of eight values, float32 [8, 8]."""
    k, n = np.mgrid[0:8, 0:8]
    matrix = np.sqrt(2 / 8) * np.cos(np.pi * (2 * n + 1) * k / 16)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
