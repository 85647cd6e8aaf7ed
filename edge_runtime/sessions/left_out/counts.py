"""How many infected cells a session has beside those that the machine counts among: by field, and summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.numbers import number

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session

_OBJECTS = """SELECT f.number AS field, v.verdict, count(*) AS n FROM fields AS f JOIN objects AS o ON o.field_id = f.id
    LEFT JOIN current_object_verdicts AS v ON v.object_id = o.id WHERE f.session_id = ? AND f.accepted GROUP BY 1, 2"""
_ADDED = """SELECT f.number AS field, a.verdict, count(*) AS n
    FROM fields AS f JOIN added_cells AS a ON a.field_id = f.id
    WHERE f.session_id = ? AND f.accepted AND a.undone_by IS NULL GROUP BY 1, 2"""


@dataclass(frozen=True)
class LeftOut:
    """What a person found outside the cells that the machine counted.

    Each confirmed one is a cell of the count's numerator and of its denominator: docs/left-out-objects.md.

    Attributes:
        objects: offered, in accepted fields.
        looked: of these, with a verdict.
        asexual: objects with asexual parasites.
        gametocytes: objects with gametocytes only.
        unsure: objects on which the reviewer could not decide.
        added_asexual: cells that a person added, with asexual parasites.
        added_gametocytes: likewise, with gametocytes only.
        added_unsure: likewise, on which the reviewer could not decide.
    """

    objects: int = 0
    looked: int = 0
    asexual: int = 0
    gametocytes: int = 0
    unsure: int = 0
    added_asexual: int = 0
    added_gametocytes: int = 0
    added_unsure: int = 0

    def of(self, verdict: str) -> int:
        """Objects and added cells with "asexual", "gametocyte" or "unsure"."""
        return {
            "asexual": self.asexual + self.added_asexual,
            "gametocyte": self.gametocytes + self.added_gametocytes,
            "unsure": self.unsure + self.added_unsure,
        }[verdict]

    @property
    def confirmed(self) -> int:
        """Infected cells that are counted although the machine did not count them: so many more cells in all."""
        return self.of("asexual") + self.of("gametocyte")

    @property
    def pending(self) -> int:
        """Objects without a verdict."""
        return self.objects - self.looked

    @property
    def sentence(self) -> str:
        """Where infected cells come from that the machine did not count; empty when there are none."""
        parts = []
        if from_objects := self.asexual + self.gametocytes:
            parts.append(
                f"{from_objects:,} from {'an object' if from_objects == 1 else 'objects'} that the machine left out"
            )
        if added := self.added_asexual + self.added_gametocytes:
            parts.append(f"{added:,} from {'a cell' if added == 1 else 'cells'} that a reviewer added")
        if not parts:
            return ""
        comes = "comes" if self.confirmed == 1 else "come"
        more = f"{number(self.confirmed, 'cell')} with parasites {comes} on top of the machine's: {', '.join(parts)}"
        to_do = f" {number(self.pending, 'object')} still to be looked at." if self.pending else ""
        return f"{more}; each is counted among the cells too.{to_do}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "pending": self.pending, "confirmed": self.confirmed, "sentence": self.sentence}


def total(parts: Iterable[LeftOut]) -> LeftOut:
    """The sum."""
    known = list(parts)
    return LeftOut(*(sum(getattr(part, item.name) for part in known) for item in fields(LeftOut)))


def left_out(connection: sqlite3.Connection, session: Session) -> dict[int, LeftOut]:
    """What was found outside the count, by field number; fields without any are not there."""
    objects: dict[int, Counter[str | None]] = {}
    added: dict[int, Counter[str | None]] = {}
    for query, found in ((_OBJECTS, objects), (_ADDED, added)):
        for row in connection.execute(query, (session.id,)):
            found.setdefault(row["field"], Counter())[row["verdict"]] += row["n"]
    return {field: _of(objects.get(field, Counter()), added.get(field, Counter())) for field in {*objects, *added}}


def _of(objects: Counter[str | None], added: Counter[str | None]) -> LeftOut:
    offered = objects.total()
    return LeftOut(
        offered, offered - objects[None], objects["asexual"], objects["gametocyte"], objects["unsure"],
        added["asexual"], added["gametocyte"], added["unsure"],
    )  # fmt: skip
