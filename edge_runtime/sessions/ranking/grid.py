"""The next page of thumbnails to look at: the cells that rank highest, and on a batch's last page random ones too."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code
from edge_runtime.sessions.ranking.audits import draw_audit
from edge_runtime.sessions.ranking.batches import TOP, RankedBatch, close_batch, ranked_batches
from edge_runtime.sessions.ranking.curve_choice import curve_of
from edge_runtime.sessions.ranking.ending import to_go
from edge_runtime.sessions.records import POSITIVE
from edge_runtime.sessions.store.rows import one

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

GRID = {"phone": 24, "pi": 32, "desktop": 72}  # cells a page
RANK, AUDIT = "rank", "audit"  # kinds of pages; of an answered one with random cells it is the latter
AUDITED = 24  # random cells that the last page may have on top of its size
MOST = 1000  # cells a page
_OPEN = f"""SELECT r.id, r.field, r.number, r.rank FROM (
        SELECT t.*, row_number() OVER (ORDER BY t.probability DESC, t.id) AS rank FROM ({TOP}) AS t
    ) AS r LEFT JOIN current_verdicts AS v ON v.cell_id = r.id WHERE v.verdict IS NULL ORDER BY r.rank LIMIT ?"""


@dataclass(frozen=True)
class GridCell:
    """A cell of a page.

    Attributes:
        id: row.
        name: field and cell number, as people type it: ``7.12``.
        batch: number of its batch.
        rank: place in its batch, from 1 up; None for a random cell of the rest.
        audit: whether it is one; a page must not know before the verdict.
    """

    id: int
    name: str
    batch: int
    rank: int | None
    audit: bool = False


@dataclass(frozen=True)
class GridPage:
    """Cells to look at together.

    Attributes:
        batch: number of their batch.
        number: of the page in the session's review, from 1 up.
        kind: "rank".
        cells: most suspicious first; random cells stand among them, at random places.
        last: whether the review may end with this page, if no cell of it holds a parasite.
    """

    batch: int
    number: int
    kind: str
    cells: tuple[GridCell, ...]
    last: bool


@dataclass(frozen=True)
class _Plan:
    """The page to come, and what of it is still to be written down."""

    page: GridPage | None
    batch: RankedBatch | None = None
    looked: int = 0
    draw: bool = False


def next_page(
    store: Store, session: Session, reviewer: str, size: int, again: bool = False, past: Collection[int] = ()
) -> GridPage | None:
    """The next cells that nobody has looked at; None when the review may end, or there are none.

    The newest batch goes first. Its first page closes a batch, and its last one draws its audit, so this may write;
    the same page is drawn again until it is answered. The last page may have up to 24 cells more than ``size``.

    Args:
        reviewer: code of who looks.
        size: cells a page, see :data:`GRID`.
        again: instead, cells that others have looked at and this reviewer has not: a second reading, which does not
            show what the others said.
        past: numbers of batches to pass over, whose pages are drawn already.

    Raises:
        WrongUsage: the reviewer is no code, or the size out of range.
        StoreProblem: the disk is full or fails.
    """
    checked_code("reviewer", reviewer)
    if not 1 <= size <= MOST:
        raise WrongUsage(f"A page has 1 to {MOST:,} cells, not {size}.")
    with store.reading() as connection:
        plan = _second(connection, session, reviewer, size) if again else _plan(store, connection, session, size, past)
    if plan.batch is None or not (plan.draw or plan.batch.id is None):
        return plan.page
    with store.writing() as connection:
        stamp = store.stamp()
        close_batch(connection, session, stamp)
        plan = _plan(store, connection, session, size, past)
        if plan.draw and plan.batch is not None and plan.page is not None:
            names = [cell.name.split(".") for cell in plan.page.cells]
            batch = (plan.batch.id or 0, plan.batch.first, plan.batch.last)
            draw_audit(connection, session, batch, [(int(f), int(c)) for f, c in names], plan.looked, stamp)
            plan = _plan(store, connection, session, size, past)
    return plan.page


def _plan(
    store: Store, connection: sqlite3.Connection, session: Session, size: int, past: Collection[int] = ()
) -> _Plan:
    batches = ranked_batches(connection, session)
    left = to_go(batches, session.plan.purpose, curve_of(store, session) is not None)
    todo = ((b, n) for b, n in zip(batches[::-1], left[::-1], strict=True) if n and b.number not in past)
    batch, own = next(todo, (None, 0))
    if batch is None:
        return _Plan(None)
    ends = own <= size and session.plan.purpose != POSITIVE
    random = _open_audit(connection, batch) if ends else []
    wanted = max(own, size - AUDITED) if random or (ends and batch.audit is None) else size
    cells = _ranked(connection, session, batch, wanted + len(random))
    chosen = {cell.id for cell in random}
    ranked = [cell for cell in cells if cell.id not in chosen][:wanted]
    page = GridPage(
        batch.number,
        next_number(connection, session),
        RANK,
        tuple(_mixed(ranked, random, session)),
        sum(left) <= len(ranked),
    )
    draw = ends and batch.audit is None and batch.judged + len(ranked) < batch.cells
    return _Plan(page, batch, ranked[-1].rank or 0 if ranked else 0, draw)


def _ranked(connection: sqlite3.Connection, session: Session, batch: RankedBatch, most: int) -> list[GridCell]:
    """The cells of a batch without a verdict, highest first."""
    limit = batch.judged + most
    rows = connection.execute(_OPEN, (session.id, batch.first, batch.last, limit, most))
    return [GridCell(row["id"], f"{row['field']}.{row['number']}", batch.number, row["rank"]) for row in rows]


def _open_audit(connection: sqlite3.Connection, batch: RankedBatch) -> list[GridCell]:
    """The cells of a batch's audit without a verdict."""
    if batch.audit is None:
        return []
    rows = connection.execute(
        """SELECT c.id, f.number AS field, c.number FROM audit_cells AS d JOIN cells AS c ON c.id = d.cell_id
        JOIN fields AS f ON f.id = c.field_id LEFT JOIN current_verdicts AS v ON v.cell_id = c.id
        WHERE d.audit_id = ? AND v.verdict IS NULL ORDER BY c.id""",
        (batch.audit.id,),
    )
    return [GridCell(row["id"], f"{row['field']}.{row['number']}", batch.number, None, True) for row in rows]


