"""Augmentation of a whole batch at once, as TensorFlow operations, so that it runs where the model runs.

The background outside the cell stays black, as a device masks its crops; only ``glass`` changes it, and for some.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_runtime.errors import WrongUsage
from train.trainer.camera import compress, on_glass, sharpen, trim_outline
from train.trainer.restain import restain

if TYPE_CHECKING:
    import tensorflow as tf

# Optical-density vectors of haematoxylin-like (blue-violet) and eosin-like (pink) dye, and their cross product:
# Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291, table of H&E; Giemsa's azure and eosin lie close to them.
_STAINS = ((0.650, 0.704, 0.286), (0.072, 0.990, 0.105), (0.268, 0.570, 0.776))


@dataclass(frozen=True)
class Augmentation:
    """What is varied at random, and how much.

    Attributes:
        flips: mirror left-right and top-bottom.
        turns: quarter turns.
        gain: each channel is multiplied by 1 +- gain.
        offset: each channel is shifted by +- offset (in 0..1 of full scale).
        stain: each dye's amount is multiplied by 1 +- stain in optical-density space.
        rotate: turned by any angle up to +- rotate degrees.
        zoom: scaled by 1 +- zoom.
        blur: share of the images that lose sharpness (3x3 binomial filter, twice).
        mixup: Beta(mixup, mixup) weights of pairs of images and labels; 0 for none.
        restain: share of the cells that get another laboratory's stain (:mod:`train.trainer.restain`).
        restain_from: the laboratory whose cells are the pattern; "" for all of ``tissue.csv``.
        outline: share of the cells whose outline is drawn further in, unevenly.
        sharpen: share of the images that gain sharpness.
        jpeg: share of the images with the losses of JPEG, at qualities of 60 to 95.
        glass: share of the cells on bright glass instead of black.
    """

    flips: bool = True
    turns: bool = True
    gain: float = 0.1
    offset: float = 0.05
    stain: float = 0.0
    rotate: float = 0.0
    zoom: float = 0.0
    blur: float = 0.0
    mixup: float = 0.0
    restain: float = 0.0
    restain_from: str = ""
    outline: float = 0.0
    sharpen: float = 0.0
    jpeg: float = 0.0
    glass: float = 0.0


_STRONG = Augmentation(stain=0.15, rotate=180, zoom=0.1, blur=0.1)

PRESETS = {
    "none": Augmentation(flips=False, turns=False, gain=0, offset=0),
    "flips": Augmentation(turns=False, gain=0, offset=0),
    "standard": Augmentation(),
    "stain": Augmentation(stain=0.15),
    "strong": _STRONG,
    "mixup": Augmentation(mixup=0.2),
    "restain": Augmentation(restain=1 / 3),
    "device": replace(_STRONG, restain=0.5, outline=0.3, sharpen=0.1, jpeg=0.3, glass=0.05),
    # without the stain of the laboratory that is to judge
    "device-chula": replace(_STRONG, restain=0.5, restain_from="chula", outline=0.3, sharpen=0.1, jpeg=0.3, glass=0.05),
    "device-cbc": replace(_STRONG, restain=0.5, restain_from="cbc", outline=0.3, sharpen=0.1, jpeg=0.3, glass=0.05),
}


def preset(name: str) -> Augmentation:
    """The augmentation of that name.

    Raises:
        WrongUsage: no such preset.
    """
    if name not in PRESETS:
        raise WrongUsage(f'Unknown augmentation "{name}"; there are {", ".join(PRESETS)}.')
    return PRESETS[name]


def augment(images: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor, how: Augmentation) -> tuple[tf.Tensor, tf.Tensor]:
    """Vary a batch at random, the same way for the same seed.

    Args:
        images: uint8 [b, h, w, 3] RGB, black outside the cell; square when ``how.turns``.
        targets: float32 [b, 1], 1 parasitized, 0 uninfected, or anything between.
        seed: int32 [2].
        how: what to vary.

    Returns:
        float32 [b, h, w, 3] in 0..255 and float32 [b, 1].
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, 8), num=8)
    later = tf.unstack(tf.random.split(seeds[7], 5), num=5)
    pixels = tf.cast(images, tf.float32)
    # A pixel belongs to the cell when any channel is clearly above black; resizing leaves a dim rim outside that.
    cell = tf.cast(tf.reduce_max(pixels, axis=-1, keepdims=True) > 12.0, tf.float32)
    count = tf.shape(pixels)[0]

    def spread(key: tf.Tensor, amount: float) -> tf.Tensor:
        return tf.random.stateless_uniform((count, 1, 1, 3), key, 1 - amount, 1 + amount)

    if how.restain:
        pixels = restain(pixels, later[0], how.restain, how.restain_from)
    if how.outline:
        cell = trim_outline(cell, later[1], how.outline)
    if how.stain:
        pixels = _vary_stain(pixels, spread(seeds[0], how.stain))
    if how.gain or how.offset:
        shift = tf.random.stateless_uniform((count, 1, 1, 3), seeds[2], -255 * how.offset, 255 * how.offset)
        pixels = pixels * spread(seeds[1], how.gain) + shift
    pixels = tf.clip_by_value(pixels, 0.0, 255.0)
    if how.sharpen or how.jpeg:
        pixels = _whole(pixels, cell)  # a camera sees no black edge, so none must ring
        pixels = sharpen(pixels, _blur(pixels), later[2], how.sharpen)
        pixels = compress(pixels, later[3], how.jpeg)
    pixels = pixels * cell
    if how.blur:
        chosen = tf.random.stateless_uniform((count, 1, 1, 1), seeds[3]) < how.blur
        pixels = tf.where(chosen, _blur(pixels) * cell, pixels)
    pixels = _mirror_and_turn(pixels, seeds[4], how)
    if how.rotate or how.zoom:
        pixels = _rotate_and_zoom(pixels, seeds[5], how)
    if how.glass:
        pixels = on_glass(pixels, later[4], how.glass)
    if how.mixup:
        pixels, targets = _mix(pixels, targets, seeds[6], how.mixup)
    return pixels, targets


