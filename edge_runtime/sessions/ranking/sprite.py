"""Pictures of many cells as one image: what a page of thumbnails is cut from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.errors import BadImage
from edge_runtime.sessions.records import CellRecord
from edge_runtime.sessions.store.pictures import cell_picture, stored_image
from edge_runtime.sessions.verdicts import cell_row

if TYPE_CHECKING:
    import sqlite3

    from PIL.Image import Image

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

COLUMNS = 8
_JPEG_QUALITY = 85  # of 2 x 2 pixels for each of the screen's: a chromatin dot is told from a speck
_BLANK = (51, 71, 90)
_ROW = """SELECT c.id, p.jpeg, f.image, c.x, c.y, c.w, c.h, c.probability, c.review, c.count FROM cells AS c
    JOIN fields AS f ON f.id = c.field_id LEFT JOIN pictures AS p ON p.cell_id = c.id WHERE c.id = ?"""


@dataclass(frozen=True)
class Sprite:
    """Squares side by side, eight in a row, in the order of the names that were asked for.

    Attributes:
        jpeg: the image's file.
        missing: names of the cells whose picture is gone or cannot be read; their squares are of one dark colour.
    """

    jpeg: bytes
    missing: tuple[str, ...]


def pictured(store: Store, session: Session, names: Sequence[str]) -> tuple[str, ...]:
    """Of these cells, those with a picture of their own or an image that retention has not removed."""
    with store.reading() as connection:
        rows = {name: _row(connection, session, name) for name in names}
    return tuple(name for name, row in rows.items() if row["jpeg"] is not None or row["image"] is not None)


def sprite(store: Store, session: Session, names: Sequence[str], side: int) -> Sprite:
    """The pictures of cells, each cut to a square and scaled to ``side`` pixels.

    An image is decoded once for all its cells that have no picture of their own, one image at a time.

    Args:
        names: ``FIELD.CELL`` each, 1 or more.
        side: pixels of a square.

    Raises:
        WrongUsage: there is no such cell.
    """
    from PIL import Image

    with store.reading() as connection:
        rows = [_row(connection, session, name) for name in names]
    height = side * -(-len(names) // COLUMNS)
    sheet = Image.new("RGB", (side * min(COLUMNS, len(names)), height), _BLANK)
    missing = []
    # cells of one image follow one another, so that each image is in memory once, and alone
    source: tuple[str | None, object] = (None, None)
    for place in sorted(range(len(names)), key=lambda i: (rows[i]["jpeg"] is None, rows[i]["image"] or "", i)):
        row = rows[place]
        try:
            jpeg = row["jpeg"]
            if jpeg is None and row["image"] is not None:
                if source[0] != row["image"]:
                    source = (None, None)  # the image before is let go first
                    source = (row["image"], stored_image(store.root, row["image"]))
                jpeg = cell_picture(source[1], _record(row))  # type: ignore[arg-type]
        except (BadImage, OSError):
            jpeg = None
        if jpeg is None:
            missing.append(names[place])
            continue
        with Image.open(io.BytesIO(jpeg)) as picture:
            shown = square(picture.convert("RGB"), side)
        sheet.paste(shown, (side * (place % COLUMNS), side * (place // COLUMNS)))
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return Sprite(stream.getvalue(), tuple(missing))


def _row(connection: sqlite3.Connection, session: Session, name: str) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(_ROW, (cell_row(connection, session, name),)).fetchone()
    return row


def _record(row: sqlite3.Row) -> CellRecord:
    box = None if row["x"] is None else (row["x"], row["y"], row["w"], row["h"])
    return CellRecord(row["probability"], bool(row["review"]), bool(row["count"]), box)


def square(picture: Image, side: int) -> Image:
    """The middle of a picture, as large a square as it holds: at an image's border a cell's picture is no square."""
    from PIL import Image

    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    return picture.resize((side, side), Image.Resampling.BICUBIC, (left, top, left + short, top + short))
