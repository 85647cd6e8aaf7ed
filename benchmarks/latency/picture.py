"""The one cell image that latency is measured on: made here, so that every machine times the same bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

SIDE = 142  # pixels; about the median of the NIH cell images, and no model's input size, so resizing is included


def cell_png() -> bytes:
    """A pink disc with a dark ring on black, lightly grained, as PNG; always the same picture."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    image = np.zeros((SIDE, SIDE, 3))
    inside = np.hypot(rows, columns) < 0.47 * SIDE
    image[inside] = (208, 160, 168)
    ring = np.abs(np.hypot(rows - 18, columns + 12) - 11) < 2.5
    image[ring] = (112, 58, 128)
    grain = np.random.default_rng(20).normal(0, 4, image.shape)
    pixels = np.where(inside[..., None], np.clip(image + grain, 0, 255), 0).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
