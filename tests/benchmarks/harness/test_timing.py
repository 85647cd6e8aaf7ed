"""Taking turns: both minima are reached, the order turns, and what lies between rounds is not timed."""

from __future__ import annotations

import pytest

from benchmarks.harness.timing import PRESETS, Preset, adjacent_ratio, take_turns


class Clock:
    """A clock that only moves when something takes time."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def spend(self, milliseconds: float) -> None:
        self.now += int(milliseconds * 1e6)


@pytest.mark.parametrize(
    ("min_runs", "min_seconds", "rounds"),
    [(5, 0.0, 5), (1, 0.1, 10), (20, 0.1, 20), (1, 0.0, 1)],
)
def test_goes_on_until_runs_and_duration_are_reached(min_runs: int, min_seconds: float, rounds: int) -> None:
    clock = Clock()
    measured = take_turns({"a": lambda: clock.spend(10)}, Preset(min_runs, min_seconds, 0, 0), clock=clock)
    assert list(measured.durations["a"]) == [10_000_000] * rounds
    assert measured.seconds == pytest.approx(rounds * 0.01)
    assert measured.ends == pytest.approx([0.01 * (number + 1) for number in range(rounds)])


def test_each_call_is_first_in_turn() -> None:
    seen: list[str] = []
    take_turns({name: lambda name=name: seen.append(name) for name in "abc"}, Preset(4, 0, 0, 0))  # type: ignore[misc]
    assert "".join(seen) == "abcbcacababc"


def test_time_between_rounds_is_in_no_duration() -> None:
    clock, told = Clock(), []

    def between(seconds: float) -> None:
        told.append(seconds)
        clock.spend(500)

    measured = take_turns({"a": lambda: clock.spend(1)}, Preset(3, 0, 0, 0), between, clock)
    assert list(measured.durations["a"]) == [1_000_000] * 3
    assert told == pytest.approx([0.001, 0.502, 1.003])


def test_presets_that_publish_have_enough_queries() -> None:
    assert {name: preset.min_runs >= 1024 for name, preset in PRESETS.items()} == {
        "quick": False,
        "standard": True,
        "soak": True,
    }


@pytest.mark.parametrize(
    ("durations", "against", "ratio"),
    [
        ([20, 20, 20], [10, 10, 10], 2.0),
        ([20, 40, 80], [10, 20, 40], 2.0),  # the machine slows down fourfold; the ratio does not
        ([20, 20, 200], [10, 10, 10], 2.0),  # one bad spell
    ],
)
def test_ratio_of_neighbours(durations: list[int], against: list[int], ratio: float) -> None:
    assert adjacent_ratio(durations, against) == ratio
