"""PNG files hold every pixel, whichever way they are made."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.encoding import encode_png, write_png
from edge_runtime.core.images import load_image


@pytest.mark.parametrize("encode", [write_png, encode_png])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (48, 64)])
def test_png_files_hold_every_pixel(encode: Callable[[np.ndarray], bytes], shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for view in (pixels, pixels[::-1, ::-1], np.full_like(pixels, 7)):
        content = encode(view)
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
        assert np.array_equal(load_image(content), view)


def test_drawings_are_smaller_the_slow_way() -> None:
    drawing = np.full((300, 400, 3), 240, np.uint8)
    drawing[::7, :, 1] = np.arange(400) % 251
    assert len(encode_png(drawing)) < len(write_png(drawing))
