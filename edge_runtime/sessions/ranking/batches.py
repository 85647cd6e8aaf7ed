"""A session's cells as batches that are ranked together, and how far down each was looked at.

Cells of accepted images are ranked by falling probability, then by row. A batch is closed once a page of it was drawn;
what comes later is a batch of its own, so that it never takes back what was found before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.ranking.audits import Audit, audits
from edge_runtime.sessions.store.rows import MOMENT, Stamp, insert

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session

ASEXUAL, GAMETOCYTE, NO_PARASITE, UNSURE = "asexual", "gametocyte", "no-parasite", "unsure"
PARASITES = (ASEXUAL, GAMETOCYTE)
# so many of a batch's cells from the top; a limit keeps SQLite's sorter, and the memory, as small as what is asked for
TOP = """SELECT c.id, f.number AS field, c.number, c.probability FROM fields AS f JOIN cells AS c ON c.field_id = f.id
    WHERE f.session_id = ? AND f.accepted AND f.number BETWEEN ? AND ? ORDER BY c.probability DESC, c.id LIMIT ?"""
_WITH_VERDICTS = f"""SELECT r.id, v.verdict FROM ({TOP}) AS r LEFT JOIN current_verdicts AS v ON v.cell_id = r.id
    ORDER BY r.probability DESC, r.id"""


@dataclass(frozen=True)
class Seen:
    """Cells that were looked at, by verdict."""

    asexual: int = 0
    gametocyte: int = 0
    no_parasite: int = 0
    unsure: int = 0

    @classmethod
    def counted(cls, counts: Counter[str]) -> Seen:
        """From counts by the verdict's name."""
        return cls(counts[ASEXUAL], counts[GAMETOCYTE], counts[NO_PARASITE], counts[UNSURE])

    def of(self, verdict: str) -> int:
        """Cells with this verdict."""
        return {
            ASEXUAL: self.asexual,
            GAMETOCYTE: self.gametocyte,
            NO_PARASITE: self.no_parasite,
            UNSURE: self.unsure,
        }[verdict]

    @property
    def looked(self) -> int:
        """All of them."""
        return self.asexual + self.gametocyte + self.no_parasite + self.unsure


@dataclass(frozen=True)
class RankedBatch:
    """Fields of a session that are ranked together.

    Attributes:
        number: from 1 up.
        first: number of its first field.
        last: number of its last field.
        cells: red cells of its accepted images, 1 or more.
        suspected: cells above the review point.
        pending: of these, without a verdict.
        top: the cells from the top down to the first one without a verdict.
        below: cells further down that have a verdict: of an audit, from the queue of suspected cells, or named.
        clean: cells in a row without a parasite at the end of ``top``.
        audit: the random cells drawn from its rest; None before.
        found_at_audit: asexual parasites among the ranks that the audit was drawn below; None without an audit, or
            when not all of them have a verdict any more.
        id: row; None while no page of it was drawn.
    """

    number: int
    first: int
    last: int
    cells: int
    suspected: int
    pending: int
    top: Seen = field(default_factory=Seen)
    below: Seen = field(default_factory=Seen)
    clean: int = 0
    audit: Audit | None = None
    found_at_audit: int | None = None
    id: int | None = None

    @property
    def judged(self) -> int:
        """Cells with a verdict."""
        return self.top.looked + self.below.looked

    @property
    def complete(self) -> bool:
        """Whether every cell was looked at."""
        return self.judged == self.cells

    @property
    def alarm(self) -> bool:
        """Whether a random cell of the rest held a parasite."""
        return self.audit is not None and self.audit.parasites > 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "batch": self.number,
            "first_field": self.first,
            "last_field": self.last,
            "closed": self.id is not None,
            "cells": self.cells,
            "looked": self.top.looked,
            "looked_below": self.below.looked,
            "asexual": self.top.asexual + self.below.asexual,
            "gametocytes": self.top.gametocyte + self.below.gametocyte,
            "unsure": self.top.unsure + self.below.unsure,
            "clean": self.clean,
            "suspected_pending": self.pending,
            "audit": None if self.audit is None else self.audit.to_json(),
        }


