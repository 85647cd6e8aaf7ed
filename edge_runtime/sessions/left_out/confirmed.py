"""The infected cells that a person found outside the machine's count, one by one, with their pictures for a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

ADDED = "added"
_CONFIRMED = """SELECT f.number AS field, '.o' || o.number AS name, o.reason AS origin, v.verdict, v.species, v.stage,
        v.reviewer, o.jpeg FROM fields AS f JOIN objects AS o ON o.field_id = f.id
        JOIN current_object_verdicts AS v ON v.object_id = o.id
        WHERE f.session_id = :session AND f.accepted AND v.verdict IN ('asexual', 'gametocyte')
    UNION ALL SELECT f.number, '.a' || a.number, :added, a.verdict, a.species, a.stage, a.reviewer, a.jpeg
        FROM fields AS f JOIN added_cells AS a ON a.field_id = f.id
        WHERE f.session_id = :session AND f.accepted AND a.undone_by IS NULL AND a.verdict <> 'unsure'
    ORDER BY 1, 2 LIMIT :most"""


@dataclass(frozen=True)
class ConfirmedCell:
    """An infected cell that the machine did not count.

    Attributes:
        name: ``FIELD.oNUMBER`` or ``FIELD.aNUMBER``.
        origin: why the machine left it out, or "added" by a person.
        verdict: "asexual" or "gametocyte".
        species: None when not given.
        stage: None when not given.
        reviewer: code.
        jpeg: of the cell with a little of its surroundings.
    """

    name: str
    origin: str
    verdict: str
    species: str | None
    stage: str | None
    reviewer: str
    jpeg: bytes

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the picture."""
        values = asdict(self)
        del values["jpeg"]
        return {"cell": values.pop("name"), **values}


def confirmed_cells(store: Store, session: Session, most: int) -> Iterator[ConfirmedCell]:
    """Those of accepted fields, field by field, ``most`` at most."""
    with store.reading() as connection:
        for row in connection.execute(_CONFIRMED, {"session": session.id, "added": ADDED, "most": most}):
            yield ConfirmedCell(
                f"{row['field']}{row['name']}", row["origin"], row["verdict"], row["species"], row["stage"],
                row["reviewer"], bytes(row["jpeg"]),
            )  # fmt: skip
