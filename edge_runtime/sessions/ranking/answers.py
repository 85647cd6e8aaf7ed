"""Answers to pages of thumbnails: every cell of a page gets its verdict in one transaction, and may lose it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import KEY, checked_code
from edge_runtime.sessions.ranking.batches import NO_PARASITE, TOP, RankedBatch, close_batch, ranked_batches
from edge_runtime.sessions.ranking.grid import AUDIT, MOST, RANK, next_number
from edge_runtime.sessions.ranking.page_marks import page_that_holds
from edge_runtime.sessions.store.rows import MOMENT, Stamp, insert
from edge_runtime.sessions.verdicts import NoVerdict, Verdict, cell_row

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_PAGE = f"session_id, batch_id, number, kind, key, reviewer, cells, {MOMENT}"
_VERDICT = f"cell_id, verdict, species, stage, reviewer, undoes, page_id, rank, inclusion, {MOMENT}"
_MOST_CELLS = 10 * MOST  # of a contact sheet
# what one reviewer said of a cell last, unless it was taken back
OWN = """SELECT o.id, o.verdict, o.species, o.stage FROM verdicts AS o
    WHERE o.cell_id = ? AND o.reviewer = ? AND o.undoes IS NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts AS u WHERE u.undoes = o.id) ORDER BY o.id DESC LIMIT 1"""


@dataclass(frozen=True)
class PageAnswer:
    """What a reviewer says of a page.

    Attributes:
        key: made up by whoever asks, 8 to 64 letters, digits, "-" or "_": the same answer sent again counts once.
        reviewer: code.
        cells: names of all cells that were shown, of one batch.
        verdicts: of those that were marked, by the cell's name; all others hold no parasite.
    """

    key: str
    reviewer: str
    cells: tuple[str, ...]
    verdicts: Mapping[str, Verdict]

    def check(self) -> None:
        """WrongUsage when something is out of range."""
        checked_code("reviewer", self.reviewer)
        if not KEY.fullmatch(self.key):
            raise WrongUsage(
                f"The key {printable(self.key)!r} of a page must be 8 to 64 letters, digits, hyphens or underscores."
            )
        if not 1 <= len(self.cells) <= _MOST_CELLS or len(set(self.cells)) < len(self.cells):
            raise WrongUsage(
                f"A page shows 1 to {_MOST_CELLS:,} cells, each once; this one names {len(self.cells):,}, "
                f"{len(set(self.cells)):,} of them different."
            )
        for name, verdict in self.verdicts.items():
            if name not in self.cells or verdict.cell != name:
                raise WrongUsage(f"The verdict on cell {printable(name)} is on none of the page's cells.")
            verdict.check()


@dataclass(frozen=True)
class PageResult:
    """What became of an answer.

    Attributes:
        key: of the answer.
        batch: number of the batch.
        number: of the page in the session's review, from 1 up.
        cells: cells that were shown.
        accepted: verdicts that were added by it and hold or are in the history.
        kept: of the cells left unmarked, those on which the same reviewer had said otherwise before, and which stay so:
            a second device may show a page that was answered meanwhile.
        repeat: the answer was there already, so nothing was added.
    """

    key: str
    batch: int
    number: int
    cells: int
    accepted: int
    kept: tuple[str, ...] = ()
    repeat: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.__dict__, "kept": list(self.kept)}


def answer_page(store: Store, session: Session, answer: PageAnswer) -> PageResult:
    """Give all cells of a page their verdicts, in one transaction: all or none, and once for a key.

    Raises:
        WrongUsage: a cell that is not there, cells of several batches, or a value that is none of those allowed.
        StoreProblem: the disk is full or fails; nothing of the answer was kept.
    """
    answer.check()
    with store.writing() as connection:
        earlier = earlier_result(connection, session, answer.key)
        if earlier is not None:
            return earlier
        stamp = store.stamp()
        rows = {cell_row(connection, session, name): name for name in answer.cells}
        batch = batch_of(connection, session, answer.cells, stamp)
        ranks = _ranks(connection, session, batch, set(rows))
        audited = _audited(connection, batch, set(rows))
        number, page = insert_page(connection, session, batch, AUDIT if audited else RANK, answer, len(rows), stamp)
        accepted, kept = 0, []
        for cell_id, name in rows.items():
            marked = answer.verdicts.get(name)
            verdict = marked or Verdict(name, NO_PARASITE)
            own = connection.execute(OWN, (cell_id, answer.reviewer)).fetchone()
            said = (verdict.verdict, verdict.species, verdict.stage)
            if own is not None and (tuple(own)[1:] == said or marked is None):
                kept += [name] if tuple(own)[1:] != said else []
                continue
            drawn = cell_id in audited
            rank = None if drawn else ranks.get(cell_id)
            inclusion = audited[cell_id] if drawn else None if rank is None else 1.0
            insert(
                connection, "verdicts", _VERDICT,
                (cell_id, *said, answer.reviewer, None, page, rank, inclusion, *stamp),
            )  # fmt: skip
            accepted += 1
    return PageResult(answer.key, batch.number, number, len(rows), accepted, tuple(kept))


def undo_page(store: Store, session: Session, reviewer: str, key: str | None = None) -> int:
    """Take back the verdicts of an answered page; those before them hold again. The history keeps both.

    Args:
        reviewer: whose page.
        key: of the page; None for this reviewer's last one that holds.

    Returns:
        verdicts taken back.

    Raises:
        NoVerdict: there is no such page, or it was taken back already.
    """
    checked_code("reviewer", reviewer)
    with store.writing() as connection:
        page = page_that_holds(connection, session, reviewer, key)
        if page is None:
            which = "answered page" if key is None else f"page with the key {printable(key)!r}"
            raise NoVerdict(f"Reviewer {reviewer} has no {which} in session {session.code} to take back.")
        stamp = store.stamp()
        rows = connection.execute(
            """SELECT v.id, v.cell_id FROM verdicts AS v WHERE v.page_id = ? AND v.undoes IS NULL
            AND NOT EXISTS (SELECT 1 FROM verdicts AS u WHERE u.undoes = v.id)""",
            (page["id"],),
        ).fetchall()
        for row in rows:
            values = (row["cell_id"], None, None, None, reviewer, row["id"], page["id"], None, None, *stamp)
            insert(connection, "verdicts", _VERDICT, values)
        connection.execute("UPDATE review_pages SET undone = 1 WHERE id = ?", (page["id"],))
    return len(rows)


def earlier_result(connection: sqlite3.Connection, session: Session, key: str) -> PageResult | None:
    """What an answer with this key became, to cells or to objects; None when there is none."""
    row = connection.execute(
        """SELECT b.number AS batch, p.number, p.cells,
            (SELECT count(*) FROM verdicts AS v WHERE v.page_id = p.id AND v.undoes IS NULL)
            + (SELECT count(*) FROM object_verdicts AS v WHERE v.page_id = p.id AND v.undoes IS NULL) AS accepted
        FROM review_pages AS p JOIN review_batches AS b ON b.id = p.batch_id WHERE p.session_id = ? AND p.key = ?""",
        (session.id, key),
    ).fetchone()
    if row is None:
        return None
    return PageResult(key, row["batch"], row["number"], row["cells"], row["accepted"], repeat=True)


def insert_page(
    connection: sqlite3.Connection,
    session: Session,
    batch: RankedBatch,
    kind: str,
    answer: PageAnswer,
    shown: int,
    stamp: Stamp,
) -> tuple[int, int]:
    """Write the row of an answered page that showed so many; its number in the session's review, and its row."""
    number = next_number(connection, session)
    values = (session.id, batch.id, number, kind, answer.key, answer.reviewer, shown, *stamp)
    return number, insert(connection, "review_pages", _PAGE, values)


