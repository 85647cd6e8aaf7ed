"""Scores of a run's training patients by models that never saw them: what thresholds and blank rate are taken from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.errors import BadData
from train.run import Run


@dataclass(frozen=True)
class OutOfFold:
    """Calibrated scores of n training cells, each by a model that was trained without the cell's patient.

    Attributes:
        labels: int8 [n], 1 parasitized.
        probabilities: float64 [n].
        patients: n names.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    patients: tuple[str, ...]


def out_of_fold(run: Run) -> OutOfFold | None:
    """The run's own folds, those with most training cells; None without any.

    Cells of validation and test patients are left out: the ones choose thresholds anyway, the others judge them. The
    scores a teacher taught with will not do: trained by another recipe, its 0.99 is not the 0.99 of this network.

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
    if not best:
        return None
    rows = np.fromiter(best, int)
    patients = tuple(run.cells.patients[i] for i in rows)
    return OutOfFold(run.cells.labels[rows], np.fromiter(best.values(), float), patients)


def _of_training(run: Run, probabilities: dict[str, float]) -> dict[int, float]:
    return {
        int(i): probabilities[run.cells.paths[i]] for i in run.indices("train") if run.cells.paths[i] in probabilities
    }


def _read(path: Path) -> dict[str, float]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["path"]: float(row["probability"]) for row in csv.DictReader(stream)}
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"{path} is damaged ({error}); `thinsmear evaluate RUN --folds K` writes it again.") from error
