"""When a record was made, on devices without a battery clock: wall time, boot, monotonic time, and whether to trust it.

A Raspberry Pi starts with a wrong wall clock until the network has set it. Records made before carry the boot's id and
its monotonic time; once the clock of that boot is set, their true time follows.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

from edge_runtime.common.board import read_text

_TIME_ERROR = 5  # adjtimex(2): the kernel's clock is not synchronised
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_TIMEX_BYTES = 512  # struct timex takes 208 at most
_HARDWARE_CLOCK = Path("/sys/class/rtc/rtc0")
_NEAR = 86_400  # seconds between hardware and wall clock; a hardware clock may run on local time
_PLAUSIBLE = 1_767_225_600  # 2026: a clock before this program was made is wrong


@dataclass(frozen=True)
class Moment:
    """One point in time.

    Attributes:
        wall: seconds since 1970 by the wall clock, right or wrong.
        boot_id: of the running system.
        monotonic: seconds since that boot, sleep included.
        clock: "set" or "unset", whether ``wall`` can be trusted.
    """

    wall: float
    boot_id: str
    monotonic: float
    clock: str

    @property
    def text(self) -> str:
        """``wall`` as ISO 8601 in UTC with milliseconds."""
        return datetime.fromtimestamp(self.wall, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


Clock = Callable[[], Moment]


def now() -> Moment:
    """This moment, by the system's clocks."""
    wall = time.time()
    monotonic = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return Moment(wall, _boot_id(), monotonic, "set" if _is_set(wall) else "unset")


def device_id(root: Path = Path("/")) -> str:
    """12 hexadecimal digits that tell machines apart without naming them: of a hash of the machine's id."""
    identity = read_text(root / "etc/machine-id") or read_text(root / "proc/cpuinfo") or platform.node()
    return hashlib.sha256(f"thinsmear {identity}".encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _boot_id() -> str:
    return read_text(Path("/proc/sys/kernel/random/boot_id")) or f"unknown-{time.time() - time.monotonic():.0f}"


def _is_set(wall: float) -> bool:
    """A plausible time that the network, or a hardware clock at boot, has set."""
    if wall < _PLAUSIBLE:
        return False
    if _SYNCHRONISED.exists() or _is_of_hardware_clock(wall):
        return True
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):  # not Linux: such machines have a hardware clock
        return True
    return int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))) not in (-1, _TIME_ERROR)


def _is_of_hardware_clock(wall: float, clock: Path | None = None) -> bool:
    """Whether the kernel took its time from a hardware clock that was right.

    One with an empty battery starts in 1970 (or 2000); the kernel takes that too, and systemd then moves the wall clock
    on to the day when it was built, which looks plausible.
    """
    clock = clock or _HARDWARE_CLOCK
    seconds = read_text(clock / "since_epoch") or ""
    return read_text(clock / "hctosys") == "1" and seconds.isdecimal() and abs(int(seconds) - wall) < _NEAR
