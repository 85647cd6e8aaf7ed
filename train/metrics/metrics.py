"""Figures of merit for a two-class cell classifier: arrays in, frozen dataclasses out, undefined values say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from train.metrics.ranking import auc_of_counts, average_precision_of_counts, cumulative_counts, rank, ratio

METRICS = (
    "accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "mcc",
    "auc",
    "average_precision",
    "brier",
    "ece",
)
BINS = 10
NO_CELLS = "there are no cells"
NO_PARASITIZED = "there are no parasitized cells"
NO_UNINFECTED = "there are no uninfected cells"
NONE_CALLED = "no cell was called parasitized"


@dataclass(frozen=True)
class Measure:
    """One figure, or the reason why it does not exist.

    Attributes:
        value: the figure, None when it is undefined.
        reason: why it is undefined, None when it is not.
    """

    value: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Confusion:
    """Counts of cells at one threshold: t/f for right/wrong, p/n for called parasitized/uninfected."""

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True)
class Attained:
    """The best of one rate while the other is held.

    Attributes:
        value: the rate that was maximised, 0..1.
        held: what the other rate came to, at least its target.
        threshold: call a cell parasitized at or above this score; None when no finite score reaches the target.
    """

    value: float
    held: float
    threshold: float | None


@dataclass(frozen=True)
class EceFloor:
    """The calibration error that chance alone gives a perfectly calibrated model of the same size.

    Attributes:
        mean: average over the simulations.
        p95: 95th percentile: only an error above it speaks against the calibration.
    """

    mean: float
    p95: float


def rates_of_counts(tp: ArrayLike, fp: ArrayLike, tn: ArrayLike, fn: ArrayLike) -> dict[str, np.ndarray]:
    """The threshold metrics for confusion counts of any shape, element by element; NaN where undefined.

    Precision needs a cell called parasitized. F1 needs a parasitized cell, and is 0 when none is found. MCC
    (Matthews 1975) needs both classes, and is 0, its limit, when all cells are called the same.
    """
    hits, alarms, clear, missed = (np.asarray(count, dtype=float) for count in (tp, fp, tn, fn))
    positives, negatives = hits + missed, clear + alarms
    spread = np.sqrt((hits + alarms) * positives * negatives * (clear + missed))
    mcc = np.divide(hits * clear - alarms * missed, spread, out=np.zeros_like(spread), where=spread > 0)
    return {
        "accuracy": ratio(hits + clear, positives + negatives),
        "sensitivity": ratio(hits, positives),
        "specificity": ratio(clear, negatives),
        "precision": ratio(hits, hits + alarms),
        "f1": np.where(positives > 0, ratio(2 * hits, 2 * hits + alarms + missed), np.nan),
        "mcc": np.where((positives > 0) & (negatives > 0), mcc, np.nan),
    }


def ece_of_bins(count: np.ndarray, expected: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Expected calibration error from sums per bin, each [..., bins]: cells, sum of P, parasitized cells."""
    return ratio(np.abs(expected - observed).sum(axis=-1), count.sum(axis=-1))


def confusion(labels: np.ndarray, called: np.ndarray) -> Confusion:
    """Count the four outcomes; ``labels`` and ``called`` are [n], 1 or True for parasitized."""
    truth, call = np.asarray(labels, dtype=bool), np.asarray(called, dtype=bool)
    return Confusion(
        tp=int(np.sum(truth & call)),
        fp=int(np.sum(~truth & call)),
        tn=int(np.sum(~truth & ~call)),
        fn=int(np.sum(truth & ~call)),
    )


