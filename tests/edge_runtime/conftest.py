"""Small real models and images that the tests of the device share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import Card, InputContract, OperatingPoints
from edge_runtime.core.model_file import pack_model

SIDE = 16
CONTRACT = InputContract(height=SIDE, width=SIDE)
RED, BLUE, BLACK = (200, 60, 40), (40, 60, 200), (0, 0, 0)


@pytest.fixture(scope="session")
def flatbuffer_of() -> Callable[[str], bytes]:
    """Models that call a cell parasitized when it is redder than blue: logit = 4 (red - blue), colours in -1..1.

    Kinds: "int8" and "float32" (one logit), "sigmoid" (one probability), "softmax" (blue, red), "logits" (blue, red).
    """
    made: dict[str, bytes] = {}

    def flatbuffer(kind: str) -> bytes:
        if kind not in made:
            made[kind] = _convert(kind)
        return made[kind]

    return flatbuffer


def _convert(kind: str) -> bytes:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow", reason="tiny models are made with TensorFlow")
    layers = tensorflow.keras.layers
    pixels = tensorflow.keras.Input((SIDE, SIDE, 3), batch_size=1)
    colour = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="copy")(pixels))
    units, activation = {"sigmoid": (1, "sigmoid"), "softmax": (2, "softmax"), "logits": (2, None)}.get(kind, (1, None))
    model = tensorflow.keras.Model(pixels, layers.Dense(units, activation=activation, name="decide")(colour))
    model.get_layer("copy").set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3), np.zeros(3, np.float32)])
    redder = np.array([[4.0], [0.0], [-4.0]], np.float32)
    kernel = redder if units == 1 else np.concatenate([-redder / 2, redder / 2], axis=1)
    model.get_layer("decide").set_weights([kernel, np.zeros(units, np.float32)])
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
    if kind == "int8":
        generator = np.random.default_rng(0)
        plain = [np.full((1, SIDE, SIDE, 3), value, np.float32) for value in (-1, 1)]
        colours = [np.tile(generator.uniform(-1, 1, (1, 1, 1, 3)), (1, SIDE, SIDE, 1)) for _ in range(40)]
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x.astype(np.float32)] for x in plain + colours)
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tensorflow.uint8
        converter.inference_output_type = tensorflow.int8
    from train.network.silence import silenced

    # a test may make the first model of a kind while it captures a command's output
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter warns of what is meant
        return bytes(converter.convert())


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
