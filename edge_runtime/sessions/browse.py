"""Fields and cells as they were stored: for pages that show a session again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.records import CellRecord, FieldRecord, ObjectRecord
from edge_runtime.sessions.store.pictures import box_picture, stored_image
from edge_runtime.sessions.verdicts import cell_row

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store


@dataclass(frozen=True)
class FieldLine:
    """One field in a list.

    Attributes:
        number: in the session, from 1 up.
        accepted: whether its cells count.
        cells: found in it.
        suspected: of these, to be looked at.
        infected: of these, called by the machine.
    """

    number: int
    accepted: bool
    cells: int
    suspected: int
    infected: int


@dataclass(frozen=True)
class StoredField:
    """One field as stored.

    Attributes:
        number: in the session, from 1 up.
        record: the machine's result.
        model: SHA-256 of the model's file.
        image: the image's file; None once retention has removed it.
    """

    number: int
    record: FieldRecord
    model: str
    image: Path | None


def field_lines(store: Store, session: Session) -> Iterator[FieldLine]:
    """All images of a session in their order, refused ones included."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT number, accepted, cells, suspected, infected FROM fields WHERE session_id = ? ORDER BY number",
            (session.id,),
        )
        for row in rows:
            yield FieldLine(row["number"], bool(row["accepted"]), row["cells"], row["suspected"], row["infected"])


def last_number(store: Store, session: Session) -> int:
    """The number of the newest field; 0 before the first."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT coalesce(max(number), 0) FROM fields WHERE session_id = ?", (session.id,)
        ).fetchone()
    return int(row[0])


def stored_field(store: Store, session: Session, number: int) -> StoredField:
    """A field with its cells.

    Raises:
        WrongUsage: there is no field of that number.
    """
    with store.reading() as connection:
        row = connection.execute(
            """SELECT f.id, f.kind, f.quality, f.excluded, f.image, m.sha256 FROM fields AS f
            JOIN models AS m ON m.id = f.model_id WHERE f.session_id = ? AND f.number = ?""",
            (session.id, min(number, 2**62)),
        ).fetchone()
        if row is None:
            raise WrongUsage(f"Session {session.code} has no field {number}.")
        cells = connection.execute(
            "SELECT x, y, w, h, probability, review, count FROM cells WHERE field_id = ? ORDER BY number", (row["id"],)
        ).fetchall()
        others = connection.execute(
            "SELECT x, y, w, h, reason, probability FROM objects WHERE field_id = ? ORDER BY number", (row["id"],)
        ).fetchall()
    objects = tuple(ObjectRecord(tuple(o)[:4], o["reason"], o["probability"]) for o in others)
    found = tuple(
        CellRecord(c["probability"], bool(c["review"]), bool(c["count"]), None if c["x"] is None else tuple(c)[:4])
        for c in cells
    )
    record = FieldRecord(found, row["kind"], json.loads(row["excluded"]), json.loads(row["quality"]), objects)
    return StoredField(number, record, row["sha256"], None if row["image"] is None else store.root / row["image"])


def picture_of(store: Store, session: Session, name: str) -> bytes | None:
    """JPEG of any cell with a little of its surroundings; None when retention has removed its image.

    Args:
        name: ``FIELD.CELL``.

    Raises:
        WrongUsage: there is no such cell.
        BadImage: the image's file cannot be read.
    """
    with store.reading() as connection:
        cell_id = cell_row(connection, session, name)
        row = connection.execute(
            """SELECT p.jpeg, f.image, c.x, c.y, c.w, c.h FROM cells AS c
            JOIN fields AS f ON f.id = c.field_id LEFT JOIN pictures AS p ON p.cell_id = c.id WHERE c.id = ?""",
            (cell_id,),
        ).fetchone()
    if row["jpeg"] is not None:
        return bytes(row["jpeg"])
    if row["image"] is None:
        return None
    box = None if row["x"] is None else (row["x"], row["y"], row["w"], row["h"])
    return box_picture(stored_image(store.root, row["image"]), box)
