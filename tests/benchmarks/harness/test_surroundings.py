"""Temperature, throttling, governor and power around a measurement, from made-up boards and the fake vcgencmd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.surroundings import Readers, Surroundings
from edge_runtime.common.board import get_power, get_throttled

FAKE = Path(__file__).parents[2] / "fakes" / "vcgencmd.sh"


def readers(**given: Any) -> Readers:
    """A board that tells nothing but what is given; a list is read one by one."""

    def reader(values: Any) -> Callable[[], Any]:
        if isinstance(values, list):
            left = iter(values)
            return lambda: next(left)
        return lambda: values

    silent = dict.fromkeys(("throttled", "temperature", "power", "governor", "driver"))
    found = {name: reader(values) for name, values in {**silent, **given}.items()}
    return Readers(**found, sleep=lambda seconds: None)


def measured(source: Readers, seconds: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)) -> Surroundings:
    surroundings = Surroundings(source)
    surroundings.begin()
    for now in seconds:
        surroundings.between(now)
    surroundings.end()
    return surroundings


def test_a_board_that_tells_nothing() -> None:
    found = measured(readers())
    assert found.energy is None
    assert found.to_json() == {
        "temperature": None,
        "throttled": None,
        "governor": {"before": None, "after": None, "driver": None},
    }


def test_readings_before_during_and_after() -> None:
    found = measured(readers(temperature=[48.0, 61.5, 60.0, 59.0], throttled=[0, 0b100, 0, 0x40000],
                             governor=["ondemand", "performance"], driver="cpufreq-dt"))  # fmt: skip
    assert found.throttled == [0, 0b100, 0, 0x40000]  # one each second, not one each round
    assert found.to_json() == {
        "temperature": {"before": 48.0, "after": 59.0, "highest": 61.5},
        "throttled": {"before": 0, "after": 0x40000, "flags_before": [], "flags_after": ["throttled since boot"]},
        "governor": {"before": "ondemand", "after": "performance", "driver": "cpufreq-dt"},
    }


def test_energy_is_power_times_time() -> None:
    energy = measured(readers(power=[2.0] * 5 + [5.0, 7.0])).energy
    assert energy is not None
    assert energy.to_json(10.0) == {
        "watts": 6.0,
        "idle_watts": 2.0,
        "readings": 2,
        "millijoules": 60.0,
        "millijoules_above_idle": 40.0,
    }


def test_no_energy_from_a_run_shorter_than_a_reading() -> None:
    assert measured(readers(power=3.0), seconds=(0.2, 0.4)).energy is None


@pytest.mark.parametrize(("board", "watts"), [("pi5", 4.2353), ("pi4", None)])
def test_through_vcgencmd(board: str, watts: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(FAKE.read_text())
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_BOARD", board)
    monkeypatch.setenv("FAKE_THROTTLED", "0x50005")
    source = Readers(throttled=get_throttled, power=get_power, sleep=lambda seconds: None)
    found = measured(source, seconds=(1.0,))
    assert found.throttled == [0x50005] * 3
    assert (found.energy and round(found.energy.watts, 4)) == watts
