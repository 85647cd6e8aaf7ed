"""Small real models and images that the tests of the device share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import Card, InputContract, OperatingPoints
from edge_runtime.core.model_file import pack_model
from tests.assets.make_models import read

SIDE = 16
CONTRACT = InputContract(height=SIDE, width=SIDE)
RED, BLUE, BLACK = (200, 60, 40), (40, 60, 200), (0, 0, 0)


@pytest.fixture(scope="session")
def flatbuffer_of() -> Callable[[str], bytes]:
    """The tiny models of :mod:`tests.assets.make_models` by kind: parasitized is what is redder than blue."""
    return read


@pytest.fixture(scope="session")
def packed(flatbuffer_of: Callable[[str], bytes]) -> bytes:
    """A one-file model: int8, card with review point 0.2 and count point 0.9, two golden images of 20x24 pixels."""
    from edge_runtime.core.backends import open_interpreter
    from edge_runtime.inspection.golden import make_golden, write_golden

    flatbuffer = flatbuffer_of("int8")
    images = np.random.default_rng(1).integers(0, 256, (2, 24, 20, 3), dtype=np.uint8)
    golden = write_golden(make_golden(open_interpreter(flatbuffer), CONTRACT, images))
    card = Card(input=CONTRACT, points=OperatingPoints(review=0.2, count=0.9), details={"name": "tiny"})
    return pack_model(flatbuffer, card, golden)


@pytest.fixture
def model_path(packed: bytes, tmp_path: Path) -> Path:
    """The one-file model as a file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(packed)
    return path


@pytest.fixture
def cell(tmp_path: Path) -> Callable[..., Path]:
    """Write a plain-coloured cell image: ``cell("a.png", RED)``."""

    def write(name: str, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (20, 24)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write
