"""Where a store is: its folder, its database, and whether the disk has room."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.errors import NO_SPACE, EnvironmentLacks, WrongUsage
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.connection import connect
from edge_runtime.sessions.store.identity import require_database

DATABASE = "sessions.db"
_MEGABYTE = 1_000_000


def default_folder() -> Path:
    """``THINSMEAR_STORE``, or ``thinsmear/sessions`` where the system keeps a user's data."""
    named = os.environ.get("THINSMEAR_STORE")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "thinsmear" / "sessions"


def open_database(root: Path, create: bool, anew: bool = False) -> sqlite3.Connection:
    """The database of a store; WrongUsage when it is not there and shall not be made, BadData when it is gone.

    Args:
        create: make one in a folder without pictures.
        anew: make one beside pictures that it will know nothing of; the caller has set the old one away.
    """
    database = root / DATABASE
    if not anew:
        require_database(root, database)
    if not create and not database.exists():
        raise WrongUsage(
            f"There is no store in {printable(root)}; `thinsmear session new` makes one, --store names another folder."
        )
    ballast.release(root)
    return connect(database)


def require_space(root: Path, least: int) -> None:
    """EnvironmentLacks when the folder's disk has less than ``least`` bytes free."""
    free = ballast.free_bytes(root)
    if free < least:
        raise EnvironmentLacks(
            f"Only {free / _MEGABYTE:,.0f} MB are free on the disk of {printable(root)}, a session needs "
            f"{least / _MEGABYTE:,.0f} MB; free some space, or see `thinsmear session retain --dry-run`.",
            NO_SPACE,
        )
