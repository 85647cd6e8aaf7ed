"""What a reviewer marked on an answered page: to take it back without doing it all again, and for the scores after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.ranking.batches import NO_PARASITE
from edge_runtime.sessions.verdicts import Verdict

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store


@dataclass(frozen=True)
class Mark:
    """A marked cell of a page.

    Attributes:
        verdict: on it, another than that it holds no parasite.
        probability: of the machine, 0..1; a page shows it only once the verdict is there.
    """

    verdict: Verdict
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.verdict.__dict__, "probability": self.probability}


def page_that_holds(
    connection: sqlite3.Connection, session: Session, reviewer: str, key: str | None = None
) -> sqlite3.Row | None:
    """Row and kind of an answered page that was not taken back; None when there is no such page.

    Args:
        key: of the page; None for this reviewer's last one that holds.
    """
    row: sqlite3.Row | None = connection.execute(
        """SELECT id, kind FROM review_pages WHERE session_id = ? AND reviewer = ? AND NOT undone
        AND key = coalesce(?, key) ORDER BY id DESC LIMIT 1""",
        (session.id, reviewer, key),
    ).fetchone()
    return row


def page_marks(store: Store, session: Session, reviewer: str, key: str | None = None) -> tuple[Mark, ...]:
    """The marks of a page that holds, most suspicious first; empty when there is no such page.

    Args:
        key: of the page; None for this reviewer's last one that holds.
    """
    with store.reading() as connection:
        page = page_that_holds(connection, session, reviewer, key)
        if page is None:
            return ()
        rows = connection.execute(
            """SELECT f.number AS field, c.number, v.verdict, v.species, v.stage, c.probability
            FROM verdicts AS v JOIN cells AS c ON c.id = v.cell_id JOIN fields AS f ON f.id = c.field_id
            WHERE v.undoes IS NULL AND v.verdict <> ? AND v.page_id = ? ORDER BY c.probability DESC, c.id""",
            (NO_PARASITE, page["id"]),
        ).fetchall()
    return tuple(
        Mark(
            Verdict(f"{row['field']}.{row['number']}", row["verdict"], row["species"], row["stage"]), row["probability"]
        )
        for row in rows
    )
