"""Keeps a store to whom it belongs: in a folder that was made by hand it is narrowed when it is opened to add to it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from edge_runtime.sessions.store import ballast, identity, locks, orphans, pictures
from edge_runtime.sessions.store.location import DATABASE

FOLDERS = (pictures.FOLDER, orphans.QUARANTINE, "serve")  # images, and what the server keeps for itself
_OWN = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", ballast.NAME, locks.NAME, identity.NAME, *FOLDERS}
_OTHERS, _GROUP, _GROUP_WRITES = stat.S_IRWXO, stat.S_IRWXG, stat.S_IWGRP


def narrow(root: Path) -> None:
    """Take from other users what they may do with a store: its folder, or what it holds where the folder holds more.

    A group that may write keeps all it may: somebody shares the store with it on purpose. What cannot be narrowed (it
    belongs to somebody else; a medium without permissions) stays as it is.
    """
    if os.name != "posix":
        return
    names = set(os.listdir(root))
    # a folder of temporary files, or a home, is not ours to close
    closed = [root] if all(name in _OWN or name.startswith(".") for name in names) else []
    for path in closed or [root / name for name in sorted(names & _OWN)]:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            unwanted = _OTHERS if mode & _GROUP_WRITES else _OTHERS | _GROUP
            if mode & unwanted:
                path.chmod(mode & ~unwanted)
