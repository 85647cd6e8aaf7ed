"""Durations to the figures that are published: mean, spread and percentiles. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

P99_NEEDS = 1000  # fewer runs leave under ten durations above the 99th percentile, too few to call it one


@dataclass(frozen=True)
class Summary:
    """Durations in milliseconds, under the names that ``litert-benchmark`` uses, and p50, p90, p99 besides.

    Attributes:
        std_ms: standard deviation of the population.
        p99_ms: None below 1,000 runs.
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

    def to_json(self) -> dict[str, float | int | None]:
        """Plain JSON values."""
        return asdict(self)


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
        p99_ms=percentile(ordered, 99) if count >= P99_NEEDS else None,
        num_runs=count,
    )
