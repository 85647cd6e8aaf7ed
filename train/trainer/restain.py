"""Cells restained towards other laboratories: optical densities are moved to those of a healthy cell from elsewhere.

Both classes alike, so that a laboratory's look says nothing about infection. What is moved are a channel's mean and
spread over the cell's own pixels (after Reinhard et al. 2001, IEEE Comput Graph Appl 21:34, in optical density in place
of their colour space). The spread is scaled by what other laboratories' healthy cells have over what healthy training
cells have, not over the cell's own: a parasite widens a cell's spread, and dividing by it would pale the parasite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.trainer.tissue import TISSUE, tissue

if TYPE_CHECKING:
    import tensorflow as tf

_WAY = (0.4, 1.0)  # part of the way to the other cell
_SCALE = (0.6, 1.6)  # least and most change of the spread


def restain(pixels: tf.Tensor, seed: tf.Tensor, share: float, laboratory: str) -> tf.Tensor:
    """Some cells of a batch in the look of other laboratories.

    Args:
        pixels: float32 [b, h, w, 3] RGB, 0..255, black outside the cell.
        seed: int32 [2].
        share: of the cells that are restained, 0..1.
        laboratory: whose cells are looked at, "" for those of all.

    Returns:
        float32 of the same shape; the black outside is no longer black and must be masked again.
    """
    import tensorflow as tf

    known = tissue(laboratory)
    seeds = tf.unstack(tf.random.split(seed, 3), num=3)
    count = tf.shape(pixels)[0]
    inside = tf.cast(tf.reduce_max(pixels, axis=-1, keepdims=True) > TISSUE, tf.float32)
    density = -tf.math.log((pixels + 1.0) / 256.0)
    mean = tf.reduce_sum(density * inside, (1, 2), keepdims=True) / tf.maximum(
        tf.reduce_sum(inside, (1, 2), keepdims=True), 1.0
    )
    other = tf.random.stateless_uniform((count,), seeds[0], 0, len(known.means), tf.int32)
    wanted = tf.gather(tf.constant(known.means), other)[:, None, None, :]
    ratio = tf.gather(tf.constant(known.spreads / known.own_spread), other)[:, None, None, :]
    way = tf.random.stateless_uniform((count, 1, 1, 1), seeds[1], *_WAY)
    scale = tf.clip_by_value(1.0 + way * (ratio - 1.0), *_SCALE)
    moved = (density - mean) * scale + mean + way * (wanted - mean)
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[2]) < share
    return tf.where(chosen, 256.0 * tf.exp(-moved) - 1.0, pixels)
