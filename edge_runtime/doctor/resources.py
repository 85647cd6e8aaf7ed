"""Memory, disk and clock: what a day's work uses up, and what dates its records."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge_runtime.common.board import read_fields
from edge_runtime.common.text import printable
from edge_runtime.doctor.findings import Finding, fail, ok, warn

MEMORY_MB = 150  # classification takes up to 90, a camera's frame and the system want the rest
DISK_MB = 500
_YEARS = range(2025, 2100)
_SERVICE_STATE = "var/lib/thinsmear"  # StateDirectory= of thinsmear.service, mode 0700
_SYNCHRONISED = "run/systemd/timesync/synchronized"
_SET_CLOCK = (
    "Connect the machine to a network for a minute, fit a clock battery, or run `sudo date -s '2026-01-31 14:00'`."
)


def check_memory(root: Path = Path("/")) -> Finding:
    """Memory that programs can still get."""
    kilobytes = read_fields(root / "proc/meminfo", ":").get("MemAvailable", "").split()
    if not kilobytes or not kilobytes[0].isdigit():
        return ok("memory", "the system does not say how much is available")
    available = int(kilobytes[0]) * 1024 // 1_000_000
    if available < MEMORY_MB:
        cure = "End other programs (a desktop takes most), or use Raspberry Pi OS Lite."
        return warn("memory", f"{available} MB are available; {MEMORY_MB} MB should be.", cure)
    return ok("memory", f"{available:,} MB available")


def check_store(root: Path = Path("/")) -> Finding:
    """The disk of the sessions: of the service's, where the device has one, else of those of the command line."""
    service = root / _SERVICE_STATE
    if service.is_dir() and not os.environ.get("THINSMEAR_STORE"):
        return check_disk(service, of_service=True)
    from edge_runtime.sessions.store.location import default_folder

    return check_disk(default_folder())


def check_disk(folder: Path, free_bytes: Callable[[Path], int] | None = None, of_service: bool = False) -> Finding:
    """Room, and the right to write.

    Args:
        folder: where sessions are kept; the nearest folder above it that exists is looked at.
        free_bytes: how much room a folder's disk has.
        of_service: the service writes there; of everybody else only a read-only disk is held against it.
    """
    place = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    shown = printable(place)
    writable = os.access(place, os.W_OK)
    if not writable and of_service and place.stat().st_uid != os.geteuid():
        writable = not os.statvfs(place).f_flag & os.ST_RDONLY
    if not writable:
        cure = "Check its permissions; a card that went read-only by itself is worn out, replace it."
        return fail("disk", f"{shown} cannot be written to.", cure)
    free = (free_bytes or (lambda path: shutil.disk_usage(path).free))(place) // 1_000_000
    if free < DISK_MB:
        return warn("disk", f"{free} MB are free in {shown}; {DISK_MB} MB should be.", "Move old sessions elsewhere.")
    return ok("disk", f"{free:,} MB free in {shown}")


def check_clock(
    root: Path = Path("/"),
    today: datetime.date | None = None,
    ask_synchronised: Callable[[], bool | None] | None = None,
) -> Finding:
    """Whether records get the right date: a Raspberry Pi without network starts in the past."""
    today = today or datetime.date.today()
    if today.year not in _YEARS:
        return warn("clock", f"The clock says {today.isoformat()}, so records get a wrong date.", _SET_CLOCK)
    synchronised = True if (root / _SYNCHRONISED).exists() else (ask_synchronised or _timedatectl)()
    if synchronised is False:
        return warn("clock", f"The clock says {today.isoformat()}, but no time server has confirmed it.", _SET_CLOCK)
    return ok("clock", f"{today.isoformat()}{', synchronised' if synchronised else ''}")


def _timedatectl() -> bool | None:
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "show", "--property=NTPSynchronized", "--value"], capture_output=True, text=True, timeout=5
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(answer.stdout.strip())
