"""Pictures of a sheet's cells: those that were kept, the others cut from their images, each of which is read once."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.records import CellRecord
from edge_runtime.sessions.store.pictures import cell_picture, stored_image
from edge_runtime.sessions.verdicts import cell_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.sheets.contents import Sheet
    from edge_runtime.sessions.store.store import Store


def sheet_pictures(store: Store, session: Session, sheet: Sheet) -> dict[str, bytes]:
    """JPEG of each cell of a sheet with a little of its surroundings, by the cell's name.

    Raises:
        WrongUsage: retention has removed images, and with them pictures that the sheet needs.
        BadImage: an image's file cannot be read.
    """
    with store.reading() as connection:
        rows = {cell.name: _row(connection, session, cell.name) for cell in sheet.cells}
    found = {name: bytes(row["jpeg"]) for name, row in rows.items() if row["jpeg"] is not None}
    others = sorted((row["image"] or "", name) for name, row in rows.items() if row["jpeg"] is None)
    lost = sum(not image for image, _ in others)
    if lost:
        raise WrongUsage(
            f"{lost:,} of the sheet's {len(sheet.cells):,} cells have no picture any more, because retention removed "
            f"the images of session {session.code}; it cannot be reviewed by rank."
        )
    for image, named in groupby(others, lambda one: one[0]):
        found |= _cut(store, image, [(name, rows[name]) for _, name in named])
    return found


def _row(connection: sqlite3.Connection, session: Session, name: str) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        """SELECT p.jpeg, f.image, c.x, c.y, c.w, c.h, c.probability, c.review, c.count FROM cells AS c
        JOIN fields AS f ON f.id = c.field_id LEFT JOIN pictures AS p ON p.cell_id = c.id WHERE c.id = ?""",
        (cell_row(connection, session, name),),
    ).fetchone()
    return row


def _cut(store: Store, image: str, cells: Iterable[tuple[str, sqlite3.Row]]) -> dict[str, bytes]:
    """Pictures from one image, which is let go of afterwards."""
    pixels = stored_image(store.root, image)
    found = {}
    for name, row in cells:
        box = None if row["x"] is None else (row["x"], row["y"], row["w"], row["h"])
        record = CellRecord(row["probability"], bool(row["review"]), bool(row["count"]), box)
        found[name] = cell_picture(pixels, record)
    return found
