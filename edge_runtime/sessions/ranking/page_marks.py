"""What a reviewer marked on an answered page: to take it back without doing it all again, and for the scores after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.ranking.batches import NO_PARASITE
from edge_runtime.sessions.verdicts import Verdict

if TYPE_CHECKING:
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


def page_marks(store: Store, session: Session, reviewer: str, key: str | None = None) -> tuple[Mark, ...]:
    """The marks of a page that holds, most suspicious first; empty when there is no such page.

    Args:
        key: of the page; None for this reviewer's last one that holds.
    """
    with store.reading() as connection:
        rows = connection.execute(
            """SELECT f.number AS field, c.number, v.verdict, v.species, v.stage, c.probability
            FROM verdicts AS v JOIN cells AS c ON c.id = v.cell_id JOIN fields AS f ON f.id = c.field_id
            WHERE v.undoes IS NULL AND v.verdict <> ? AND v.page_id = (
                SELECT id FROM review_pages WHERE session_id = ? AND reviewer = ? AND NOT undone
                AND key = coalesce(?, key) ORDER BY id DESC LIMIT 1
            )
            ORDER BY c.probability DESC, c.id""",
            (NO_PARASITE, session.id, reviewer, key),
        ).fetchall()
    return tuple(
        Mark(
            Verdict(f"{row['field']}.{row['number']}", row["verdict"], row["species"], row["stage"]), row["probability"]
        )
        for row in rows
    )
