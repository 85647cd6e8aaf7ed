"""Scores of a run's training patients by models that never saw them: what thresholds and blank rate are taken from."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.core.card import OutputContract
from edge_runtime.errors import BadData
from train.data.tables import read_csv
from train.data.teacher import TEACHER, read_teacher
from train.metrics.calibration import calibrated, fit_calibration
from train.runs.run import Run


@dataclass(frozen=True)
class OutOfFold:
    """Calibrated scores of n training cells, each by a model that was trained without the cell's patient.

    Attributes:
        rows: int [n], the cells' places in the run.
        labels: int8 [n], 1 parasitized.
        probabilities: float64 [n].
        patients: n names.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    patients: tuple[str, ...]


def out_of_fold(run: Run) -> OutOfFold | None:
    """The run's own folds of training patients (``--split train``), those with most cells; None without any.

    Folds of all patients do not count: their models learnt from the test patients, who would so have a say in the
    thresholds that they judge.

    Raises:
        BadData: the scores, or what they are scores of, are damaged.
    """
    if run.cells.patients is None:
        return None
    best: dict[int, float] = {}
    for path in sorted((run.path / "folds").glob("*/scores.csv")):
        if _part_of(path.parent / "folds.json") != "train":
            continue
        found = _of_training(run, _read(path))
        if len(found) > len(best):
            best = found
    if not best:
        return None
    rows = np.fromiter(best, int)
    patients = tuple(run.cells.patients[i] for i in rows)
    return OutOfFold(rows, run.cells.labels[rows], np.fromiter(best.values(), float), patients)


def teacher_scores(run: Run, own: OutOfFold | None = None) -> OutOfFold | None:
    """What the models that taught a run say of its training patients, whom each of them had not seen; None without any.

    Args:
        own: scores by the run's own folds; their cells are left out.

    They are sisters of the run's network, not the network: a calibrated score of theirs says how often healthy cells
    look so infected, which a handful of validation patients cannot, but not where this network's own scores lie.

    Raises:
        BadData: the run's copy is damaged.
    """
    path = run.path / TEACHER
    if run.cells.patients is None or run.config.get("teacher_weight") is None or not path.is_file():
        return None
    known = read_teacher(path)
    rows = run.indices("train")
    unknown = [run.cells.paths[i] for i in rows if run.cells.paths[i] not in known]
    if unknown:
        raise BadData(f"{path} does not know {len(unknown)} training cells ({unknown[0]} ...); it is damaged.")
    edge = np.finfo(float).eps
    p = np.clip([known[run.cells.paths[i]] for i in rows], edge, 1 - edge)
    logits, labels = np.log(p) - np.log1p(-p), run.cells.labels[rows]
    fitted = fit_calibration(logits, labels, with_bias=False)
    probabilities = calibrated(logits, OutputContract(temperature=fitted.temperature))
    kept = np.isin(rows, [] if own is None else own.rows, invert=True)
    if not kept.any():
        return None
    return OutOfFold(rows[kept], labels[kept], probabilities[kept], tuple(run.cells.patients[i] for i in rows[kept]))


def together(
    labels: np.ndarray, probabilities: np.ndarray, patients: tuple[str, ...] | None, others: OutOfFold | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...] | None]:
    """Labels [n], probabilities [n] and patients with those of other cells behind them; alone when there are none."""
    if others is None or patients is None:
        return labels, probabilities, patients
    return (
        np.concatenate([labels, others.labels]),
        np.concatenate([probabilities, others.probabilities]),
        patients + others.patients,
    )


def _of_training(run: Run, probabilities: dict[str, float]) -> dict[int, float]:
    return {
        int(i): probabilities[run.cells.paths[i]] for i in run.indices("train") if run.cells.paths[i] in probabilities
    }


def _part_of(path: Path) -> str | None:
    """What was folded; None for scores put there by hand, of which nobody knows which model judged whom."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["part"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} is damaged ({error}); `thinsmear evaluate RUN --folds K` writes it again.") from error


def _read(path: Path) -> dict[str, float]:
    try:
        found = {row["path"]: float(row["probability"]) for row in read_csv(path)}
        wrong = [value for value in found.values() if not 0 <= value <= 1]  # also what is no number
        if wrong:
            raise ValueError(f"probability {wrong[0]}")
        return found
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadData(f"{path} is damaged ({error}); `thinsmear evaluate RUN --folds K` writes it again.") from error
