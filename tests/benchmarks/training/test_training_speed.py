"""The training benchmark trains both ways on the same cells and says how much faster ours is; no speed is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edge_runtime.errors import NotConclusive

pytest.importorskip("tensorflow")


def draw(root: Path) -> Path:
    """Discs, half of them with a dark spot, of ten patients."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    disc = ((rows - 16) ** 2 + (columns - 16) ** 2 < 220)[..., None]
    for number in range(120):
        spot = number % 2
        pixels = np.where(disc, rng.integers(170, 220, (32, 32, 3)), 0)
        if spot:
            pixels[10:20, 10:20] = (90, 20, 110)
        path = (
            root
            / ("Uninfected", "Parasitized")[spot]
            / f"C{number % 10}P{number % 10}_{number}.{('png', 'webp')[number % 4 == 0]}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


def test_both_ways_are_trained_and_compared(tmp_path: Path) -> None:
    from benchmarks.cli import bench

    arguments = ["training", str(draw(tmp_path / "cells")), "--weights", "none", "--size", "32", "--alpha", "0.35"]
    short = ["--head-epochs", "1", "--epochs", "1", "--most", "100", "--json", "--save", str(tmp_path / "speed.json")]
    short += ["--target", "1"]
    done = CliRunner().invoke(bench, [*arguments, *short])
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "speed.json").read_text())
    assert document["recipe"]["last_layers"] == 20 and sum(document["cells"].values()) == 100
    theirs, ours = document["results"]
    assert document["speedup"] == round(theirs["seconds"] / ours["seconds"], 2)
    assert all(0 <= result["test_accuracy"] <= 1 and 0 <= result["test_auc"] <= 1 for result in (theirs, ours))
    reached = all(result["test_auc"] == 1 for result in (theirs, ours))
    assert document["target"] == 1
    assert isinstance(done.exception, NotConclusive) is not reached and (done.exit_code == 0) is reached
