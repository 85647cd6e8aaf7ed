"""Opens a store: to add to it, once what a power cut left is tidied; or to look, whatever space is left."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.common.files import clear_leftovers
from edge_runtime.sessions import clock as clocks
from edge_runtime.sessions.store import ballast, permissions, pictures
from edge_runtime.sessions.store.identity import require_identity
from edge_runtime.sessions.store.location import default_folder, open_database, require_space
from edge_runtime.sessions.store.orphans import finish_removals, set_aside
from edge_runtime.sessions.store.store import MIN_FREE, Store


def open_store(
    root: Path | None = None,
    *,
    create: bool = False,
    anew: bool = False,
    min_free: int = MIN_FREE,
    clock: clocks.Clock = clocks.now,
) -> Store:
    """Open a store to add to it; tidies what a power cut or a killed process left, and keeps other users out.

    Pictures that no row names are set aside, never deleted; :attr:`Store.set_aside` says how many.

    Args:
        root: its folder, None for :func:`default_folder`.
        create: make it when it is not there.
        anew: make its database when that is not there, and set all pictures aside, which it cannot know.
        min_free: bytes that must be free on its disk, now and at every image.
        clock: for tests.

    Raises:
        WrongUsage: there is none, and ``create`` is false.
        EnvironmentLacks: the disk has less than ``min_free`` bytes free.
        BadData, StoreProblem: see :func:`edge_runtime.sessions.store.connection.connect`.
        OSError: the folder cannot be written.
    """
    root = default_folder() if root is None else Path(root)
    if create:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if root.is_dir():
        require_space(root, min_free)
    store = Store(root, open_database(root, create or anew, anew), min_free, clock)
    try:
        (root / pictures.FOLDER).mkdir(mode=0o700, exist_ok=True)
        permissions.narrow(root)
        for folder in (root, *(root / name for name in permissions.FOLDERS), *(root / pictures.FOLDER).iterdir()):
            clear_leftovers(folder)
        require_identity(store)
        finish_removals(store)
        store.set_aside = set_aside(store)
        store.settle()
        ballast.keep(root, min_free)
    except BaseException:
        store.close()
        raise
    return store


def open_existing(root: Path | None = None, *, min_free: int = 0, clock: clocks.Clock = clocks.now) -> Store:
    """Open a store to look, review or clear out, whatever space is left; changes nothing by itself.

    Args:
        root: its folder, None for :func:`default_folder`.
        min_free: bytes that must be free on its disk at every image that is added.
        clock: for tests.

    Raises:
        WrongUsage, BadData, StoreProblem: as :func:`open_store`.
    """
    root = default_folder() if root is None else Path(root)
    return Store(root, open_database(root, create=False), min_free, clock)
