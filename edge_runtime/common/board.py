"""What a Linux board tells about itself: its name, CPU governor, temperature, power, and whether it is slowed down."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from edge_runtime.common.text import printable

# bits of `vcgencmd get_throttled` (Raspberry Pi documentation); bits 16 to 19 are the same since boot
THROTTLE_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
SINCE_BOOT = 16
CPU_FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
_CPU_ZONES = ("cpu", "soc", "pkg")
_RAIL = re.compile(r"(\w+)_([AV])\s+(?:current|volt)\(\d+\)=(\d+(?:\.\d+)?)\2")


def board_name(root: Path = Path("/")) -> str | None:
    """The device tree's or the firmware's name of the board; None where there is neither."""
    return read_text(root / "proc/device-tree/model") or read_text(root / "sys/class/dmi/id/product_name")


def governor(root: Path = Path("/")) -> str | None:
    """The frequency governor of the first processor; None where frequencies are not the system's to choose."""
    return read_text(root / CPU_FREQUENCY / "scaling_governor")


def frequency_driver(root: Path = Path("/")) -> str | None:
    """The driver behind :func:`governor`; with intel_pstate a governor's name means something else."""
    return read_text(root / CPU_FREQUENCY / "scaling_driver")


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
    answer = _vcgencmd("get_throttled")
    return None if answer is None else parse_throttled(answer)


def get_power() -> float | None:
    """Watts that a Raspberry Pi 5's power chip delivers right now; None on boards that do not measure it.

    The sum over the rails whose current it measures. What the 5 V input feeds past the chip (USB, HATs, the chip's own
    losses) is not in it, so it is less than a plug meter shows.
    """
    answer = _vcgencmd("pmic_read_adc")
    return None if answer is None else parse_power(answer)


def parse_power(answer: str) -> float | None:
    """Current times voltage, summed over the rails of ``pmic_read_adc`` that have both; None when no rail has.

    Currents and voltages come on lines of their own, ``VDD_CORE_A current(7)=1.2A`` and ``VDD_CORE_V volt(15)=0.9V``;
    the number in brackets is the converter's channel, so the name pairs them. EXT5V and BATT have a voltage only.
    """
    found: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for line in answer.splitlines():
        match = _RAIL.fullmatch(line.strip())
        if match:
            rail, quantity, value = match.groups()
            found[quantity][rail] = float(value)
    paired = [current * found["V"][rail] for rail, current in found["A"].items() if rail in found["V"]]
    return sum(paired) if paired else None


def _vcgencmd(question: str) -> str | None:
    """What the Raspberry Pi's firmware answers; None without it, or where it may not be asked."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        return subprocess.run([program, question], capture_output=True, text=True, timeout=5, check=True).stdout
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
