"""A small model file that the tests of the benchmarks share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import pack_model

SIDE = 16


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-file model with a card: float, one logit, 16x16."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow", reason="the small model is made with TensorFlow")
    layers = tensorflow.keras.layers
    pixels = tensorflow.keras.Input((SIDE, SIDE, 3), batch_size=1)
    network = tensorflow.keras.Model(pixels, layers.Dense(1)(layers.GlobalAveragePooling2D()(pixels)))
    flatbuffer = bytes(tensorflow.lite.TFLiteConverter.from_keras_model(network).convert())
    path = tmp_path_factory.mktemp("model") / "small.tflite"
    path.write_bytes(pack_model(flatbuffer, Card(input=InputContract(height=SIDE, width=SIDE))))
    return path
