"""A file of a few MB in a store that is given up when the disk is full, so that the store still opens to be cleared."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from edge_runtime.common.files import write_atomically

NAME = "ballast"
SIZE = 8_000_000  # bytes: SQLite's index of the log, and the log until it is written back (4 MB)
LITTLE = 1_000_000  # bytes free, below which SQLite cannot be sure to open a database with a write-ahead log


def keep(root: Path, min_free: int) -> None:
    """Have the file in a store, unless it would take from the space that must stay free.

    Args:
        min_free: bytes that must stay free; with 0 every byte is for images, and there is no such file.
    """
    path = root / NAME
    if min_free <= 0 or path.exists() or free_bytes(root) < min_free + SIZE:
        return
    with contextlib.suppress(OSError):  # the store works without
        write_atomically(path, os.urandom(SIZE))  # nothing that a file system could write in fewer bytes


def release(root: Path, least: int = LITTLE) -> None:
    """Give the file up when fewer than ``least`` bytes are free."""
    with contextlib.suppress(OSError):
        if free_bytes(root) < least:
            (root / NAME).unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Bytes that may be written to a folder's disk."""
    return shutil.disk_usage(folder).free
