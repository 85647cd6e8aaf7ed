"""Uncertainty by resampling patients: cells of one patient resemble each other, so patients are the unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.metrics.patient_sums import PatientSums

REPLICATES = 2000
LEVEL = 0.95
_ROWS = 500
_BIASED = frozenset({"ece"})
Statistics = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """A figure with its percentile bootstrap interval (Efron 1979).

    Attributes:
        value: the figure on the data as they are, None when undefined.
        low: lower end of the two-sided interval, None when there is no interval.
        high: upper end.
        lower_bound: one-sided lower bound at the same level.
        upper_bound: one-sided upper bound at the same level.
        reason: why value or interval is missing, or None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    lower_bound: float | None = None
    upper_bound: float | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, float | str | None]:
        """``{"value", "low", "high"}``, and ``"reason"`` when something is missing."""
        document: dict[str, float | str | None] = {"value": self.value, "low": self.low, "high": self.high}
        return document if self.reason is None else {**document, "reason": self.reason}


def patient_weights(patients: int, replicates: int = REPLICATES, seed: int = 0) -> Iterator[np.ndarray]:
    """How often each patient is drawn, with replacement, in each replicate.

    Yields:
        int [r, patients] blocks, ``replicates`` rows in all; every row sums to ``patients``.
    """
    generator = np.random.default_rng(seed)
    # Data without patients draw images, many thousands of them: the blocks stay small then.
    rows = max(1, min(_ROWS, 4_000_000 // max(patients, 1)))
    for start in range(0, replicates, rows):
        block = min(rows, replicates - start)
        drawn = generator.integers(0, patients, size=(block, patients))
        drawn += np.arange(block)[:, None] * patients
        yield np.bincount(drawn.ravel(), minlength=block * patients).reshape(block, patients)


def bootstrap(
    statistics: Statistics,
    patients: int,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """Intervals for any set of figures that can be computed from how often each patient counts.

    Args:
        statistics: maps weights [r, patients] to named arrays [r], NaN where undefined.
        patients: how many there are.
        replicates: resamplings; 2,000 leave a relative error of about 2 % in the ends of a 95 % interval.
        seed: makes the answer repeatable; the same seed resamples the same patients, which pairs comparisons.
        level: coverage, 0..1.

    Returns:
        An estimate per figure. Replicates in which a figure is undefined are left out of its interval; there is
        no interval with one patient, or when fewer than half of the replicates define the figure. The interval of
        ``ece`` is moved back by its bootstrap bias: resampling adds noise, and noise can only add to that error.
    """
    points = {name: float(value[0]) for name, value in statistics(np.ones((1, patients))).items()}
    if patients < 2:
        reason = "one patient tells nothing about the spread between patients"
        return {name: _pointwise(value, reason) for name, value in points.items()}
    blocks = [statistics(weights) for weights in patient_weights(patients, replicates, seed)]
    return {
        name: _interval(value, np.concatenate([block[name] for block in blocks]), level, name in _BIASED)
        for name, value in points.items()
    }


def paired_difference(
    first: PatientSums,
    second: PatientSums,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """First minus second model on the same cells, both seeing the same patients in every replicate.

    Better than before means: the ``lower_bound`` of the difference is above 0 (Brier and ECE: the upper below 0).

    Raises:
        ValueError: the two were not measured on the same labelled cells of the same patients.
    """
    return mean_difference([first], [second], replicates, seed, level)


def mean_difference(
    first: Sequence[PatientSums],
    second: Sequence[PatientSums],
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """Mean figures of some models minus those of others, such as two recipes with several seeds each.

    Every replicate draws the same patients for all of them. The interval is of the patients: that another seed would
    have given other models is not in it.

    Raises:
        ValueError: they were not measured on the same labelled cells of the same patients.
    """
    one = first[0]
    for other in (*first, *second):
        same = np.array_equal(one.labels, other.labels) and np.array_equal(one.patient, other.patient)
        if one.names != other.names or not same:
            raise ValueError("A paired comparison needs all models on the same cells in the same order.")

    def difference(weights: np.ndarray) -> dict[str, np.ndarray]:
        ours, theirs = ([model.pooled(weights) for model in models] for models in (first, second))
        return {name: _mean(ours, name) - _mean(theirs, name) for name in ours[0]}

    return bootstrap(difference, len(one.names), replicates, seed, level)


def _mean(figures: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    return np.asarray(np.mean([each[name] for each in figures], axis=0))


def _interval(value: float, drawn: np.ndarray, level: float, biased: bool) -> Estimate:
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value):
        return _pointwise(value, "undefined on these cells")
    if 2 * len(defined) < len(drawn):
        return _pointwise(value, f"undefined in {len(drawn) - len(defined)} of {len(drawn)} resamplings of patients")
    if biased:
        # Never below what the figure can be: 0 for an error, which a difference of errors may well undercut.
        defined = np.maximum(defined + value - np.median(defined), min(0.0, float(defined.min())))
    tail = (1 - level) / 2
    low, high, lower, upper = np.quantile(defined, [tail, 1 - tail, 1 - level, level])
    return Estimate(float(value), float(low), float(high), float(lower), float(upper))


def _pointwise(value: float, reason: str) -> Estimate:
    return Estimate(float(value) if np.isfinite(value) else None, reason=reason)