def _mirror_and_turn(pixels: tf.Tensor, seed: tf.Tensor, how: Augmentation) -> tf.Tensor:
    import tensorflow as tf

    draw = tf.random.stateless_uniform((3, tf.shape(pixels)[0], 1, 1, 1), seed) < 0.5
    if how.flips:
        pixels = tf.where(draw[0], tf.reverse(pixels, [2]), pixels)
        pixels = tf.where(draw[1], tf.reverse(pixels, [1]), pixels)
    if how.turns:
        # With both mirrors, a transposition makes all four quarter turns.
        pixels = tf.where(draw[2], tf.transpose(pixels, (0, 2, 1, 3)), pixels)
        if not how.flips:
            pixels = tf.where(draw[2], tf.reverse(pixels, [1]), pixels)
    return pixels


def _vary_stain(pixels: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    import numpy as np
    import tensorflow as tf

    stains = np.array(_STAINS, np.float32)
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    density = -tf.math.log((pixels + 1.0) / 256.0)
    amounts = tf.tensordot(density, tf.constant(np.linalg.inv(stains)), 1) * factors
    return 256.0 * tf.exp(-tf.tensordot(amounts, tf.constant(stains), 1)) - 1.0


def _whole(pixels: tf.Tensor, cell: tf.Tensor) -> tf.Tensor:
    """Images with the cell's mean colour outside it."""
    import tensorflow as tf

    inside = tf.maximum(tf.reduce_sum(cell, (1, 2), keepdims=True), 1.0)
    mean = tf.reduce_sum(pixels * cell, (1, 2), keepdims=True) / inside
    return pixels * cell + mean * (1.0 - cell)


def _blur(pixels: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    row = tf.constant([1.0, 2.0, 1.0]) / 4.0
    kernel = tf.tile((row[:, None] * row[None, :])[:, :, None, None], (1, 1, 3, 1))
    for _ in range(2):
        pixels = tf.nn.depthwise_conv2d(pixels, kernel, (1, 1, 1, 1), "SAME")
    return pixels


def _rotate_and_zoom(pixels: tf.Tensor, seed: tf.Tensor, how: Augmentation) -> tf.Tensor:
    import math

    import tensorflow as tf

    count = tf.shape(pixels)[0]
    height, width = tf.cast(tf.shape(pixels)[1], tf.float32), tf.cast(tf.shape(pixels)[2], tf.float32)
    draw = tf.random.stateless_uniform((2, count), seed, -1.0, 1.0)
    angle = draw[0] * math.radians(how.rotate)
    scale = 1.0 / (1.0 + draw[1] * how.zoom)
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    zeros = tf.zeros_like(angle)
    matrix = tf.stack(
        [
            cosine, -sine, middle_x - cosine * middle_x + sine * middle_y,
            sine, cosine, middle_y - sine * middle_x - cosine * middle_y,
            zeros, zeros,
        ],
        axis=1,
    )  # fmt: skip
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=matrix,
        output_shape=tf.shape(pixels)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def _mix(pixels: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor, alpha: float) -> tuple[tf.Tensor, tf.Tensor]:
    import tensorflow as tf

    count = tf.shape(pixels)[0]
    gamma = tf.random.stateless_gamma((2, count), seed, alpha)
    weight = gamma[0] / tf.maximum(gamma[0] + gamma[1], 1e-6)
    weight = tf.maximum(weight, 1 - weight)[:, None]
    other = tf.reverse(pixels, [0]), tf.reverse(targets, [0])
    wide = weight[:, :, None, None]
    return wide * pixels + (1 - wide) * other[0], weight * targets + (1 - weight) * other[1]
