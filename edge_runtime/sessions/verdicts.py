"""What a reviewer says of a cell: its words, their check, and how people name the cell."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.records import SPECIES, STAGES, VERDICTS
from edge_runtime.sessions.store.rows import one

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session


class NoVerdict(WrongUsage):
    """There is no verdict to take back."""


class NotCurrent(WrongUsage):
    """The verdict to take back is not, or no longer, the one that holds."""


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says of one cell.

    Attributes:
        cell: ``FIELD.CELL``, both from 1 up; any cell of the session, suspected or not.
        verdict: a key of :data:`VERDICTS`.
        species: one of :data:`SPECIES`; only for parasites.
        stage: one of :data:`STAGES`; only for asexual parasites.
    """

    cell: str
    verdict: str
    species: str | None = None
    stage: str | None = None

    def check(self) -> None:
        """WrongUsage when a value is none of these."""
        if self.verdict not in VERDICTS:
            raise WrongUsage(
                f"The verdict {printable(self.verdict)!r} on cell {printable(self.cell)} is none of "
                f"{', '.join(VERDICTS)}."
            )
        if self.species is not None and (self.species not in SPECIES or self.verdict not in ("asexual", "gametocyte")):
            raise WrongUsage(
                f"The species {printable(self.species)!r} of cell {printable(self.cell)} must be one of "
                f"{', '.join(SPECIES)}, and goes with a parasite only."
            )
        if self.stage is not None and (self.stage not in STAGES or self.verdict != "asexual"):
            raise WrongUsage(
                f"The stage {printable(self.stage)!r} of cell {printable(self.cell)} must be one of "
                f"{', '.join(STAGES)}, and goes with an asexual parasite only."
            )


def read_verdicts(lines: Iterable[str]) -> list[Verdict]:
    """Verdicts from CSV with the columns cell, verdict and, where wanted, species and stage.

    Raises:
        WrongUsage: a column is missing or unknown.
    """
    reader = csv.DictReader(lines)
    found = set(reader.fieldnames or ())
    if not {"cell", "verdict"} <= found <= {"cell", "verdict", "species", "stage"}:
        raise WrongUsage(
            f"The columns are {printable(', '.join(reader.fieldnames or ['none']))}; they must be cell, verdict and, "
            "where wanted, species and stage."
        )
    return [
        Verdict(row["cell"] or "", row["verdict"] or "", row.get("species") or None, row.get("stage") or None)
        for row in reader
    ]


def cell_row(connection: sqlite3.Connection, session: Session, name: str) -> int:
    """The row of a cell by its name, ``FIELD.CELL``; WrongUsage when there is none."""
    field, _, cell = name.partition(".")
    row = None
    if field.isascii() and field.isdigit() and cell.isascii() and cell.isdigit():
        row = connection.execute(
            """SELECT c.id FROM cells AS c JOIN fields AS f ON f.id = c.field_id
            WHERE f.session_id = ? AND f.number = ? AND c.number = ?""",
            (session.id, min(int(field), 2**62), min(int(cell), 2**62)),
        ).fetchone()
    if row is None:
        fields = one(connection, "SELECT coalesce(max(number), 0) FROM fields WHERE session_id = ?", session.id)
        raise WrongUsage(
            f"Session {session.code} has no cell {printable(name)!r}; name FIELD.CELL as in the report, such as 7.12 "
            f"(fields 1 to {fields})."
        )
    return int(row["id"])
