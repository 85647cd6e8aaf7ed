"""How a measurement changed while it ran: the median of each minute against the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.percentiles import median

MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Minute:
    """One whole minute of a measurement.

    Attributes:
        minute: counted from 1.
        median_ms: of the calls that ended in it.
        ratio: over the first minute's median.
    """

    minute: int
    median_ms: float
    ratio: float


def by_minute(durations: Sequence[int], ends: Sequence[float], length: float = MINUTE) -> tuple[Minute, ...]:
    """Medians of whole minutes; nothing when the measurement has not two of them.

    Args:
        durations: nanoseconds, in the order they were measured.
        ends: seconds from the start to the end of each, ascending.
        length: seconds of a minute.
    """
    whole = int(ends[-1] / length) if ends else 0
    shares: list[list[int]] = [[] for _ in range(whole)]
    for duration, end in zip(durations, ends, strict=True):
        if end < whole * length:
            shares[int(end / length)].append(duration)
    medians = [median(sorted(share)) / 1e6 for share in shares if share]
    if len(medians) < 2:
        return ()
    return tuple(Minute(number, value, value / medians[0]) for number, value in enumerate(medians, start=1))
