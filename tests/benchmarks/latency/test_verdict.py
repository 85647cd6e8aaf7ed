"""A result is VALID only when every condition holds; what cannot be known does not break it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.minute_medians import Minute
from benchmarks.harness.timing import Preset
from benchmarks.latency.validity import Verdict, judge

PRESET = Preset(min_runs=4, min_seconds=1, warmup=0, cold_starts=0)
GOOD: dict[str, Any] = {
    "floor_ns": [100, 101, 99, 100],
    "seconds": 1.0,
    "threads": 2,
    "processors": 2,
    "throttle_readings": [0, 0],
    "same_answers": True,
}


def verdict(**changes: Any) -> Verdict:
    return judge(PRESET, **{**GOOD, **changes})


def test_valid() -> None:
    assert verdict().valid
    assert str(verdict()).splitlines()[:2] == ["Result is : VALID", "  Min queries satisfied : Yes (4 of 4)"]


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"floor_ns": [100, 100, 100]}, "Min queries satisfied"),
        ({"seconds": 0.99}, "Min duration satisfied"),
        ({"threads": 3}, "Threads fit the processors"),
        ({"throttle_readings": [0, 0b100, 0]}, "Not throttled"),
        ({"floor_ns": [100, 100, 121, 121]}, "Steady speed"),
        ({"floor_ns": [100, 100, 79, 79]}, "Steady speed"),
        ({"same_answers": False}, "Same answer as the bare interpreter"),
        ({"governors": ["powersave", "powersave"]}, "Governor lets the clock rise"),
        ({"governors": ["performance", "ondemand"], "driver": "intel_pstate"}, "Governor lets the clock rise"),
        ({"minutes": [Minute(1, 1.0, 1.0), Minute(2, 1.21, 1.21)]}, "No thermal drift"),
        ({"minutes": [Minute(1, 1.0, 1.0), Minute(2, 0.79, 0.79)]}, "No thermal drift"),
    ],
)
def test_each_condition_alone_makes_it_invalid(changes: dict[str, Any], broken: str) -> None:
    result = verdict(**changes)
    assert [condition.name for condition in result.conditions if condition.met is False] == [broken]
    assert str(result).startswith("Result is : INVALID\n")
    assert f"  {broken} : No (" in str(result)
    assert result.to_json()["result"] == "INVALID"


@pytest.mark.parametrize("floor", [[100, 100, 120, 120], [100, 100, 80, 80]])
def test_small_drift_is_allowed(floor: list[int]) -> None:
    assert verdict(floor_ns=floor).valid


def test_unknown_throttling_is_said_and_allowed() -> None:
    result = verdict(throttle_readings=[None, None])
    assert result.valid
    assert "Not throttled : Unknown (this machine has no vcgencmd)" in str(result)


@pytest.mark.parametrize(
    ("governors", "driver", "said"),
    [
        (["ondemand", "ondemand"], "cpufreq-dt", "Yes (ondemand, driver cpufreq-dt)"),
        (["powersave", "powersave"], "intel_pstate", "Yes (powersave, driver intel_pstate)"),
        ([None, None], None, "Unknown (this machine's clock is not the system's to choose)"),
    ],
)
def test_governors_that_let_the_clock_rise(governors: list[str | None], driver: str | None, said: str) -> None:
    result = verdict(governors=governors, driver=driver)
    assert result.valid and f"Governor lets the clock rise : {said}" in str(result)


def test_drift_is_only_judged_where_there_are_minutes() -> None:
    assert "drift" not in str(verdict())
    assert "No thermal drift : Yes (minute 2 +20.0% against the first, 20% allowed)" in str(
        verdict(minutes=[Minute(1, 1.0, 1.0), Minute(2, 1.2, 1.2)])
    )