def ranked_batches(connection: sqlite3.Connection, session: Session) -> tuple[RankedBatch, ...]:
    """The batches of a session, oldest first; the last one may still be open. Empty before the first cell.

    Memory grows with the images, not with their cells.
    """
    fields = connection.execute(
        "SELECT number, cells, suspected FROM fields WHERE session_id = ? AND accepted AND cells > 0 ORDER BY number",
        (session.id,),
    ).fetchall()
    judged = _judged(connection, session)
    drawn = audits(connection, session)
    found = []
    for row_id, number, first, last in _bounds(connection, session, [row["number"] for row in fields]):
        inside = [row for row in fields if first <= row["number"] <= last]
        verdicts: Counter[str] = Counter()
        looked_at = 0
        for row in inside:
            for verdict, suspected, cells in judged.get(row["number"], ()):
                verdicts[verdict] += cells
                looked_at += cells if suspected else 0
        suspects = sum(row["suspected"] for row in inside)
        cells = sum(row["cells"] for row in inside)
        audit = None if row_id is None else drawn.get(row_id)
        batch = RankedBatch(number, first, last, cells, suspects, suspects - looked_at, audit=audit, id=row_id)
        found.append(_looked(connection, session, batch, verdicts))
    return tuple(found)


def close_batch(connection: sqlite3.Connection, session: Session, stamp: Stamp) -> None:
    """Let the images that belong to no batch yet be one; nothing when there is none with cells.

    Args:
        connection: in a transaction that may write.
        stamp: when.
    """
    numbers = [
        row["number"]
        for row in connection.execute(
            "SELECT number FROM fields WHERE session_id = ? AND accepted AND cells > 0 ORDER BY number", (session.id,)
        )
    ]
    for row_id, number, first, last in _bounds(connection, session, numbers):
        if row_id is None:
            columns = f"session_id, number, first_field, last_field, {MOMENT}"
            insert(connection, "review_batches", columns, (session.id, number, first, last, *stamp))


def _bounds(
    connection: sqlite3.Connection, session: Session, numbers: list[int]
) -> list[tuple[int | None, int, int, int]]:
    """Row, number, first and last field of each batch with cells, the open one last."""
    rows = connection.execute(
        "SELECT id, number, first_field, last_field FROM review_batches WHERE session_id = ? ORDER BY number",
        (session.id,),
    ).fetchall()
    found: list[tuple[int | None, int, int, int]] = [tuple(row) for row in rows]
    closed = max((last for _, _, _, last in found), default=0)
    later = [number for number in numbers if number > closed]
    if later:
        found.append((None, 1 + max((number for _, number, _, _ in found), default=0), later[0], later[-1]))
    return [bounds for bounds in found if any(bounds[2] <= number <= bounds[3] for number in numbers)]


def _judged(connection: sqlite3.Connection, session: Session) -> dict[int, list[tuple[str, bool, int]]]:
    """Current verdicts by field: verdict, whether of suspected cells, cells."""
    found: dict[int, list[tuple[str, bool, int]]] = {}
    for row in connection.execute(
        """SELECT f.number AS field, v.verdict, c.review OR c.count AS suspected, count(*) AS cells
        FROM fields AS f JOIN cells AS c ON c.field_id = f.id JOIN current_verdicts AS v ON v.cell_id = c.id
        WHERE f.session_id = ? AND f.accepted GROUP BY 1, 2, 3""",
        (session.id,),
    ):
        found.setdefault(row["field"], []).append((row["verdict"], bool(row["suspected"]), row["cells"]))
    return found


def _looked(
    connection: sqlite3.Connection, session: Session, batch: RankedBatch, verdicts: Counter[str]
) -> RankedBatch:
    """The batch with what was looked at: its ranking is read from the top to the first cell without a verdict."""
    judged = verdicts.total()
    if not judged:
        return batch
    top: Counter[str] = Counter()
    clean, found = 0, None
    drawn_below = -1 if batch.audit is None else batch.audit.looked
    for rank, row in enumerate(
        connection.execute(_WITH_VERDICTS, (session.id, batch.first, batch.last, min(judged + 1, batch.cells)))
    ):
        if rank == drawn_below:
            found = top[ASEXUAL]
        if row["verdict"] is None:
            break
        top[row["verdict"]] += 1
        clean = clean + 1 if row["verdict"] == NO_PARASITE else 0
    if top.total() == drawn_below:
        found = top[ASEXUAL]
    return replace(batch, top=Seen.counted(top), below=Seen.counted(verdicts - top), clean=clean, found_at_audit=found)
