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


@pytest.mark.long
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


@pytest.mark.parametrize(("area", "short"), [(0.99, []), (0.6, ["ours"]), (None, ["ours"])])
def test_times_count_only_when_both_ways_reach_the_target(
    area: float | None, short: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.cli import bench
    from benchmarks.training import classic_recipe

    asked: list[dict[str, int]] = []

    def compare(cells, parts, network, recipe, work, recommended=None):  # type: ignore[no-untyped-def]
        patients = [{cells.patients[i] for i in np.flatnonzero(parts == part)} for part in ("train", "val", "test")]
        assert not (patients[0] & patients[1] or patients[0] & patients[2] or patients[1] & patients[2])
        asked.append({"cells": len(cells), "last_layers": recipe.last_layers, "epochs": recipe.epochs})
        return [classic_recipe.Timed("theirs", 30.0, 0.98, 0.9), classic_recipe.Timed("ours", 4.0, area, 0.9)]

    monkeypatch.setattr(classic_recipe, "compare", compare)
    arguments = ["training", str(draw(tmp_path / "cells")), "--most", "100", "--epochs", "2", "--target", "0.95"]
    done = CliRunner().invoke(bench, [*arguments, "--weights", "none", "--json"])
    assert asked == [{"cells": 100, "last_layers": 20, "epochs": 2}]
    document = json.loads(done.stdout)
    assert document["speedup"] == 7.5 and sum(document["cells"].values()) == 100
    assert [result["test_auc"] for result in document["results"]] == [0.98, area]
    assert isinstance(done.exception, NotConclusive) == bool(short)
    assert all(str(done.exception).startswith(f"{name}: test AUC below 0.95") for name in short)
