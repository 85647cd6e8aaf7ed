"""Durations to the figures that are published: mean, spread and percentiles. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

P99_NEEDS = 1000  # fewer runs leave under ten durations above the 99th percentile, too few to call it one
CONFIDENCE = 0.95
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """Durations in milliseconds, under the names that ``litert-benchmark`` uses, and p50, p90, p99 besides.

    Attributes:
        std_ms: standard deviation of the population.
        p99_ms: None below 1,000 runs.
        p50_interval_ms, ...: 95 % intervals of the percentiles, see :func:`interval`; None where the runs are too few
            to have one, or the percentile is withheld.
    """

    avg_ms: float
    min_ms: float
    max_ms: float
    median_ms: float
    std_ms: float
    p5_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float | None
    num_runs: int
    p50_interval_ms: Interval | None = None
    p90_interval_ms: Interval | None = None
    p95_interval_ms: Interval | None = None
    p99_interval_ms: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value with at least ``percent`` % of all values at or below it (the nearest-rank definition).

    Always a duration that was measured, never one between two.

    Args:
        ordered: ascending, at least one.
        percent: above 0, up to 100.

    Raises:
        ValueError: nothing to rank, or a percentage outside that range.
    """
    if not ordered or not 0 < percent <= 100:
        raise ValueError(f"The {percent}th percentile of {len(ordered)} values is not defined.")
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1]


def interval(ordered: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Interval | None:
    """An interval that holds the true percentile with at least this confidence, whatever the distribution.

    Its ends are two of the measured values: the number of values below the true percentile is binomial, which says how
    far up and down the ranks one must go (the order-statistics interval; Hahn and Meeker, Statistical Intervals, 1991,
    5.2). It takes the values for independent. Slow spells make neighbours alike, so on a busy machine the truth lies
    outside more often than it says.

    Args:
        ordered: ascending.
        percent: between 0 and 100.

    Returns:
        the two ends, or None when there are too few values for either.
    """
    count, tail = len(ordered), (1 - confidence) / 2
    low = high = None
    for rank, below in _binomial(count, percent / 100):  # below: P(at most rank values are below the percentile)
        if below <= tail:
            low = rank + 1
        if 1 - below <= tail:
            high = rank + 1
            break
    if low is None or high is None or high > count:
        return None
    return ordered[low - 1], ordered[high - 1]


def _binomial(count: int, p: float) -> Iterator[tuple[int, float]]:
    """(k, P(at most k of ``count``)) for ascending k, from where the probability begins to matter."""
    first = max(0, math.floor(count * p - 10 * math.sqrt(count * p * (1 - p)) - 10))
    logarithm = math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
    one = math.exp(logarithm + first * math.log(p) + (count - first) * math.log1p(-p))
    total = 0.0
    for k in range(first, count + 1):
        total += one
        yield k, total
        one *= (count - k) / (k + 1) * p / (1 - p)


def median(ordered: Sequence[float]) -> float:
    """Middle of ascending values, the mean of the two middle ones when their number is even."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def summarise(nanoseconds: Sequence[int]) -> Summary:
    """Figures of at least one duration.

    Raises:
        ValueError: there is none.
    """
    if not nanoseconds:
        raise ValueError("There is no duration to summarise.")
    ordered = sorted(duration / 1e6 for duration in nanoseconds)
    count = len(ordered)
    mean = math.fsum(ordered) / count
    enough = count >= P99_NEEDS
    return Summary(
        avg_ms=mean,
        min_ms=ordered[0],
        max_ms=ordered[-1],
        median_ms=median(ordered),
        std_ms=math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / count),
        p5_ms=percentile(ordered, 5),
        p50_ms=percentile(ordered, 50),
        p90_ms=percentile(ordered, 90),
        p95_ms=percentile(ordered, 95),
        p99_ms=percentile(ordered, 99) if enough else None,
        num_runs=count,
        p50_interval_ms=interval(ordered, 50),
        p90_interval_ms=interval(ordered, 90),
        p95_interval_ms=interval(ordered, 95),
        p99_interval_ms=interval(ordered, 99) if enough else None,
    )
