"""Pages of what the machine left out: after the last page of cells, highest score first, answered like any other page.

Who shows or answers pages goes through here; pages of cells are handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code
from edge_runtime.sessions.left_out.objects import is_object, object_row, say, take_back
from edge_runtime.sessions.ranking.answers import (
    PageAnswer,
    PageResult,
    answer_page,
    batch_of,
    earlier_result,
    insert_page,
    undo_page,
)
from edge_runtime.sessions.ranking.batches import NO_PARASITE, ranked_batches
from edge_runtime.sessions.ranking.grid import next_number
from edge_runtime.sessions.ranking.page_marks import Mark, page_marks, page_that_holds
from edge_runtime.sessions.verdicts import Verdict

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

OBJECTS = "objects"  # kind of page
_OPEN = """SELECT f.number AS field, o.number, o.reason FROM fields AS f JOIN objects AS o ON o.field_id = f.id
    LEFT JOIN current_object_verdicts AS v ON v.object_id = o.id
    WHERE f.session_id = ? AND f.accepted AND f.number BETWEEN ? AND ? AND v.verdict IS NULL
    ORDER BY o.probability DESC, o.id LIMIT ?"""
_OWN = """SELECT verdict FROM object_verdicts AS v WHERE object_id = ? AND reviewer = ? AND undoes IS NULL
    AND NOT EXISTS (SELECT 1 FROM object_verdicts AS u WHERE u.undoes = v.id) ORDER BY id DESC LIMIT 1"""


@dataclass(frozen=True)
class ShownObject:
    """An object of a page.

    Attributes:
        name: ``FIELD.oNUMBER``.
        reason: why it was left out.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ObjectPage:
    """Objects to look at together.

    Attributes:
        batch: number of the batch in whose fields they lie.
        number: of the page in the session's review, from 1 up.
        objects: highest score first.
        last: whether all objects have been looked at once it is answered.
    """

    batch: int
    number: int
    objects: tuple[ShownObject, ...]
    last: bool


def next_object_page(store: Store, session: Session, reviewer: str, size: int) -> ObjectPage | None:
    """The next objects without a verdict, oldest batch first; None when there are none.

    To be asked for when there is no page of cells any more. Nothing is written.
    """
    checked_code("reviewer", reviewer)
    with store.reading() as connection:
        number = next_number(connection, session)
        pages = [
            (batch, connection.execute(_OPEN, (session.id, batch.first, batch.last, size + 1)).fetchall())
            for batch in ranked_batches(connection, session)
        ]
    waiting = [(batch, rows) for batch, rows in pages if rows]
    if not waiting:
        return None
    batch, rows = waiting[0]
    shown = tuple(ShownObject(f"{row['field']}.o{row['number']}", row["reason"]) for row in rows[:size])
    return ObjectPage(batch.number, number, shown, len(waiting) == 1 and len(rows) <= size)


def answer_any_page(store: Store, session: Session, answer: PageAnswer) -> PageResult:
    """Answer a page of cells or of objects: everything on it gets its verdict in one transaction, and once for a key.

    Raises:
        WrongUsage: cells and objects on one page, one that is not there, things of several batches, or a value that
            is none of those allowed.
        StoreProblem: the disk is full or fails; nothing of the answer was kept.
    """
    objects = [name for name in answer.cells if is_object(name)]
    if not objects:
        return answer_page(store, session, answer)
    if len(objects) < len(answer.cells):
        raise WrongUsage("A page shows cells or objects, not both; answer each with a page of its own.")
    answer.check()
    with store.writing() as connection:
        earlier = earlier_result(connection, session, answer.key)
        if earlier is not None:
            return earlier
        stamp = store.stamp()
        rows = {object_row(connection, session, name): name for name in answer.cells}
        batch = batch_of(connection, session, answer.cells, stamp, OBJECTS)
        number, page = insert_page(connection, session, batch, OBJECTS, answer, len(rows), stamp)
        accepted, kept = 0, []
        for object_id, name in rows.items():
            marked = answer.verdicts.get(name)
            own = connection.execute(_OWN, (object_id, answer.reviewer)).fetchone()
            if marked is None and own is not None:  # of a page that a second device answered meanwhile
                kept += [name] if own["verdict"] != NO_PARASITE else []
                continue
            accepted += say(connection, object_id, marked or Verdict(name, NO_PARASITE), answer.reviewer, page, stamp)
    return PageResult(answer.key, batch.number, number, len(rows), accepted, tuple(kept))


def undo_any_page(store: Store, session: Session, reviewer: str, key: str | None = None) -> int:
    """Take back the verdicts of an answered page, whatever was on it; how many were taken back.

    Raises:
        NoVerdict: there is no such page, or it was taken back already.
    """
    with store.writing() as connection:
        page = page_that_holds(connection, session, reviewer, key)
        if page is not None and page["kind"] == OBJECTS:
            stamp = store.stamp()
            rows = connection.execute(
                """SELECT v.id, v.object_id FROM object_verdicts AS v WHERE v.page_id = ? AND v.undoes IS NULL
                AND NOT EXISTS (SELECT 1 FROM object_verdicts AS u WHERE u.undoes = v.id)""",
                (page["id"],),
            ).fetchall()
            for row in rows:
                take_back(connection, row["id"], row["object_id"], reviewer, page["id"], stamp)
            connection.execute("UPDATE review_pages SET undone = 1 WHERE id = ?", (page["id"],))
            return len(rows)
    return undo_page(store, session, reviewer, key)


def marks_of_page(store: Store, session: Session, reviewer: str, key: str | None = None) -> tuple[Mark, ...]:
    """What was marked on a page that holds, whatever was on it; empty when there is none."""
    with store.reading() as connection:
        page = page_that_holds(connection, session, reviewer, key)
        if page is None or page["kind"] != OBJECTS:
            return page_marks(store, session, reviewer, key)
        rows = connection.execute(
            """SELECT f.number AS field, o.number, v.verdict, v.species, v.stage, o.probability
            FROM object_verdicts AS v JOIN objects AS o ON o.id = v.object_id JOIN fields AS f ON f.id = o.field_id
            WHERE v.page_id = ? AND v.undoes IS NULL AND v.verdict <> ? ORDER BY o.probability DESC, o.id""",
            (page["id"], NO_PARASITE),
        ).fetchall()
    return tuple(
        Mark(
            Verdict(f"{row['field']}.o{row['number']}", row["verdict"], row["species"], row["stage"]),
            row["probability"],
        )
        for row in rows
    )
