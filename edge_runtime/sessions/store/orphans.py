"""Clears away image files that no row names: what a power cut left between a file and its row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.files import sync_folder
from edge_runtime.sessions.store import locks
from edge_runtime.sessions.store.pictures import FOLDER

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store


def sweep(store: Store, patience: float = 0.0) -> int:
    """Clear away image files that no row names, unless another process is adding; the bytes that it freed.

    Args:
        patience: seconds to wait for other processes.
    """
    with locks.nobody_adding(store.root, patience) as alone:
        if not alone:
            return 0
        with store.reading() as connection:
            rows = connection.execute("SELECT image FROM fields WHERE image IS NOT NULL")
            strays = _strays(store.root, (str(row[0]) for row in rows))
        if not strays:
            return 0
        # A commit that failed may still lie whole in the log, where a crash would bring it back to life; this one
        # takes its place, so no row can come to name a file that is now removed.
        store.set_setting("swept_at", store.clock().text)
        return _remove(store.root, strays)


def _strays(root: Path, named: Iterator[str]) -> list[Path]:
    strays = {
        os.path.join(folder, name) for folder, _, names in os.walk(root / FOLDER) for name in names
    }  # text, not Path: there may be 100,000
    strays.difference_update(os.path.join(root, *relative.split("/")) for relative in named)
    return [Path(path) for path in sorted(strays)]


def _remove(root: Path, paths: list[Path]) -> int:
    freed = 0
    for path in paths:
        try:
            freed += path.stat().st_size
            path.unlink()
        except FileNotFoundError:  # another process was faster
            continue
        try:
            path.parent.rmdir()
        except OSError:  # not empty
            continue
    if paths:
        sync_folder(root / FOLDER)
    return freed
