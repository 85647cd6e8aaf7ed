"""What a contact sheet shows: the next cells of all open batches, numbered; kept, so that answers can name numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_sheet, new_sheet
from edge_runtime.sessions.ranking.grid import MOST, next_page
from edge_runtime.sessions.store.rows import MOMENT, insert

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

CELLS = 96  # the run of clean cells that ends a review, so that one sheet may be enough
_NOBODY = "sheet"  # who will look is said with the answers


@dataclass(frozen=True)
class SheetCell:
    """A cell of a sheet.

    Attributes:
        number: on the sheet, from 1 up.
        name: field and cell number, as people type it: ``7.12``.
        batch: number of its batch.
    """

    number: int
    name: str
    batch: int


@dataclass(frozen=True)
class Sheet:
    """A contact sheet; it does not say which of its cells are random ones of the rest.

    Attributes:
        code: such as ``Q-4KX9WMT``.
        session: code of the session.
        slide: code of the slide.
        cells: in their order, most suspicious first in each batch.
        made: when, ISO 8601, UTC.
    """

    code: str
    session: str
    slide: str
    cells: tuple[SheetCell, ...]
    made: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        cells = [{"number": cell.number, "cell": cell.name} for cell in self.cells]
        return {"session": self.session, "sheet": self.code, "made": self.made, "cells": cells}


def make_sheet(store: Store, session: Session, cells: int = CELLS) -> Sheet:
    """The next cells to look at, newest batch first; the sheet made last once more when nothing has changed since.

    A batch that may end with this sheet has up to 24 random cells of its rest among the others, as a page of the grid.

    Args:
        cells: by rank, at most; the random ones come on top.

    Raises:
        WrongUsage: nothing is left to look at, or a number out of range.
        StoreProblem: the disk is full or fails.
    """
    if not 1 <= cells <= MOST:
        raise WrongUsage(f"A sheet has 1 to {MOST:,} cells, not {cells}.")
    batches: list[tuple[int, list[str]]] = []
    left = cells
    while left > 0:
        page = next_page(store, session, _NOBODY, left, past=[batch for batch, _ in batches])
        if page is None:
            break
        batches.append((page.batch, [cell.name for cell in page.cells]))
        left -= sum(not cell.audit for cell in page.cells)
    if not batches:
        raise WrongUsage(
            f"No cell of session {session.code} is left to look at, so there is no sheet to make; "
            "`thinsmear session status` shows the count."
        )
    content = json.dumps(batches)
    with store.writing() as connection:
        row = connection.execute(
            "SELECT * FROM review_sheets WHERE session_id = ? ORDER BY id DESC LIMIT 1", (session.id,)
        ).fetchone()
        if row is None or row["cells"] != content:
            columns = f"session_id, code, cells, {MOMENT}"
            values = (session.id, new_sheet(), content, *store.stamp())
            row_id = insert(connection, "review_sheets", columns, values)
            row = connection.execute("SELECT * FROM review_sheets WHERE id = ?", (row_id,)).fetchone()
    return _sheet(row, session)


def sheet_of(store: Store, session: Session, code: str) -> Sheet:
    """A sheet that was made of a session.

    Raises:
        WrongUsage: the code is none of a sheet's, or its sheet is of another session.
    """
    known = checked_sheet(code)
    with store.reading() as connection:
        row = connection.execute(
            """SELECT p.*, s.code AS session FROM review_sheets AS p JOIN sessions AS s ON s.id = p.session_id
            WHERE p.code = ?""",
            (known,),
        ).fetchone()
    if row is None:
        raise WrongUsage(f"Sheet {known} was not made from this store; answers go to the machine that made the sheet.")
    if row["session_id"] != session.id:
        raise WrongUsage(
            f"Sheet {known} is of session {row['session']}, not of {session.code}; name that session instead."
        )
    return _sheet(row, session)


def _sheet(row: sqlite3.Row, session: Session) -> Sheet:
    named = [(batch, name) for batch, names in json.loads(row["cells"]) for name in names]
    cells = tuple(SheetCell(number, name, batch) for number, (batch, name) in enumerate(named, 1))
    return Sheet(row["code"], session.code, session.plan.slide, cells, row["recorded_at"])
