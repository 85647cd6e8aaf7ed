"""Whose scores the capture curve of a run takes: of models that had not seen the patient, each patient once."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from train.evaluate import captured as module
from train.evaluate.captured import captured
from train.metrics.capture import patient_depths
from train.runs.run import Run


@pytest.fixture
def run(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The description of a run, without its model; its patients have 14 cells of either class, which is enough here."""
    for name in ("config.json", "split.csv"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    monkeypatch.setattr(module, "patient_depths", lambda *data: patient_depths(*data, least=(10, 10)))
    return Run.open(tmp_path)


def patients_of(run: Run, *parts: str) -> set[str]:
    assert run.cells.patients is not None
    return {run.cells.patients[i] for i in run.indices(*parts)}


def perfect(run: Run, rows: np.ndarray) -> np.ndarray:
    return np.where(run.cells.labels[rows] == 1, 2.0, -2.0)


def fold(run: Run, probability: float) -> None:
    """Scores of the run's folds: all infected cells get this one, healthy ones 0.5."""
    path = run.path / "folds" / "train-2" / "scores.csv"
    path.parent.mkdir(parents=True)
    (path.parent / "folds.json").write_text(json.dumps({"part": "train"}))
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "probability"))
        writer.writerows(
            (run.cells.paths[i], probability if run.cells.labels[i] else 0.5) for i in run.indices("train")
        )


def test_validation_and_test_patients_by_the_model_itself(run: Run) -> None:
    rows = run.indices("val", "test")
    curve = captured(run, rows, perfect(run, rows))
    assert curve is not None and len(curve.found) == len(patients_of(run, "val", "test"))
    assert curve.share(0.01) == 1


def test_training_patients_by_the_folds(run: Run) -> None:
    fold(run, probability=0.1)
    rows = run.indices("val", "test")
    curve = captured(run, rows, perfect(run, rows))
    assert curve is not None and len(curve.found) == len(patients_of(run, "train", "val", "test"))
    trained = sum(found[-2] == 0 for found in curve.found)  # their infected cells stand below all healthy ones
    assert trained == len(patients_of(run, "train"))


def test_a_patient_the_model_learnt_from_is_not_held_out(run: Run) -> None:
    rows = run.indices("val", "test")
    assert run.cells.patients is not None
    learnt = run.cells.patients[run.indices("train")[0]]
    mixed = tuple(learnt if i == rows[0] else name for i, name in enumerate(run.cells.patients))
    curve = captured(replace(run, cells=replace(run.cells, patients=mixed)), rows, perfect(run, rows))
    assert curve is not None and sum(curve.infected) + 1 >= run.cells.labels[rows].sum()
    everyone = tuple(learnt for _ in mixed)
    assert captured(replace(run, cells=replace(run.cells, patients=everyone)), rows, perfect(run, rows)) is None
    assert captured(replace(run, cells=replace(run.cells, patients=None)), rows, perfect(run, rows)) is None


def test_too_few_cells_a_patient_make_no_curve(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "patient_depths", patient_depths)
    rows = run.indices("val", "test")
    assert captured(run, rows, perfect(run, rows)) is None
