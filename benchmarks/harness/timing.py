"""How long to measure, and taking turns: what is compared runs in the same loop, in a different order each round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness.percentiles import median


@dataclass(frozen=True)
class Preset:
    """How much is measured.

    Attributes:
        min_runs: rounds at least.
        min_seconds: duration at least; rounds go on until both are reached.
        warmup: rounds before, not counted.
        cold_starts: processes started, of each kind.
    """

    min_runs: int
    min_seconds: float
    warmup: int
    cold_starts: int


PRESETS = {
    "quick": Preset(min_runs=100, min_seconds=2, warmup=10, cold_starts=3),
    "standard": Preset(min_runs=1024, min_seconds=10, warmup=50, cold_starts=9),
    "soak": Preset(min_runs=1024, min_seconds=600, warmup=50, cold_starts=9),
}


@dataclass(frozen=True)
class Rounds:
    """What :func:`take_turns` measured.

    Attributes:
        durations: nanoseconds by name, in the order of the rounds.
        seconds: of the whole loop.
        ends: seconds from the start to the end of each round.
    """

    durations: Mapping[str, Sequence[int]]
    seconds: float
    ends: Sequence[float]


def take_turns(
    calls: Mapping[str, Callable[[], object]],
    preset: Preset,
    between: Callable[[float], object] = lambda seconds: None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Rounds:
    """Time several calls against each other.

    Every round makes each call once; the order is turned by one from round to round, so that none always runs on
    the caches another has just filled, and a slow spell of the machine hits all of them.

    Args:
        calls: by name.
        preset: how many rounds.
        between: told the seconds so far after each round, outside all timing.
        clock: nanoseconds.
    """
    names = list(calls)
    durations: dict[str, list[int]] = {name: [] for name in names}
    start = clock()
    done, seconds = 0, 0.0
    ends: list[float] = []
    while done < preset.min_runs or seconds < preset.min_seconds:
        turn = done % len(names)
        for name in names[turn:] + names[:turn]:
            call = calls[name]
            before = clock()
            call()
            durations[name].append(clock() - before)
        done += 1
        seconds = (clock() - start) / 1e9
        ends.append(seconds)
        between(seconds)
    return Rounds(durations, seconds, ends)


def adjacent_ratio(durations: Sequence[int], against: Sequence[int]) -> float:
    """Median of the ratios of two calls that stood in the same round.

    On a machine whose speed drifts, the ratio of two medians compares one call's good spell with the other's bad one;
    two calls of one round share theirs.
    """
    return median(sorted(one / other for one, other in zip(durations, against, strict=True)))
