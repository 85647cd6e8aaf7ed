"""The blank rate: how often healthy cells are called infected, how patients differ in it, and what that excludes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Density for sentences only, where none was measured (WHO's convention).
_RED_CELLS = 5_000_000


@dataclass(frozen=True)
class BlankRate:
    """Share of uninfected cells called infected at one threshold.

    Attributes:
        rate: pooled share, 0..1.
        low: lower end of the exact 95 % interval (Clopper and Pearson 1934) for independent cells.
        high: upper end.
        upper: exact one-sided 95 % upper bound.
        between_patient_sd: standard deviation of the true rate between patients (beta-binomial, moments); 0 when
            the patients differ no more than chance makes them, None with fewer than two patients.
        positives: cells called infected.
        cells: cells looked at.
        patients: healthy patients they come from.
        worst_patient: highest share in one patient.
        statement: in words, what so many patients and cells exclude, and what they do not.
    """

    rate: float
    low: float
    high: float
    upper: float
    between_patient_sd: float | None
    positives: int
    cells: int
    patients: int
    worst_patient: float
    statement: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the card and the report."""
        return asdict(self)


def blank_rate(positives: np.ndarray, cells: np.ndarray) -> BlankRate:
    """Estimate the blank rate from healthy patients.

    Args:
        positives: int [k], cells called infected in each patient.
        cells: int [k], cells of each patient, at least 1.

    Raises:
        ValueError: no patients, or more positives than cells.
    """
    called, looked = np.asarray(positives, dtype=int), np.asarray(cells, dtype=int)
    if not len(looked) or np.any(looked < 1) or np.any(called > looked) or np.any(called < 0):
        raise ValueError("A blank rate needs at least one healthy patient, each with 0 to all of its cells called.")
    x, n, k = int(called.sum()), int(looked.sum()), len(looked)
    spread = between_patient_sd(called, looked)
    low, high = exact_interval(x, n)
    return BlankRate(
        rate=x / n,
        low=low,
        high=high,
        upper=exact_upper(x, n),
        between_patient_sd=None if k < 2 else float(spread),
        positives=x,
        cells=n,
        patients=k,
        worst_patient=float(np.max(called / looked)),
        statement=_statement(x, n, k),
    )


def between_patient_sd(positives: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Standard deviation of the rate between patients beyond binomial chance (Kleinman 1973, weights = cells).

    Args:
        positives: [k] or [k, g]: g thresholds at once.
        cells: [k].

    Returns:
        [g] (or a scalar array), 0 where the estimate is negative or fewer than two patients are given.
    """
    x = np.asarray(positives, dtype=float)
    n = np.asarray(cells, dtype=float).reshape(-1, *[1] * (x.ndim - 1))
    total, patients = n.sum(), len(n)
    if patients < 2 or total <= patients:
        return np.zeros(x.shape[1:])
    rate = x.sum(axis=0) / total
    between = (n * (x / n - rate) ** 2).sum(axis=0) / (patients - 1)
    within = (n * (x / n) * (1 - x / n)).sum(axis=0) / (total - patients)
    typical = (total - (n**2).sum() / total) / (patients - 1)
    return np.asarray(np.sqrt(np.maximum((between - within) / typical, 0)))


def exact_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided exact binomial interval (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    return 1 - exact_upper(trials - successes, trials, 1 - tail), exact_upper(successes, trials, 1 - tail)


def exact_upper(successes: int, trials: int, level: float = 0.95) -> float:
    """Exact one-sided upper bound of a proportion: the rate at which so few successes have probability 1 - level."""
    if successes >= trials:
        return 1.0
    k = np.arange(successes + 1)
    ways = np.array([math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1) for i in k])
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        terms = ways + k * math.log(middle) + (trials - k) * math.log1p(-middle)
        if math.fsum(np.exp(terms)) > 1 - level:
            low = middle
        else:
            high = middle
    return high


def _statement(positives: int, cells: int, patients: int) -> str:
    seen = (
        f"{positives:,} of {cells:,} cells of {patients} healthy patients were called infected "
        f"({positives / cells:.2%}). If cells were independent, that would exclude a blank rate above "
        f"{_density(exact_upper(positives, cells))} with 95 % confidence."
    )
    limit = (
        " With no cell called, a spread between patients cannot be seen either."
        if positives == 0
        else f" Had no cell been called, so many would still exclude only more than {_density(exact_upper(0, cells))}."
    )
    unseen = 1 - 0.05 ** (1 / patients)
    return (
        f"{seen}{limit} {patients} patients cannot exclude that {unseen:.0%} of healthy people have a higher rate than "
        "any of them."
    )


def _density(rate: float) -> str:
    """A rate and the false parasites it stands for, to two significant digits."""
    parasites = rate * _RED_CELLS
    digits = 1 - math.floor(math.log10(parasites))
    return f"{rate:.2%} ({round(parasites, digits):,.0f} parasites per microlitre at {_RED_CELLS:,} red cells)"
