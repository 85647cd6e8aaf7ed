"""Scores of a run's training patients by models that never saw them: what thresholds and blank rate are taken from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.card import OutputContract
from edge_runtime.errors import BadData
from train.calibration import calibrated, fit_calibration
from train.run import Run
from train.teacher import TEACHER, read_teacher

_SURE = 1e-9  # probabilities are kept this far from 0 and 1, where log-odds end


@dataclass(frozen=True)
class OutOfFold:
    """Calibrated scores of n training cells, each by a model that was trained without the cell's patient.

    Attributes:
        labels: int8 [n], 1 parasitized.
        probabilities: float64 [n].
        patients: n names.
        source: whose scores they are, in words.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    patients: tuple[str, ...]
    source: str


def out_of_fold(run: Run) -> OutOfFold | None:
    """The run's own folds (those with most training cells), else the scores its teacher taught with, else None.

    Cells of validation and test patients are left out: the ones choose thresholds anyway, the others judge them.

    Raises:
        BadData: the scores are damaged.
    """
    if run.cells.patients is None:
        return None
    best: dict[int, float] = {}
    for path in sorted((run.path / "folds").glob("*/scores.csv")):
        found = _of_training(run, _read(path))
        if len(found) > len(best):
            best = found
    if best:
        return _made(run, best, "the run's folds")
    if run.config.get("teacher_weight") is None:
        return None
    taught = _of_training(run, read_teacher(run.path / TEACHER))
    rows = np.fromiter(taught, int)
    p = np.clip(np.fromiter(taught.values(), float), _SURE, 1 - _SURE)
    logits = np.log(p) - np.log1p(-p)
    # a teacher may come uncalibrated, as targets need not be
    fitted = fit_calibration(logits, run.cells.labels[rows], with_bias=False)
    probabilities = calibrated(logits, OutputContract(temperature=fitted.temperature, bias=fitted.bias))
    return _made(run, dict(zip(rows.tolist(), probabilities.tolist(), strict=True)), "its teacher's folds")


def _of_training(run: Run, probabilities: dict[str, float]) -> dict[int, float]:
    return {
        int(i): probabilities[run.cells.paths[i]] for i in run.indices("train") if run.cells.paths[i] in probabilities
    }


def _made(run: Run, found: dict[int, float], source: str) -> OutOfFold:
    assert run.cells.patients is not None
    rows = np.fromiter(found, int)
    patients = tuple(run.cells.patients[i] for i in rows)
    return OutOfFold(run.cells.labels[rows], np.fromiter(found.values(), float), patients, source)


def _read(path: Path) -> dict[str, float]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["path"]: float(row["probability"]) for row in csv.DictReader(stream)}
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"{path} is damaged ({error}); `thinsmear evaluate RUN --folds K` writes it again.") from error
