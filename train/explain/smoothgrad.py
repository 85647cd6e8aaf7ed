"""SmoothGrad: which pixels the logit hangs on, averaged over slightly noisy copies of the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.core.card import InputContract
from train.explain.cell_mask import cell_mask
from train.network.keras_logits import normalised

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

SAMPLES = 24
NOISE = 0.1
_BATCH = 8  # copies at a time: a large network at 224 pixels still fits in a few hundred MB


def smoothgrad(
    model: keras.Model,
    contract: InputContract,
    pixels: NDArray[np.uint8],
    samples: int = SAMPLES,
    noise: float = NOISE,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Absolute gradient of the logit by each pixel, after Smilkov et al. 2017 (arXiv:1706.03825).

    The gradient is averaged over copies with Gaussian noise, then the largest magnitude of the three channels is
    taken. The black outside the cell gets no noise: the network has never seen it anything but black, so a gradient
    there would be one of images that do not exist.

    Args:
        model: normalised float32 [n, h, w, 3] to the logit [n, 1].
        contract: how pixels are normalised.
        pixels: uint8 [h, w, 3] RGB at the model's size.
        samples: noisy copies; the paper finds little gain beyond 50.
        noise: standard deviation as a part of the full range; the paper recommends 0.1 to 0.2.
        seed: of the noise; the same seed gives the same map.

    Returns:
        float32 [h, w], not negative, in logits for a change of one grey level.
    """
    import tensorflow as tf

    generator = np.random.default_rng(seed)
    cell = cell_mask(pixels)[..., None]
    total = np.zeros(pixels.shape, np.float64)
    for start in range(0, samples, _BATCH):
        count = min(_BATCH, samples - start)
        grain = generator.standard_normal((count, *pixels.shape), np.float32) * np.float32(255 * noise) * cell
        noisy = tf.constant(np.clip(pixels + grain, 0, 255).astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(noisy)
            logits = model(normalised(noisy, contract), training=False)
        total += tape.gradient(logits, noisy).numpy().sum(axis=0)
    return np.asarray(np.abs(total / samples).max(axis=-1), np.float32)
