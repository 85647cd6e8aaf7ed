"""Image files that no row names: set aside where nobody deletes them by mistake, or removed where a person said so.

A power cut between a file and its row leaves one such file. A database that is gone, empty or an older copy leaves all
of them, and nothing here can tell which it was: so the program alone never deletes one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.files import sync_folder
from edge_runtime.sessions.store import locks
from edge_runtime.sessions.store.pictures import FOLDER

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store

QUARANTINE = "quarantine"


def set_aside(store: Store, patience: float = 0.0) -> int:
    """Move image files that no row names to ``quarantine/``, unless another process is adding; how many.

    Their folders, named by the session, and their names stay.

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
        # takes its place, so no row can come to name a file that is now elsewhere.
        store.set_setting("swept_at", store.clock().text)
        return _move(store.root, strays)


def finish_removals(store: Store, patience: float = 0.0) -> int:
    """Remove the files of rows that a person had removed, unless another process is adding; the bytes that it freed.

    Args:
        patience: seconds to wait for other processes.
    """
    with store.reading() as connection:
        if connection.execute("SELECT 1 FROM removals LIMIT 1").fetchone() is None:
            return 0
    with locks.nobody_adding(store.root, patience) as alone:
        if not alone:
            return 0
        with store.reading() as connection:
            listed = [str(row[0]) for row in connection.execute("SELECT image FROM removals ORDER BY image")]
            named = {
                row[0] for row in connection.execute("SELECT image FROM removals INTERSECT SELECT image FROM fields")
            }
        freed = remove(store.root / name for name in listed if name not in named)
        if listed:
            sync_folder(store.root / FOLDER)
        with store.writing() as connection:  # and not what another process has listed since
            connection.executemany("DELETE FROM removals WHERE image = ?", [(name,) for name in listed])
        return freed


def quarantined(root: Path) -> list[Path]:
    """Files that were set aside, by session, oldest first in each."""
    found = [path for path in (root / QUARANTINE).glob("*/*") if path.is_file() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (path.parent.name, path.stat().st_mtime_ns, path.name))


def remove(paths: Iterable[Path]) -> int:
    """Remove files, and the folders that this leaves empty; the bytes that it freed."""
    freed = 0
    for path in paths:
        try:
            freed += path.stat().st_size
            path.unlink()
        except FileNotFoundError:  # another process was faster
            continue
        _remove_empty(path.parent)
    return freed


def _strays(root: Path, named: Iterator[str]) -> list[Path]:
    strays = {
        os.path.join(folder, name) for folder, _, names in os.walk(root / FOLDER) for name in names
    }  # text, not Path: there may be 100,000
    strays.difference_update(os.path.join(root, *relative.split("/")) for relative in named)
    return [Path(path) for path in sorted(strays)]


def _move(root: Path, paths: list[Path]) -> int:
    moved = 0
    folders = {root / FOLDER}
    for path in paths:
        target = root / QUARANTINE / path.relative_to(root / FOLDER)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders |= {target.parent, target.parent.parent}
        try:
            shutil.move(path, target)  # a folder of pictures may be a disk of its own
        except FileNotFoundError:  # another process was faster
            continue
        moved += 1
        _remove_empty(path.parent)
    for folder in folders:
        sync_folder(folder)
    return moved


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not empty
        return
