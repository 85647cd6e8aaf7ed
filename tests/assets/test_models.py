"""The committed models answer as those that their script makes today."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.core.backends import open_interpreter
from edge_runtime.inspection.graph import read_graph
from tests.assets.make_models import KINDS, SIDE, convert, convert_custom, read


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_model_is_what_the_script_makes(kind: str) -> None:
    pytest.importorskip("tensorflow", reason="the script makes models with TensorFlow")
    committed, made = open_interpreter(read(kind)), open_interpreter(convert(kind))
    for one, other in ((committed.input, made.input), (committed.output, made.output)):
        assert replace(one, name="") == replace(other, name="")  # Keras counts names through a process
    colours = np.random.default_rng(3).integers(0, 256, (20, 1, 1, 1, 3))
    for colour in colours:
        pixels = np.broadcast_to(colour, (1, SIDE, SIDE, 3)).astype(committed.input.dtype)
        np.testing.assert_allclose(committed.run(pixels), made.run(pixels), rtol=1e-5)


def test_the_committed_custom_operator_is_what_the_script_makes() -> None:
    pytest.importorskip("tensorflow", reason="the script makes models with TensorFlow")
    assert read_graph(read("custom")) == read_graph(convert_custom())
    assert b"MatrixDeterminant" in read("custom")
