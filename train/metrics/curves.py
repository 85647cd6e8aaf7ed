"""Curves of a test set for plotting and for the record: ROC, precision-recall, reliability, thresholds, patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.counting import wilson
from train.metrics.metrics import BINS, bin_of, rates_of_counts
from train.metrics.patient_sums import PatientSums
from train.metrics.ranking import cumulative_counts, rank

POINTS = 256


@dataclass(frozen=True)
class Roc:
    """Rates as the threshold falls, from (0, 0) to (1, 1); each tuple has as many points, POINTS at most."""

    false_positive_rate: tuple[float, ...]
    sensitivity: tuple[float, ...]


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision at falling thresholds, recall rising; ``base`` is the precision of calling everything."""

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    base: float


@dataclass(frozen=True)
class Reliability:
    """Stated against seen, per equal-width bin of P; bins without cells are left out.

    Attributes:
        mean: mean P(parasitized) in the bin.
        observed: share parasitized.
        cells: how many cells.
        low: lower end of the 95 % Wilson interval of ``observed`` (independent cells).
        high: upper end.
    """

    mean: tuple[float, ...]
    observed: tuple[float, ...]
    cells: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Thresholds:
    """What every threshold on P(parasitized) would give, evenly spaced in log-odds; None where undefined."""

    threshold: tuple[float, ...]
    sensitivity: tuple[float | None, ...]
    specificity: tuple[float | None, ...]
    precision: tuple[float | None, ...]


@dataclass(frozen=True)
class PatientRow:
    """One patient's cells and figures; None where the patient has no cell of the class."""

    patient: str
    cells: int
    parasitized: int
    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    errors: int


def roc(labels: np.ndarray, scores: np.ndarray) -> Roc | None:
    """ROC curve of scores [n]; None when a class is missing."""
    tp, fp = cumulative_counts(labels, rank(scores))
    if not len(tp) or not tp[-1] or not fp[-1]:
        return None
    x, y = np.append(0, fp / fp[-1]), np.append(0, tp / tp[-1])
    kept = _thin(x + y)
    return Roc(_floats(x[kept]), _floats(y[kept]))


def precision_recall(labels: np.ndarray, scores: np.ndarray) -> PrecisionRecall | None:
    """Precision-recall curve of scores [n]; None when a class is missing."""
    tp, fp = cumulative_counts(labels, rank(scores))
    if not len(tp) or not tp[-1] or not fp[-1]:
        return None
    recall, precision = tp / tp[-1], tp / (tp + fp)
    kept = _thin(recall + np.append(0, np.cumsum(np.abs(np.diff(precision)))) * 0.1)
    return PrecisionRecall(_floats(recall[kept]), _floats(precision[kept]), float(tp[-1] / (tp[-1] + fp[-1])))


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Reliability of P(parasitized) [n] in equal-width bins."""
    index = bin_of(probabilities, bins)
    cells = np.bincount(index, minlength=bins)
    kept = cells > 0
    n = cells[kept].astype(float)
    mean = np.bincount(index, weights=probabilities, minlength=bins)[kept] / n
    found = np.bincount(index, weights=labels, minlength=bins)[kept]
    sure = [wilson(int(infected), int(counted)) for infected, counted in zip(found, n, strict=True)]
    low, high = tuple(one.low for one in sure), tuple(one.high for one in sure)
    return Reliability(_floats(mean), _floats(found / n), tuple(int(c) for c in n), low, high)


def thresholds(labels: np.ndarray, probabilities: np.ndarray) -> Thresholds:
    """Sensitivity, specificity and precision at 153 thresholds from 0.0025 to 0.9999."""
    grid = 1 / (1 + np.exp(-np.linspace(-6, 9.2, 153)))
    truth, p = np.asarray(labels) == 1, np.asarray(probabilities, dtype=float)
    found = len(p[truth]) - np.searchsorted(np.sort(p[truth]), grid)
    alarms = len(p[~truth]) - np.searchsorted(np.sort(p[~truth]), grid)
    rates = rates_of_counts(found, alarms, len(p[~truth]) - alarms, len(p[truth]) - found)
    return Thresholds(_floats(grid), *(optional(rates[name]) for name in ("sensitivity", "specificity", "precision")))


def patient_rows(sums: PatientSums) -> tuple[PatientRow, ...]:
    """One row a patient, in the order of their names."""
    values = {name: optional(sums.per_patient[name]) for name in ("accuracy", "sensitivity", "specificity")}
    tp, fp, _, fn = sums.counts.T.astype(int)
    return tuple(
        PatientRow(
            patient=name,
            cells=int(sums.cells[i]),
            parasitized=int(tp[i] + fn[i]),
            accuracy=values["accuracy"][i],
            sensitivity=values["sensitivity"][i],
            specificity=values["specificity"][i],
            errors=int(fp[i] + fn[i]),
        )
        for i, name in enumerate(sums.names)
    )


def worst_patients(rows: tuple[PatientRow, ...], count: int = 10) -> tuple[PatientRow, ...]:
    """Patients by the upper end of the Wilson interval of their accuracy, worst first, the flawless left out.

    That way three wrong cells of five do not outrank a hundred wrong of three hundred.
    """
    flawed = [row for row in rows if row.errors]
    return tuple(sorted(flawed, key=lambda row: wilson(row.cells - row.errors, row.cells).high)[:count])


def optional(values: np.ndarray) -> tuple[float | None, ...]:
    """Floats, None for NaN."""
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _thin(position: np.ndarray) -> np.ndarray:
    """Indices of at most POINTS points spread evenly along a rising ``position``, both ends kept."""
    if len(position) <= POINTS:
        return np.arange(len(position))
    wanted = np.linspace(position[0], position[-1], POINTS)
    return np.unique(np.append(np.searchsorted(position, wanted[:-1]), len(position) - 1))
