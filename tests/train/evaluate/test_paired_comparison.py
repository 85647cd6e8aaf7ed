"""Two sets of scores on the same cells: the paired difference, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from edge_runtime.cli import run as thinsmear
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.evaluate.paired_comparison import compare_paired, comparison_text

N = 240
LABELS = np.arange(N) % 2
CELLS = Cells(Path("."), tuple(f"c{i}.png" for i in range(N)), LABELS.astype(np.int8), tuple(f"p{i % 12}" for i in range(N)))  # fmt: skip


def scores(noise: float) -> np.ndarray:
    z = 3 * (2 * LABELS - 1) + np.random.default_rng(3).normal(0, noise, N)
    return np.asarray(1 / (1 + np.exp(-z)))


def write(path: Path, probabilities: np.ndarray, count: int = N) -> Path:
    rows = [f"{CELLS.paths[i]},{float(probabilities[i])!r}" for i in range(count)]
    path.write_text("\n".join(["path,probability", *rows]) + "\n")
    return path


def test_scores_against_themselves_differ_by_nothing(tmp_path: Path) -> None:
    found = compare_paired(CELLS, scores(3), write(tmp_path / "s.csv", scores(3)), 200)
    for name, entry in found["differences"].items():
        assert entry["value"] == entry["low"] == entry["high"] == 0, name


def test_better_scores_are_above(tmp_path: Path) -> None:
    good, poor = scores(1), scores(6)
    found = compare_paired(CELLS, good, write(tmp_path / "s.csv", poor), 500)["differences"]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(LABELS, good) - roc_auc_score(LABELS, poor))
    expected = ((good >= 0.5) == LABELS).mean() - ((poor >= 0.5) == LABELS).mean()
    assert found["accuracy"]["value"] == pytest.approx(expected)
    assert found["auc"]["lower_bound"] > 0 and found["brier"]["upper_bound"] < 0
    text = comparison_text(compare_paired(CELLS, good, tmp_path / "s.csv", 500))
    assert any(line.split()[:2] == ["auc", f"{found['auc']['value']:+.4f}"] for line in text.splitlines())


def test_other_cells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"does not know 4 of 240 cells \(c236.png"):
        compare_paired(CELLS, scores(1), write(tmp_path / "s.csv", scores(1), N - 4))
    with pytest.raises(WrongUsage, match=r"scores to compare against; .* writes probabilities.csv"):
        compare_paired(CELLS, scores(1), tmp_path / "none.csv")


def test_the_command_compares_what_it_wrote(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(run_folder), "--resamples", "100", "-q"]
    assert thinsmear([*arguments, "--out", str(tmp_path / "first")]) == 0
    written = tmp_path / "first" / "probabilities.csv"
    assert thinsmear([*arguments, "--json", "--against", str(written)]) == 0
    document = json.loads(capfd.readouterr().out.split("procedures.\n")[-1])
    assert document["against"]["cells"] == document["cells"]["total"]
    assert all(entry["value"] == 0 for entry in document["against"]["differences"].values())