def bin_of(probabilities: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Index 0..bins-1 of the equal-width bin of each P; bins are closed below, the last one also above."""
    index: np.ndarray = (np.asarray(probabilities, dtype=float) * bins).astype(int)
    return np.asarray(np.minimum(index, bins - 1))


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve of scores [n]; NaN when a class is missing."""
    return _scalar(auc_of_counts, labels, scores)


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Average precision of scores [n]; NaN when a class is missing."""
    return _scalar(average_precision_of_counts, labels, scores)


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of P(parasitized) (Brier 1950), 0 best; NaN without cells."""
    errors = (np.asarray(probabilities, dtype=float) - np.asarray(labels, dtype=float)) ** 2
    return float(errors.mean()) if len(errors) else float("nan")


def ece(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Mean gap between P(parasitized) and the share parasitized over equal-width bins; NaN without cells.

    The bins are of P(parasitized), not of the confidence in the winning class (Naeini 2015, two-class form).
    """
    index = bin_of(probabilities, bins)
    sums = [np.bincount(index, weights=w, minlength=bins) for w in (None, probabilities, labels)]
    return float(ece_of_bins(*(np.asarray(s, dtype=float) for s in sums)))


def ece_floor(
    probabilities: np.ndarray,
    groups: np.ndarray | None = None,
    simulations: int = 200,
    seed: int = 0,
    bins: int = BINS,
) -> EceFloor:
    """Simulate labels from the probabilities themselves and measure the error that remains.

    Args:
        probabilities: P(parasitized) [n].
        groups: int [n] from 0 without gaps; the error is then averaged over groups instead of pooled.
        simulations: how many sets of labels to draw.
        seed: makes the answer repeatable.

    Returns:
        NaN figures when there are no cells. Cells are drawn independently, so the floor is, if anything, low.
    """
    p = np.asarray(probabilities, dtype=float)
    if not len(p):
        return EceFloor(float("nan"), float("nan"))
    group = np.zeros(len(p), int) if groups is None else np.asarray(groups)
    cell = group * bins + bin_of(p, bins)
    shape = (int(group.max()) + 1, bins)
    count = np.bincount(cell, minlength=shape[0] * bins).reshape(shape).astype(float)
    expected = np.bincount(cell, weights=p, minlength=shape[0] * bins).reshape(shape)
    generator = np.random.default_rng(seed)
    errors = np.empty(simulations)
    for i in range(simulations):
        drawn = generator.random(len(p)) < p
        observed = np.bincount(cell[drawn], minlength=shape[0] * bins).reshape(shape)
        errors[i] = ece_of_bins(count, expected, observed).mean()
    return EceFloor(float(errors.mean()), float(np.quantile(errors, 0.95)))


def sensitivity_at_specificity(labels: np.ndarray, scores: np.ndarray, specificity: float) -> Attained | None:
    """Highest sensitivity with at least this specificity (0..1); None when a class is missing.

    The threshold is chosen on the data it is measured on, so the figure is slightly flattering.
    """
    return _attain(labels, scores, specificity, hold_specificity=True)


def specificity_at_sensitivity(labels: np.ndarray, scores: np.ndarray, sensitivity: float) -> Attained | None:
    """Highest specificity with at least this sensitivity (0..1); None when a class is missing."""
    return _attain(labels, scores, sensitivity, hold_specificity=False)


def measure(
    labels: np.ndarray, probabilities: np.ndarray, scores: np.ndarray | None = None, threshold: float = 0.5
) -> dict[str, Measure]:
    """All of :data:`METRICS`, pooled over the cells.

    Args:
        labels: int [n], 1 parasitized.
        probabilities: P(parasitized) [n].
        scores: what to rank by [n]; the probabilities when None. Logits do not saturate into ties.
        threshold: a cell is called parasitized at or above this P.
    """
    truth, p = np.asarray(labels), np.asarray(probabilities, dtype=float)
    ranked = p if scores is None else scores
    table = confusion(truth, p >= threshold)
    values = {name: float(value) for name, value in rates_of_counts(table.tp, table.fp, table.tn, table.fn).items()}
    values |= {"auc": auc(truth, ranked), "average_precision": average_precision(truth, ranked)}
    values |= {"brier": brier(truth, p), "ece": ece(truth, p)}
    return explain_undefined(values, table)


def explain_undefined(values: Mapping[str, float], table: Confusion) -> dict[str, Measure]:
    """Turn NaN into None with the reason that the confusion counts give."""
    positives, negatives = table.tp + table.fn, table.tn + table.fp
    if not positives + negatives:
        missing = NO_CELLS
    elif not positives:
        missing = NO_PARASITIZED
    else:
        missing = NONE_CALLED if negatives else NO_UNINFECTED
    return {
        name: Measure(float(value))
        if np.isfinite(value)
        else Measure(None, NONE_CALLED if name == "precision" and positives + negatives else missing)
        for name, value in values.items()
    }


def _attain(labels: np.ndarray, scores: np.ndarray, target: float, hold_specificity: bool) -> Attained | None:
    ranking = rank(scores)
    tp, fp = cumulative_counts(labels, ranking)
    if not len(tp) or not tp[-1] or not fp[-1]:
        return None
    # The first point is the threshold above every score: nothing is called parasitized.
    sensitivity = np.append(0.0, tp / tp[-1])
    specificity = np.append(1.0, 1 - fp / fp[-1])
    held, value = (specificity, sensitivity) if hold_specificity else (sensitivity, specificity)
    candidates = np.flatnonzero(held >= target - 1e-12)
    best = candidates[np.lexsort((-held[candidates], -value[candidates]))[0]]
    threshold = None if best == 0 else float(np.asarray(scores)[ranking.order[ranking.ends[best - 1]]])
    return Attained(float(value[best]), float(held[best]), threshold)


def _scalar(area: Callable[[np.ndarray, np.ndarray], np.ndarray], labels: np.ndarray, scores: np.ndarray) -> float:
    if not len(labels):
        return float("nan")
    return float(area(*cumulative_counts(labels, rank(scores))))
