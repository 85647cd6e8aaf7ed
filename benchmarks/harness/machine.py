"""The facts of the machine that belong beside every latency figure, and whether it is slowed down right now."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime import __version__
from edge_runtime.common.board import (
    CPU_FREQUENCY,
    SINCE_BOOT,
    THROTTLE_BITS,
    board_name,
    get_throttled,
    governor,
    read_fields,
    read_text,
    throttle_flags,
)


@dataclass(frozen=True)
class Machine:
    """What a latency depends on besides the model; None where the machine does not tell.

    Attributes:
        board: the device tree's or the firmware's name of the board.
        processor: model name of the processor.
        processors: how many of them this process may use.
        memory_mib: main memory.
        os: name and version of the distribution.
        kernel: name, release and architecture.
        python: implementation and version.
        thinsmear: version of this program.
        governor: the frequency governor of the first processor.
        max_mhz: its highest frequency.
        load: average number of runnable processes during the last minute.
        throttled: raw value of ``vcgencmd get_throttled``.
    """

    board: str | None
    processor: str | None
    processors: int
    memory_mib: int | None
    os: str
    kernel: str
    python: str
    thinsmear: str
    governor: str | None
    max_mhz: int | None
    load: float | None
    throttled: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the throttle flags in words beside the raw value."""
        document = asdict(self)
        document["throttle_flags"] = None if self.throttled is None else throttle_flags(self.throttled)
        return document


def read_machine(root: Path = Path("/"), read_throttled: Callable[[], int | None] | None = None) -> Machine:
    """Gather the facts.

    Args:
        root: where /proc, /sys and /etc are.
        read_throttled: reads the throttle register; default :func:`get_throttled`.
    """
    cpuinfo = read_fields(root / "proc/cpuinfo", ":")
    kilobytes = read_fields(root / "proc/meminfo", ":").get("MemTotal", "").split()
    release = read_fields(root / "etc/os-release", "=")
    kilohertz = read_text(root / CPU_FREQUENCY / "cpuinfo_max_freq")
    return Machine(
        board=board_name(root),
        processor=cpuinfo.get("model name") or cpuinfo.get("Hardware") or platform.processor() or None,
        processors=available_processors(),
        memory_mib=int(kilobytes[0]) // 1024 if kilobytes and kilobytes[0].isdigit() else None,
        os=release.get("PRETTY_NAME", "").strip('"') or platform.platform(),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        thinsmear=__version__,
        governor=governor(root),
        max_mhz=int(kilohertz) // 1000 if kilohertz and kilohertz.isdigit() else None,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        throttled=(read_throttled or get_throttled)(),
    )


def available_processors() -> int:
    """Processors this process may use (fewer than there are inside a container or under taskset)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def last_processor() -> int | None:
    """The highest-numbered processor this process may use, for binding to (systems tend to serve interrupts on the
    first); None where processes cannot be bound."""
    if hasattr(os, "sched_setaffinity"):
        return max(os.sched_getaffinity(0))
    return None


def slowed_during(values: list[int]) -> list[str]:
    """What slowed a run down, from registers read before, during and after it (first to last).

    A flag counts when it was up in any reading, or when its since-boot twin went up between the first reading and a
    later one, which catches what happened between two readings.
    """
    found = 0
    for value in values:
        found |= value | ((value & ~values[0]) >> SINCE_BOOT)
    return [name for bit, name in THROTTLE_BITS.items() if found >> bit & 1]
