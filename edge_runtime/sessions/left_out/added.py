"""Cells that a person saw in a field and the machine did not box: added at a place, with a verdict, and taken back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import KEY, checked_code
from edge_runtime.sessions.store.pictures import box_picture, stored_image
from edge_runtime.sessions.store.rows import MOMENT, insert, one
from edge_runtime.sessions.verdicts import NoVerdict, Verdict

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

VERDICTS = ("asexual", "gametocyte", "unsure")  # a cell without a parasite is not added
_NAME = re.compile(r"([1-9][0-9]{0,9})\.a([1-9][0-9]{0,9})", re.ASCII)
_PLACE = re.compile(r"([1-9][0-9]{0,9}):([0-9]{1,6}),([0-9]{1,6})", re.ASCII)
_ADDED = f"field_id, number, x, y, w, h, verdict, species, stage, reviewer, key, jpeg, {MOMENT}"
_LEAST = 16  # pixels of a box, where a field has no cell to measure by
_TAKEN = """SELECT 'cell ' || ? || '.' || number AS name FROM cells
        WHERE field_id = ? AND ? BETWEEN x AND x + w - 1 AND ? BETWEEN y AND y + h - 1
    UNION ALL SELECT 'object ' || ? || '.o' || number FROM objects
        WHERE field_id = ? AND ? BETWEEN x AND x + w - 1 AND ? BETWEEN y AND y + h - 1
    UNION ALL SELECT 'cell ' || ? || '.a' || number FROM added_cells
        WHERE field_id = ? AND undone_by IS NULL AND ? BETWEEN x AND x + w - 1 AND ? BETWEEN y AND y + h - 1"""


class PlaceTaken(WrongUsage):
    """There is a cell, or an object, at the place already."""


@dataclass(frozen=True)
class Place:
    """Where a cell is to be added.

    Attributes:
        field: number in the session.
        x: pixels from the left edge of the upright image to the middle of the cell.
        y: pixels from its top.
    """

    field: int
    x: int
    y: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """From ``FIELD:X,Y``, such as ``7:310,205``; WrongUsage when it is none."""
        parts = _PLACE.fullmatch(text)
        if parts is None:
            raise WrongUsage(
                f"The place {printable(text)!r} must be FIELD:X,Y in pixels of the image, such as 7:310,205."
            )
        return cls(*(int(part) for part in parts.groups()))


@dataclass(frozen=True)
class AddedCell:
    """A cell that a person added.

    Attributes:
        name: ``FIELD.aNUMBER``.
        box: left, top, width, height in pixels of the upright image: as large as the field's usual cell.
        verdict: "asexual", "gametocyte" or "unsure".
        species: None when not given.
        stage: None when not given.
        reviewer: code.
    """

    name: str
    box: tuple[int, int, int, int]
    verdict: str
    species: str | None
    stage: str | None
    reviewer: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "cell": self.name,
            **{name: value for name, value in self.__dict__.items() if name != "name"},
            "box": list(self.box),
        }


def is_added(name: str) -> bool:
    """Whether a name is of a cell that a person added."""
    return _NAME.fullmatch(name) is not None


def add_cell(
    store: Store, session: Session, place: Place, verdict: str, reviewer: str, species: str | None = None,
    stage: str | None = None, key: str | None = None,
) -> AddedCell:  # fmt: skip
    """Add a cell with its verdict; durable when this returns.

    Args:
        key: made up by whoever asks, 8 to 64 letters, digits, "-" or "_": the same one again adds nothing.

    Raises:
        WrongUsage: no such field, a field of no whole slide or without its image, a place outside it, a verdict that
            is none of :data:`VERDICTS`, or another value that is none of those allowed.
        PlaceTaken: there is a cell or an object at the place; it has its own verdict.
    """
    checked_code("reviewer", reviewer)
    where = f"{place.field}:{place.x},{place.y}"
    Verdict(where, verdict, species, stage).check()
    if verdict not in VERDICTS:
        raise WrongUsage(
            f"A cell that is added holds a parasite or is unsure; {verdict} is none of {', '.join(VERDICTS)}."
        )
    if key is not None and not KEY.fullmatch(key):
        raise WrongUsage(f"The key {printable(key)!r} must be 8 to 64 letters, digits, hyphens or underscores.")
    with store.reading() as connection:
        field = _field(connection, session, place.field)
        pixels = stored_image(store.root, field["image"])
    height, width = pixels.shape[:2]
    if not (place.x < width and place.y < height):
        raise WrongUsage(f"The place {where} lies outside the image of {width} x {height} pixels.")
    with store.writing() as connection:
        field = _field(connection, session, place.field)
        known = connection.execute(
            "SELECT * FROM added_cells WHERE field_id = ? AND key = ?", (field["id"], key)
        ).fetchone()
        if known is not None:
            return _cell(place.field, known)
        at = (place.field, field["id"], place.x, place.y)
        if (taken := connection.execute(_TAKEN, at * 3).fetchone()) is not None:
            raise PlaceTaken(f"There is {taken['name']} at {where} already; give your verdict on it.")
        side = _usual_side(connection, field["id"])
        box = _box(place, side, (width, height))
        number = 1 + one(connection, "SELECT coalesce(max(number), 0) FROM added_cells WHERE field_id = ?", field["id"])
        said = (verdict, species, stage, reviewer)
        insert(
            connection, "added_cells", _ADDED,
            (field["id"], number, *box, *said, key, box_picture(pixels, box), *store.stamp()),
        )  # fmt: skip
    return AddedCell(f"{place.field}.a{number}", box, *said)


def take_added_back(store: Store, session: Session, name: str, reviewer: str) -> None:
    """Take a cell back that was added; its row stays, and it counts no more.

    Raises:
        NoVerdict: there is none of that name, or it was taken back already.
    """
    checked_code("reviewer", reviewer)
    parts = _NAME.fullmatch(name)
    with store.writing() as connection:
        changed = 0
        if parts is not None:
            changed = connection.execute(
                """UPDATE added_cells SET undone_by = ? WHERE number = ? AND undone_by IS NULL
                AND field_id = (SELECT id FROM fields WHERE session_id = ? AND number = ?)""",
                (reviewer, int(parts[2]), session.id, int(parts[1])),
            ).rowcount
    if not changed:
        raise NoVerdict(f"Session {session.code} has no added cell {printable(name)!r} to take back.")


def added_cells(store: Store, session: Session, field: int | None = None) -> Iterator[AddedCell]:
    """The cells that persons added and did not take back, of one field or of all accepted ones."""
    with store.reading() as connection:
        for row in connection.execute(
            """SELECT f.number AS field, a.* FROM fields AS f JOIN added_cells AS a ON a.field_id = f.id
            WHERE f.session_id = ? AND f.accepted AND f.number = coalesce(?, f.number) AND a.undone_by IS NULL
            ORDER BY f.number, a.number""",
            (session.id, field),
        ):
            yield _cell(row["field"], row)


def added_picture(store: Store, session: Session, name: str) -> bytes:
    """JPEG of an added cell with a little of its surroundings.

    Raises:
        WrongUsage: there is none.
    """
    parts = _NAME.fullmatch(name)
    with store.reading() as connection:
        row = None
        if parts is not None:
            row = connection.execute(
                """SELECT a.jpeg FROM fields AS f JOIN added_cells AS a ON a.field_id = f.id
                WHERE f.session_id = ? AND f.number = ? AND a.number = ?""",
                (session.id, int(parts[1]), int(parts[2])),
            ).fetchone()
    if row is None:
        raise WrongUsage(f"Session {session.code} has no added cell {printable(name)!r}.")
    return bytes(row["jpeg"])


def _field(connection: sqlite3.Connection, session: Session, number: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT id, kind, accepted, image FROM fields WHERE session_id = ? AND number = ?", (session.id, number)
    ).fetchone()
    if row is None:
        raise WrongUsage(f"Session {session.code} has no field {number}.")
    if row["kind"] != "field" or not row["accepted"]:
        raise WrongUsage(f"Field {number} of session {session.code} counts no cells, so none can be added to it.")
    if row["image"] is None:
        raise WrongUsage(f"The image of field {number} was removed, so no cell can be added to it; its counts stay.")
    return row


def _usual_side(connection: sqlite3.Connection, field_id: int) -> int:
    """Longer side of the usual cell of a field, in pixels."""
    rows = connection.execute("SELECT max(w, h) FROM cells WHERE field_id = ? AND w IS NOT NULL", (field_id,))
    return max(round(median([int(row[0]) for row in rows] or [_LEAST])), _LEAST)


def _box(place: Place, side: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around a place, as far as the image goes."""
    left, top = max(place.x - side // 2, 0), max(place.y - side // 2, 0)
    return left, top, min(place.x + side - side // 2, size[0]) - left, min(place.y + side - side // 2, size[1]) - top


def _cell(field: int, row: sqlite3.Row) -> AddedCell:
    box = (row["x"], row["y"], row["w"], row["h"])
    return AddedCell(f"{field}.a{row['number']}", box, row["verdict"], row["species"], row["stage"], row["reviewer"])
