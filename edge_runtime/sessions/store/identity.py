"""One identity for a folder of pictures and its database, so that neither is taken for another's."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData
from edge_runtime.sessions.store import pictures
from edge_runtime.sessions.store.orphans import QUARANTINE

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store

NAME = "store-id"
_KEY = "store_id"
_FORM = re.compile(r"[0-9a-f]{32}")


def holds_database(database: Path) -> bool:
    """Whether the file is there and has a byte: SQLite takes an empty one for a new database."""
    return database.exists() and database.stat().st_size > 0


def require_database(root: Path, database: Path) -> None:
    """BadData when pictures lie there and the database does not, or has no byte: a new one would know none of them."""
    if holds_database(database):
        return
    held = sum(1 for name in (pictures.FOLDER, QUARANTINE) for path in (root / name).glob("*/*") if path.is_file())
    if held:
        state = "is empty" if database.exists() else "is not there"
        raise BadData(
            f"{printable(root)} holds {held:,} pictures, but its database {database.name} {state}. Put the database "
            f"back from a copy, or have it built anew from the pictures with `thinsmear session recover`."
        )


def require_identity(store: Store) -> None:
    """Give folder and database one identity, or make sure that they have the same.

    Raises:
        BadData: they have not: the database was brought from another store.
    """
    file = store.root / NAME
    own, beside = store.setting(_KEY), _read(file)
    if own is None:
        own = beside or secrets.token_hex(16)
        store.set_setting(_KEY, own)
    if beside is None:
        write_atomically(file, f"{own}\n")
    elif beside != own:
        raise BadData(
            f"The database in {printable(store.root)} belongs to the pictures of another store. Put back its own; if "
            f"these pictures are its own all the same, remove the file {NAME} there."
        )


def _read(file: Path) -> str | None:
    try:
        text = file.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    return text if _FORM.fullmatch(text) else None
