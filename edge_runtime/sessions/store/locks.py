"""Tells processes that add images from the one that clears away files which no row names."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

NAME = "adding.lock"


@contextlib.contextmanager
def adding(root: Path) -> Iterator[None]:
    """Held between an image's file and its row; several processes may hold it."""
    with _held(root, exclusive=False, patience=None):
        yield


@contextlib.contextmanager
def nobody_adding(root: Path, patience: float = 0.0) -> Iterator[bool]:
    """Whether nobody adds, after waiting ``patience`` seconds for it; if so, nobody begins to until the block ends."""
    with _held(root, exclusive=True, patience=patience) as held:
        yield held


@contextlib.contextmanager
def _held(root: Path, exclusive: bool, patience: float | None) -> Iterator[bool]:
    try:
        import fcntl
    except ImportError:  # not a Unix: nobody can know, so nothing is cleared away
        yield False
        return
    with open(root / NAME, "ab") as stream:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        if patience is None:
            fcntl.flock(stream, kind)
        else:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(stream, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        yield False
                        return
                    time.sleep(0.01)
        yield True  # closing the file releases the lock, and so does the end of the process
