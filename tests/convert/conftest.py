"""A run on the bench, and its int8 model."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bench(run_folder: Path):
    """The run on the bench, its float answers computed once for all tests."""
    from convert.conversion import open_bench

    opened = open_bench(run_folder, None, None, 0)
    assert opened.reference.logits.shape == (len(opened.rows),)
    return opened


@pytest.fixture(scope="session")
def int8_candidate(bench):
    """The run converted by the default recipe."""
    from convert.gate.workbench import Step
    from convert.quantise.recipes import find

    return bench.attempt(Step(find("int8"), size=120))
