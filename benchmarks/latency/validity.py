"""Whether a latency measurement may be quoted: each condition with its answer, and VALID only when all hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.machine import slowed_during
from benchmarks.harness.minute_medians import Minute
from benchmarks.harness.percentiles import median
from benchmarks.harness.surroundings import Surroundings
from benchmarks.harness.timing import Preset

STEADY_WITHIN = 0.2  # of the bare interpreter; a larger change is the machine's, not the program's
# with these drivers the governor "powersave" is the usual one and follows the load; elsewhere it is the lowest clock
_DRIVERS_OF_THEIR_OWN = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")


@dataclass(frozen=True)
class Condition:
    """One requirement.

    Attributes:
        name: in the form "Min queries satisfied".
        met: None when this machine cannot tell; then it does not make the result invalid.
        detail: the values behind the answer.
    """

    name: str
    met: bool | None
    detail: str


@dataclass(frozen=True)
class Validity:
    """All conditions of one measurement."""

    conditions: tuple[Condition, ...]

    @property
    def valid(self) -> bool:
        """No condition is broken."""
        return all(condition.met is not False for condition in self.conditions)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rows = [{"name": c.name, "met": c.met, "detail": c.detail} for c in self.conditions]
        return {"result": result_word(self.valid), "conditions": rows}


def result_word(valid: bool) -> str:
    """How a result is called."""
    return "VALID" if valid else "INVALID"


def judge(
    preset: Preset,
    floor_ns: Sequence[int],
    seconds: float,
    threads: int,
    processors: int,
    surroundings: Surroundings,
    same_answers: bool,
    minutes: Sequence[Minute] = (),
) -> Validity:
    """Hold one measurement against its conditions.

    Args:
        preset: what was asked for.
        floor_ns: durations of the bare interpreter, in the order they were measured, at least two.
        seconds: duration of the measurement.
        threads: of the runtime's kernels.
        processors: this process may use.
        surroundings: the throttle register before, during and after, and the frequency governor before and after.
        same_answers: the program's interpreter and the bare one gave the same output for the same cell.
        minutes: of the bare interpreter, see
            :func:`benchmarks.harness.minute_medians.by_minute`; none in a short measurement.
    """
    runs = len(floor_ns)
    drift = (_no_drift(minutes),) if minutes else ()
    return Validity(
        (
            Condition("Min queries satisfied", runs >= preset.min_runs, f"{runs:,} of {preset.min_runs:,}"),
            Condition(
                "Min duration satisfied", seconds >= preset.min_seconds, f"{seconds:.1f} of {preset.min_seconds:g} s"
            ),
            Condition("Threads fit the processors", threads <= processors, f"{threads} on {processors}"),
            _not_throttled(surroundings.throttled),
            _governor(surroundings.governors, surroundings.driver),
            _steady(floor_ns),
            *drift,
            Condition("Same answer as the bare interpreter", same_answers, "one cell, output tensors compared"),
        )
    )


def _not_throttled(readings: Sequence[int | None]) -> Condition:
    known = [reading for reading in readings if reading is not None]
    if not known:
        return Condition("Not throttled", None, "this machine has no vcgencmd")
    slowed = slowed_during(known)
    return Condition("Not throttled", not slowed, ", ".join(slowed) or f"{len(known)} readings, no flag up")


def _steady(floor_ns: Sequence[int]) -> Condition:
    middle = len(floor_ns) // 2
    first, second = (median(sorted(half)) for half in (floor_ns[:middle], floor_ns[middle:]))
    change = second / first - 1
    return Condition(
        "Steady speed",
        abs(change) <= STEADY_WITHIN,
        f"second half {change:+.1%} against the first, {STEADY_WITHIN:.0%} allowed",
    )


def _governor(governors: Sequence[str | None], driver: str | None) -> Condition:
    name = "Governor lets the clock rise"
    known = list(dict.fromkeys(governor for governor in governors if governor is not None))
    if not known:
        return Condition(name, None, "this machine's clock is not the system's to choose")
    if len(known) > 1:
        return Condition(name, False, f"changed from {known[0]} to {known[-1]} while measuring")
    low = known[0] == "powersave" and driver not in _DRIVERS_OF_THEIR_OWN
    return Condition(name, not low, known[0] if driver is None else f"{known[0]}, driver {driver}")


def _no_drift(minutes: Sequence[Minute]) -> Condition:
    worst = max(minutes, key=lambda minute: abs(minute.ratio - 1))
    return Condition(
        "No thermal drift",
        abs(worst.ratio - 1) <= STEADY_WITHIN,
        f"minute {worst.minute} {worst.ratio - 1:+.1%} against the first, {STEADY_WITHIN:.0%} allowed",
    )
