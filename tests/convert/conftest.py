"""A small run ready for conversion, and its int8 model."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def attempts(run_folder: Path):
    """Attempts at converting the run, its float answers computed once for all tests."""
    from convert.gate.attempts import Attempts
    from convert.gate.gate import Gate
    from convert.gate.held_out import hold_out
    from convert.quantise.trained_model import open_trained_model

    trained = open_trained_model(run_folder, None)
    held_out = hold_out(trained)
    assert held_out.reference.logits.shape == held_out.rows.shape == (len(held_out.cells),)
    return Attempts(trained, Gate(held_out))


@pytest.fixture(scope="session")
def int8_attempt(attempts):
    """The run converted by the default recipe."""
    from convert.gate.attempts import ConversionSettings
    from convert.quantise.recipes import find

    return attempts.convert(ConversionSettings(find("int8"), size=120))
