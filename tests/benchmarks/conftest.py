"""A small model file that the tests of the benchmarks share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import pack_model
from tests.assets.make_models import read

SIDE = 16


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-file model with a card: float, one logit, 16x16."""
    path = tmp_path_factory.mktemp("model") / "small.tflite"
    path.write_bytes(pack_model(read("float32"), Card(input=InputContract(height=SIDE, width=SIDE))))
    return path