def _mixed(ranked: list[GridCell], random: list[GridCell], session: Session) -> list[GridCell]:
    """Random cells among ranked ones, at random places, the same ones every time."""
    if not random:
        return ranked
    draw = np.random.default_rng([session.id, ranked[0].batch if ranked else 0, len(ranked), len(random)])
    places = set(draw.choice(len(ranked) + len(random), len(random), replace=False).tolist())
    others, ours = iter(ranked), iter(draw.permutation(len(random)).tolist())
    return [random[next(ours)] if n in places else next(others) for n in range(len(ranked) + len(random))]


def _second(connection: sqlite3.Connection, session: Session, reviewer: str, size: int) -> _Plan:
    """Cells of one batch that others have given a verdict and this reviewer has not, oldest batch first."""
    for batch in ranked_batches(connection, session):
        rows = connection.execute(
            """SELECT c.id, f.number AS field, c.number FROM fields AS f JOIN cells AS c ON c.field_id = f.id
            JOIN current_verdicts AS v ON v.cell_id = c.id
            WHERE f.session_id = ? AND f.accepted AND f.number BETWEEN ? AND ? AND v.reviewer <> ?
            AND NOT EXISTS (
                SELECT 1 FROM verdicts AS o WHERE o.cell_id = c.id AND o.reviewer = ? AND o.undoes IS NULL
                AND NOT EXISTS (SELECT 1 FROM verdicts AS u WHERE u.undoes = o.id)
            )
            ORDER BY c.probability DESC, c.id LIMIT ?""",
            (session.id, batch.first, batch.last, reviewer, reviewer, size + 1),
        ).fetchall()
        if rows:
            cells = tuple(GridCell(r["id"], f"{r['field']}.{r['number']}", batch.number, None) for r in rows[:size])
            return _Plan(GridPage(batch.number, next_number(connection, session), RANK, cells, len(rows) <= size))
    return _Plan(None)


def next_number(connection: sqlite3.Connection, session: Session) -> int:
    """Number of the page to come, from 1 up."""
    query = "SELECT count(*) FROM review_pages WHERE session_id = ? AND NOT undone"
    return 1 + int(one(connection, query, session.id))
