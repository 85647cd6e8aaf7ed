"""What the board does while it is measured: temperature, throttling, governor and power, read between the rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.machine import get_throttled, throttle_flags
from edge_runtime.common.board import frequency_driver, get_power, governor, temperature

_SECONDS_BETWEEN_READINGS = 1.0
_IDLE_READINGS = 5
_SECONDS_BETWEEN_IDLE = 0.2


@dataclass(frozen=True)
class Readers:
    """Where the readings come from; each gives None on a machine that does not tell."""

    throttled: Callable[[], int | None] = get_throttled
    temperature: Callable[[], float | None] = temperature
    power: Callable[[], float | None] = get_power
    governor: Callable[[], str | None] = governor
    driver: Callable[[], str | None] = frequency_driver
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True)
class Energy:
    """An estimate from the board's own power readings.

    Attributes:
        watts: mean while measuring.
        idle_watts: mean before, with nothing of ours running.
        readings: how many the mean is of.
    """

    watts: float
    idle_watts: float
    readings: int

    def to_json(self, milliseconds: float) -> dict[str, float | int]:
        """Plain JSON values; ``millijoules`` is what a call of so many milliseconds took, ``above_idle`` without what
        the idle board would have taken in that time."""
        return {
            "watts": self.watts,
            "idle_watts": self.idle_watts,
            "readings": self.readings,
            "millijoules": self.watts * milliseconds,
            "millijoules_above_idle": (self.watts - self.idle_watts) * milliseconds,
        }


@dataclass
class Surroundings:
    """All readings of one measurement, the first from before it and the last from after it.

    Attributes:
        throttled: the throttle register; None where it cannot be read.
        temperatures: degrees Celsius.
        watts: while measuring.
        governors: before and after.
        driver: behind the governor.
    """

    readers: Readers
    throttled: list[int | None] = field(default_factory=list)
    temperatures: list[float | None] = field(default_factory=list)
    watts: list[float] = field(default_factory=list)
    governors: list[str | None] = field(default_factory=list)
    driver: str | None = None
    _idle: list[float] = field(default_factory=list)
    _last: float = 0.0

    def begin(self) -> None:
        """Read everything, and the idle power where there is a power reading at all."""
        self.driver = self.readers.driver()
        self.governors.append(self.readers.governor())
        for number in range(_IDLE_READINGS):
            power = self.readers.power()
            if power is None:
                break
            self._idle.append(power)
            if number < _IDLE_READINGS - 1:
                self.readers.sleep(_SECONDS_BETWEEN_IDLE)
        self._read()

    def between(self, seconds: float) -> None:
        """Called after each round with the seconds so far; reads once a second, as a reading takes milliseconds."""
        if seconds - self._last < _SECONDS_BETWEEN_READINGS:
            return
        self._last = seconds
        if self.throttled[0] is not None or self.temperatures[0] is not None:
            self._read()
        if self._idle:
            power = self.readers.power()
            if power is not None:
                self.watts.append(power)

    def end(self) -> None:
        """Read everything once more."""
        self._read()
        self.governors.append(self.readers.governor())

    @property
    def energy(self) -> Energy | None:
        """None where the board does not tell, or the measurement was shorter than a reading."""
        if not self.watts:
            return None
        return Energy(sum(self.watts) / len(self.watts), sum(self._idle) / len(self._idle), len(self.watts))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        known = [degrees for degrees in self.temperatures if degrees is not None]
        return {
            "temperature": {"before": known[0], "after": known[-1], "highest": max(known)} if known else None,
            "throttled": self._throttle_json(),
            "governor": {"before": self.governors[0], "after": self.governors[-1], "driver": self.driver},
        }

    def _throttle_json(self) -> dict[str, Any] | None:
        before, after = self.throttled[0], self.throttled[-1]
        if before is None or after is None:
            return None
        return {"before": before, "after": after, "flags_before": throttle_flags(before),
                "flags_after": throttle_flags(after)}  # fmt: skip

    def _read(self) -> None:
        self.throttled.append(self.readers.throttled())
        self.temperatures.append(self.readers.temperature())
