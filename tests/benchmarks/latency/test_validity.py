"""A result is VALID only when every condition holds; what cannot be known does not break it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.minute_medians import Minute
from benchmarks.harness.surroundings import Readers, Surroundings
from benchmarks.harness.timing import Preset
from benchmarks.latency.validity import Validity, judge

PRESET = Preset(min_runs=4, min_seconds=1, warmup=0, cold_starts=0)
GOOD: dict[str, Any] = {
    "floor_ns": [100, 101, 99, 100],
    "seconds": 1.0,
    "threads": 2,
    "processors": 2,
    "same_answers": True,
}


def validity(**changes: Any) -> Validity:
    """Of a good measurement, with changes; readings of the board are given by name too."""
    board = {"throttled": [0, 0], "governors": [None], "driver": None}
    readings = {name: changes.pop(name, value) for name, value in board.items()}
    return judge(PRESET, surroundings=Surroundings(Readers(), **readings), **{**GOOD, **changes})


def said(result: Validity) -> dict[str, str]:
    """Each condition's answer, with the values behind it."""
    answers = {True: "Yes", False: "No", None: "Unknown"}
    return {one.name: f"{answers[one.met]} ({one.detail})" for one in result.conditions}


def test_valid() -> None:
    assert validity().valid
    assert validity().to_json()["result"] == "VALID"
    assert said(validity())["Min queries satisfied"] == "Yes (4 of 4)"


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"floor_ns": [100, 100, 100]}, "Min queries satisfied"),
        ({"seconds": 0.99}, "Min duration satisfied"),
        ({"threads": 3}, "Threads fit the processors"),
        ({"throttled": [0, 0b100, 0]}, "Not throttled"),
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
    result = validity(**changes)
    assert [condition.name for condition in result.conditions if condition.met is False] == [broken]
    assert result.to_json()["result"] == "INVALID"


@pytest.mark.parametrize("floor", [[100, 100, 120, 120], [100, 100, 80, 80]])
def test_small_drift_is_allowed(floor: list[int]) -> None:
    assert validity(floor_ns=floor).valid


def test_unknown_throttling_is_said_and_allowed() -> None:
    result = validity(throttled=[None, None])
    assert result.valid
    assert said(result)["Not throttled"] == "Unknown (this machine has no vcgencmd)"


@pytest.mark.parametrize(
    ("governors", "driver", "answer"),
    [
        (["ondemand", "ondemand"], "cpufreq-dt", "Yes (ondemand, driver cpufreq-dt)"),
        (["powersave", "powersave"], "intel_pstate", "Yes (powersave, driver intel_pstate)"),
        ([None, None], None, "Unknown (this machine's clock is not the system's to choose)"),
    ],
)
def test_governors_that_let_the_clock_rise(governors: list[str | None], driver: str | None, answer: str) -> None:
    result = validity(governors=governors, driver=driver)
    assert result.valid and said(result)["Governor lets the clock rise"] == answer


def test_drift_is_only_judged_where_there_are_minutes() -> None:
    assert "No thermal drift" not in said(validity())
    found = said(validity(minutes=[Minute(1, 1.0, 1.0), Minute(2, 1.2, 1.2)]))
    assert found["No thermal drift"] == "Yes (minute 2 +20.0% against the first, 20% allowed)"
