"""Writing files so that a power cut or Ctrl-C leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

_MODES = ("wb", "w+b")
_LEFT = re.compile(r"\..*\.[0-9a-f]{12}\.tmp", re.DOTALL)  # a name as atomic_file gives it
OLD = 3600.0  # seconds since the last byte, after which nobody writes such a file any more


@contextlib.contextmanager
def atomic_file(path: Path | str, mode: str = "wb") -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; it takes the place of ``path`` when the block ends without an error.

    The data and the folder's entry are on the disk when the block returns. When the block raises (Ctrl-C
    included) the temporary file goes away and ``path`` is as it was.

    Args:
        path: the file to make or replace; its folder must exist. A symbolic link is followed, so the link stays.
        mode: ``"wb"``, or ``"w+b"`` for writers that read back or seek.

    Raises:
        ValueError: another mode.
        OSError: the folder cannot be written or the disk is full.
    """
    if mode not in _MODES:
        raise ValueError(f"Mode {mode!r} is not supported; use one of {', '.join(_MODES)}.")
    target = Path(os.path.realpath(path))
    # Named with O_EXCL rather than made by tempfile, so that the umask decides the permissions as for any new file.
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with cast(BinaryIO, os.fdopen(descriptor, mode)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(target.parent)


def write_atomically(path: Path | str, data: bytes | str) -> None:
    """Make or replace ``path`` with ``data`` in one step; see :func:`atomic_file`.

    Text is written as UTF-8. File names that are no UTF-8, which Python holds as surrogates, get their own bytes back.
    """
    with atomic_file(path) as stream:
        stream.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)


def clear_leftovers(folder: Path, older: float = OLD) -> int:
    """Remove the temporary files that killed processes left in a folder, by name and age; how many.

    Args:
        folder: itself, not those below it; nothing is done when it cannot be read.
        older: seconds since they were last written; of an hour, so that one that is being written stays.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        before = time.time() - older
        for entry in entries:
            with contextlib.suppress(OSError):  # another process was faster, or it is somebody else's
                if (
                    _LEFT.fullmatch(entry.name)
                    and entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_mtime < before
                ):
                    os.unlink(entry.path)
                    removed += 1
    return removed


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries (new, renamed, removed names) to the disk; does nothing where that is impossible."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
