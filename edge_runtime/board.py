"""What a Linux board tells about itself: its name, CPU governor, temperature, and whether it is slowed down."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from edge_runtime.names import printable

# bits of `vcgencmd get_throttled` (Raspberry Pi documentation); bits 16 to 19 are the same since boot
THROTTLE_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
SINCE_BOOT = 16
CPU_FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
_CPU_ZONES = ("cpu", "soc", "pkg")


def board_name(root: Path = Path("/")) -> str | None:
    """The device tree's or the firmware's name of the board; None where there is neither."""
    return read_text(root / "proc/device-tree/model") or read_text(root / "sys/class/dmi/id/product_name")


def governor(root: Path = Path("/")) -> str | None:
    """The frequency governor of the first processor; None where frequencies are not the system's to choose."""
    return read_text(root / CPU_FREQUENCY / "scaling_governor")


def temperature(root: Path = Path("/")) -> float | None:
    """The processor's temperature in degrees Celsius (the hottest zone where none is named after it), or None."""
    zones: list[tuple[bool, float]] = []
    for folder in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        kind = (read_text(folder / "type") or "").lower()
        with contextlib.suppress(ValueError):
            zones.append((any(name in kind for name in _CPU_ZONES), int(read_text(folder / "temp") or "") / 1000))
    if not zones:
        return None
    of_processor = [degrees for is_processor, degrees in zones if is_processor]
    return max(of_processor or [degrees for _, degrees in zones])


def get_throttled() -> int | None:
    """The Raspberry Pi's throttle register; None on machines without ``vcgencmd`` or where it may not be read."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        answer = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=True)
        return parse_throttled(answer.stdout)
    return None


def parse_throttled(answer: str) -> int | None:
    """The value in ``throttled=0x50005``; None when the answer has another form."""
    name, _, value = answer.strip().partition("=")
    if name != "throttled":
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None


def throttle_flags(value: int) -> list[str]:
    """The register in words: what is the case now, then what was since boot."""
    now = [name for bit, name in THROTTLE_BITS.items() if value >> bit & 1]
    before = [f"{name} since boot" for bit, name in THROTTLE_BITS.items() if value >> (bit + SINCE_BOOT) & 1]
    return now + before


def read_text(path: Path) -> str | None:
    """A small file of the system without the zeros and line ends around it; None when it is empty or unreadable."""
    try:
        content = path.read_text("utf-8", "replace").strip("\0 \n")
    except OSError:
        return None
    return content or None


def read_fields(path: Path, separator: str) -> dict[str, str]:
    """``name separator value`` lines of a file; the first of a name counts (one processor of many)."""
    found: dict[str, str] = {}
    for line in (read_text(path) or "").splitlines():
        name, middle, value = line.partition(separator)
        if middle:
            found.setdefault(name.strip(), printable(value.strip()))
    return found
