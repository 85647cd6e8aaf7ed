"""Python's version and the architecture: what everything else stands on."""

from __future__ import annotations

import importlib.util
import platform
import struct
import sys

from edge_runtime.core.backends import BACKENDS
from edge_runtime.doctor.findings import Finding, fail, ok, warn

OLDEST, NEWEST = (3, 10), (3, 13)
_LITERT_MACHINES = ("x86_64", "amd64", "aarch64", "arm64")
_CARD = "Write Raspberry Pi OS (64-bit) to a new card: a 32-bit system cannot be changed into a 64-bit one in place."


def check_python(version: tuple[int, int, int] | None = None) -> Finding:
    """Whether this Python is one the program is tested with.

    Args:
        version: major, minor, micro; default this Python's.
    """
    found = version or sys.version_info[:3]
    shown = f"Python {'.'.join(map(str, found))}"
    span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if found[:2] < OLDEST:
        return fail("python", f"{shown} is too old; {span} are supported.", f"Make the environment with Python {span}.")
    if found[:2] > NEWEST:
        cure = f"If packages are missing or something misbehaves, make the environment with Python {span}."
        return warn("python", f"{shown} is newer than what the program is tested with ({span}).", cure)
    return ok("python", shown)


def check_architecture(machine: str | None = None, bits: int | None = None, has_runtime: bool | None = None) -> Finding:
    """Whether programs here are 64-bit and of a kind for which LiteRT is made.

    Args:
        machine: the kernel's name of the architecture.
        bits: size of a pointer of this Python; a 64-bit kernel can carry a 32-bit system.
        has_runtime: whether a TFLite runtime is installed all the same.
    """
    machine = machine if machine is not None else platform.machine()
    bits = bits or struct.calcsize("P") * 8
    if has_runtime is None:
        has_runtime = any(importlib.util.find_spec(package) is not None for package in BACKENDS)
    if bits == 64 and machine.lower() in _LITERT_MACHINES:
        return ok("architecture", f"{machine}, 64-bit")
    if bits == 64:
        message = f"There are no LiteRT packages for {machine or 'this architecture'}."
        cure = "Use an x86-64 or arm64 (aarch64) machine, or build a TFLite runtime for this one."
    elif machine.lower() in _LITERT_MACHINES:
        message = (
            f"The kernel is 64-bit ({machine}), but the system on it is 32-bit, and LiteRT is made for 64-bit only."
        )
        cure = _CARD
    else:
        message = f"The system is 32-bit ({machine or 'unknown'}); LiteRT is made for 64-bit only."
        cure = _CARD + " The first Raspberry Pi, the Zero and the Zero W have no 64-bit processor."
    return (warn if has_runtime else fail)("architecture", message, cure)
