"""Two reviewers of one session: how far they agree, and what both of them missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.counting import Kappa, MissedByBoth, kappa, missed_by_both
from edge_runtime.sessions.ranking.batches import PARASITES
from edge_runtime.sessions.records import VERDICTS

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session

_LISTED = 100  # cells in dispute
# what each reviewer said last of each cell of an accepted image, unless it was taken back; cells of one reviewer apart
_OPINIONS = """WITH said AS (
        SELECT v.cell_id, v.reviewer, max(v.id) AS id FROM fields AS f JOIN cells AS c ON c.field_id = f.id
        JOIN verdicts AS v ON v.cell_id = c.id
        WHERE f.session_id = ? AND f.accepted AND v.undoes IS NULL
        AND NOT EXISTS (SELECT 1 FROM verdicts AS u WHERE u.undoes = v.id)
        GROUP BY v.cell_id, v.reviewer
    )
    SELECT a.reviewer AS first, b.reviewer AS second, x.verdict AS one, y.verdict AS other, s.field, s.number
    FROM said AS a JOIN said AS b ON b.cell_id = a.cell_id AND b.reviewer > a.reviewer
    JOIN verdicts AS x ON x.id = a.id JOIN verdicts AS y ON y.id = b.id
    JOIN (SELECT c.id, f.number AS field, c.number FROM cells AS c JOIN fields AS f ON f.id = c.field_id) AS s
        ON s.id = a.cell_id"""


@dataclass(frozen=True)
class Readers:
    """The two reviewers with the most cells in common.

    Attributes:
        first: code.
        second: code.
        kappa: agreement over the four verdicts.
        missed: what both missed, cells with asexual parasites and gametocytes together.
        disputed: cells on which they differ, by name, at most 100; the later verdict holds until somebody decides.
    """

    first: str
    second: str
    kappa: Kappa
    missed: MissedByBoth
    disputed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "first": self.first,
            "second": self.second,
            "kappa": self.kappa.to_json(),
            "missed_by_both": self.missed.to_json(),
            "disputed": list(self.disputed),
        }


def readers(connection: sqlite3.Connection, session: Session) -> Readers | None:
    """Where two reviewers of a session stand; None while no cell was looked at by two."""
    several = connection.execute(
        """SELECT count(DISTINCT v.reviewer) FROM fields AS f JOIN cells AS c ON c.field_id = f.id
        JOIN verdicts AS v ON v.cell_id = c.id WHERE f.session_id = ?""",
        (session.id,),
    ).fetchone()
    if several[0] < 2:
        return None
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    disputed: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(_OPINIONS, (session.id,)):
        pair = row["first"], row["second"]
        pairs.setdefault(pair, Counter())[row["one"], row["other"]] += 1
        if row["one"] != row["other"] and len(disputed.setdefault(pair, [])) < _LISTED:
            disputed[pair].append(f"{row['field']}.{row['number']}")
    if not pairs:
        return None
    pair, counts = max(pairs.items(), key=lambda item: item[1].total())
    both = sum(counts[one, other] for one in PARASITES for other in PARASITES)
    first = sum(count for (one, other), count in counts.items() if one in PARASITES and other not in PARASITES)
    second = sum(count for (one, other), count in counts.items() if one not in PARASITES and other in PARASITES)
    table = [[counts[one, other] for other in VERDICTS] for one in VERDICTS]
    names = tuple(sorted(disputed.get(pair, []), key=lambda name: [int(part) for part in name.split(".")]))
    return Readers(*pair, kappa(table), missed_by_both(both, first, second), names)