def batch_of(
    connection: sqlite3.Connection, session: Session, names: tuple[str, ...], stamp: Stamp, what: str = "cells"
) -> RankedBatch:
    """The one batch in whose fields these cells or objects lie, which is closed where it was open.

    Args:
        what: they are, for the error.

    Raises:
        WrongUsage: they are of several batches.
    """
    fields = sorted({int(name.partition(".")[0]) for name in names})
    batches = ranked_batches(connection, session)
    if any(batch.id is None and batch.first <= fields[-1] for batch in batches):
        close_batch(connection, session, stamp)
        batches = ranked_batches(connection, session)
    found = [batch for batch in batches if batch.first <= fields[0] and fields[-1] <= batch.last]
    if not found:
        raise WrongUsage(
            f"The {what} of a page are of one batch of session {session.code}, these are of fields {fields[0]} to "
            f"{fields[-1]}; answer each batch with a page of its own."
        )
    return found[0]


def _ranks(connection: sqlite3.Connection, session: Session, batch: RankedBatch, rows: set[int]) -> dict[int, int]:
    """Places of cells in their batch, as far down as cells with a verdict and these ones can reach."""
    limit = batch.judged + len(rows)
    ranked = connection.execute(TOP, (session.id, batch.first, batch.last, limit))
    return {row["id"]: rank for rank, row in enumerate(ranked, 1) if row["id"] in rows}


def _audited(connection: sqlite3.Connection, batch: RankedBatch, rows: set[int]) -> dict[int, float]:
    """Of these cells, those of the batch's audit, with the chance that they were drawn with."""
    audit = batch.audit
    if audit is None:
        return {}
    drawn = connection.execute("SELECT cell_id FROM audit_cells WHERE audit_id = ?", (audit.id,))
    return {row["cell_id"]: audit.inclusion for row in drawn if row["cell_id"] in rows}
