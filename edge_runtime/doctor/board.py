"""Whether the board runs at full speed: governor, temperature, throttling."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from edge_runtime.common.board import (
    THROTTLE_BITS,
    board_name,
    get_throttled,
    governor,
    temperature,
    throttle_flags,
)
from edge_runtime.doctor.findings import Finding, fail, ok, warn

WARM, HOT = 70.0, 80.0  # degrees Celsius; a Raspberry Pi slows down from 80
_POWER = "Use the power supply made for the board, with a short cable, and no other device on its USB ports' power."
_ALL_GOVERNORS = "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_COOL = "Give it a heat sink or a fan, and air around it."


def check_governor(root: Path = Path("/")) -> Finding:
    """The CPU frequency governor; any will do to classify, a figure of latency needs a steady clock."""
    found = governor(root)
    if found is None:
        return ok("governor", "the system does not choose the CPU's frequency")
    if found != "performance":
        return warn(
            "governor",
            f"The CPU governor is {found}: fine to classify with, but latencies vary, so benchmarks do not compare.",
            f"Before a benchmark, run `echo performance | sudo tee /{_ALL_GOVERNORS}`.",
        )
    return ok("governor", "performance")


def check_temperature(root: Path = Path("/")) -> Finding:
    """The processor's temperature."""
    degrees = temperature(root)
    if degrees is None:
        return ok("temperature", "not measured on this machine")
    shown = f"{degrees:.0f} °C"
    if degrees >= HOT:
        return fail("temperature", f"{shown}: the processor slows itself down.", _COOL)
    if degrees >= WARM:
        return warn("temperature", f"{shown}: it will slow down from {HOT:.0f} °C.", _COOL)
    return ok("temperature", shown)


def check_throttling(
    root: Path = Path("/"),
    read_throttled: Callable[[], int | None] = get_throttled,
    has_vcgencmd: bool | None = None,
) -> Finding:
    """The Raspberry Pi's own record of too little power and too much heat.

    Args:
        read_throttled: reads the register; None when it cannot.
        has_vcgencmd: whether the program that reads it is installed.
    """
    if has_vcgencmd is None:
        has_vcgencmd = shutil.which("vcgencmd") is not None
    value = read_throttled()
    if value is None:
        return _unreadable("Raspberry Pi" in (board_name(root) or ""), has_vcgencmd)
    flags = throttle_flags(value)
    if not flags:
        return ok("throttling", "none since boot")
    now = any(value >> bit & 1 for bit in THROTTLE_BITS)
    cure = " ".join(
        advice
        for advice, words in ((_POWER, ("under-voltage",)), (_COOL, ("frequency", "throttled", "temperature")))
        if any(word in flag for flag in flags for word in words)
    )
    if now:
        return fail("throttling", f"{', '.join(flags)} ({value:#x}): slow now, and a crash is near.", cure)
    return warn("throttling", f"{', '.join(flags)} ({value:#x}).", f"{cure} A restart clears the record.")


def _unreadable(is_pi: bool, has_vcgencmd: bool) -> Finding:
    if not is_pi:
        return ok("throttling", "not recorded on this machine")
    if has_vcgencmd:
        cure = "Run `sudo usermod -aG video $USER` and log in again."
        return warn("throttling", "vcgencmd does not answer, so under-voltage would go unseen.", cure)
    cure = "Run `sudo apt install raspi-utils`."
    return warn("throttling", "vcgencmd is not installed, so under-voltage would go unseen.", cure)
