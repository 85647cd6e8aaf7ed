"""Objects of a session by their names, ``FIELD.oNUMBER``: verdicts on them with their history, and their pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code
from edge_runtime.sessions.store.rows import MOMENT, Stamp, insert
from edge_runtime.sessions.verdicts import NoVerdict, Verdict

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_NAME = re.compile(r"([1-9][0-9]{0,9})\.o([1-9][0-9]{0,9})", re.ASCII)
_VERDICT = f"object_id, verdict, species, stage, reviewer, undoes, page_id, {MOMENT}"
_HOLDS = "SELECT id, verdict, species, stage, reviewer FROM current_object_verdicts WHERE object_id = ?"


@dataclass(frozen=True)
class PendingObject:
    """An object without a verdict.

    Attributes:
        name: ``FIELD.oNUMBER``.
        reason: why it was left out.
        probability: of the machine.
    """

    name: str
    reason: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"object": self.name, "reason": self.reason, "probability": self.probability}


def pending_objects(store: Store, session: Session) -> Iterator[PendingObject]:
    """Objects of accepted fields without a verdict, highest score first."""
    with store.reading() as connection:
        for row in connection.execute(
            """SELECT f.number AS field, o.number, o.reason, o.probability FROM fields AS f
            JOIN objects AS o ON o.field_id = f.id LEFT JOIN current_object_verdicts AS v ON v.object_id = o.id
            WHERE f.session_id = ? AND f.accepted AND v.verdict IS NULL ORDER BY o.probability DESC, o.id""",
            (session.id,),
        ):
            yield PendingObject(f"{row['field']}.o{row['number']}", row["reason"], row["probability"])


def is_object(name: str) -> bool:
    """Whether a name is of an object, not of a cell."""
    return _NAME.fullmatch(name) is not None


def object_row(connection: sqlite3.Connection, session: Session, name: str) -> int:
    """The row of an object by its name, ``FIELD.oNUMBER``; WrongUsage when there is none."""
    parts = _NAME.fullmatch(name)
    row = None
    if parts is not None:
        row = connection.execute(
            """SELECT o.id FROM objects AS o JOIN fields AS f ON f.id = o.field_id
            WHERE f.session_id = ? AND f.number = ? AND o.number = ?""",
            (session.id, int(parts[1]), int(parts[2])),
        ).fetchone()
    if row is None:
        raise WrongUsage(
            f"Session {session.code} has no object {printable(name)!r}; name FIELD.oNUMBER as `thinsmear session "
            "review` does, such as 7.o2."
        )
    return int(row["id"])


def say(
    connection: sqlite3.Connection, object_id: int, verdict: Verdict, reviewer: str, page: int | None, stamp: Stamp
) -> bool:
    """Add a checked verdict; False when it holds already.

    Args:
        connection: in a transaction that may write.
        page: row of the page that it was given on; None outside one.
    """
    said = (verdict.verdict, verdict.species, verdict.stage, reviewer)
    holds = connection.execute(_HOLDS, (object_id,)).fetchone()
    if holds is not None and tuple(holds)[1:] == said:
        return False
    insert(connection, "object_verdicts", _VERDICT, (object_id, *said, None, page, *stamp))
    return True


def take_back(
    connection: sqlite3.Connection, row: int, object_id: int, reviewer: str, page: int | None, stamp: Stamp
) -> None:
    """Undo the verdict of a row; the one before it holds again. The history keeps both."""
    insert(connection, "object_verdicts", _VERDICT, (object_id, None, None, None, reviewer, row, page, *stamp))


def give_object_verdict(store: Store, session: Session, verdict: Verdict, reviewer: str) -> bool:
    """Say what one object is; whether it was not said already.

    Raises:
        WrongUsage: no such object, or a value that is none of those allowed.
    """
    checked_code("reviewer", reviewer)
    verdict.check()
    with store.writing() as connection:
        object_id = object_row(connection, session, verdict.cell)
        return say(connection, object_id, verdict, reviewer, None, store.stamp())


def undo_object_verdict(store: Store, session: Session, name: str, reviewer: str) -> None:
    """Take the verdict back that holds on an object.

    Raises:
        WrongUsage: no such object.
        NoVerdict: it has none.
    """
    checked_code("reviewer", reviewer)
    with store.writing() as connection:
        object_id = object_row(connection, session, name)
        holds = connection.execute(_HOLDS, (object_id,)).fetchone()
        if holds is None:
            raise NoVerdict(f"Object {name} of session {session.code} has no verdict to undo.")
        take_back(connection, holds["id"], object_id, reviewer, None, store.stamp())


def object_picture(store: Store, session: Session, name: str) -> bytes:
    """JPEG of an object with a little of its surroundings; it stays when retention removes the image.

    Raises:
        WrongUsage: no such object.
    """
    with store.reading() as connection:
        object_id = object_row(connection, session, name)
        return bytes(connection.execute("SELECT jpeg FROM objects WHERE id = ?", (object_id,)).fetchone()["jpeg"])
