"""Random cells of what a review leaves out: drawn once a batch, mixed into its last page, kept with their chance."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.counting import audit_keys, audit_sample
from edge_runtime.counting.audit import AUDITED
from edge_runtime.sessions.store.reserve import audit_seed
from edge_runtime.sessions.store.rows import MOMENT, Stamp, insert

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.records import Session


@dataclass(frozen=True)
class Audit:
    """The audit of a batch.

    Attributes:
        id: row.
        looked: ranks that were looked at, the page it went with included, when it was drawn.
        rest: cells without a verdict then, that page's apart, 1 or more.
        size: of these, drawn, 1..rest.
        judged: of the drawn ones, with a verdict.
        asexual: of these, with asexual parasites.
        gametocytes: of these, with gametocytes only.
    """

    id: int
    looked: int
    rest: int
    size: int
    judged: int
    asexual: int
    gametocytes: int

    @property
    def parasites(self) -> int:
        """Drawn cells with a parasite of any stage."""
        return self.asexual + self.gametocytes

    @property
    def inclusion(self) -> float:
        """Chance with which each cell of the rest was drawn, above 0, up to 1."""
        return self.size / self.rest

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "drawn": self.size,
            "of": self.rest,
            "inclusion": self.inclusion,
            "looked": self.judged,
            "asexual": self.asexual,
            "gametocytes": self.gametocytes,
        }


def audits(connection: sqlite3.Connection, session: Session) -> dict[int, Audit]:
    """The audits of a session by their batch's row."""
    rows = connection.execute(
        """SELECT a.batch_id, a.id, a.looked, a.rest, a.size, count(v.verdict) AS judged,
            coalesce(sum(v.verdict = 'asexual'), 0) AS asexual,
            coalesce(sum(v.verdict = 'gametocyte'), 0) AS gametocytes
        FROM review_batches AS b JOIN audits AS a ON a.batch_id = b.id JOIN audit_cells AS d ON d.audit_id = a.id
        LEFT JOIN current_verdicts AS v ON v.cell_id = d.cell_id
        WHERE b.session_id = ? GROUP BY a.id""",
        (session.id,),
    )
    return {row["batch_id"]: Audit(*tuple(row)[1:]) for row in rows}


def draw_audit(
    connection: sqlite3.Connection,
    session: Session,
    batch: tuple[int, int, int],
    page: Sequence[tuple[int, int]],
    looked: int,
    stamp: Stamp,
) -> None:
    """Draw the audit of a batch from its cells without a verdict, those of a page apart; nothing if none is left.

    Args:
        connection: in a transaction that may write.
        batch: row, first and last field.
        page: field and number of the ranked cells of the page that it goes with.
        looked: ranks that are looked at once that page is answered.
        stamp: when.
    """
    row_id, first, last = batch
    fields = connection.execute(
        """SELECT id, number, image_sha256, cells FROM fields WHERE session_id = ? AND accepted AND cells > 0
        AND number BETWEEN ? AND ? ORDER BY number""",
        (session.id, first, last),
    ).fetchall()
    keys = {row["number"]: audit_keys(row["cells"], audit_seed(session.id, row["image_sha256"])) for row in fields}
    judged = connection.execute(
        """SELECT f.number AS field, c.number FROM fields AS f JOIN cells AS c ON c.field_id = f.id
        JOIN current_verdicts AS v ON v.cell_id = c.id
        WHERE f.session_id = ? AND f.accepted AND f.number BETWEEN ? AND ?""",
        (session.id, first, last),
    )
    for field, cell in {(int(field), int(cell)) for field, cell in (*judged, *page)}:
        keys[field][cell - 1] = np.inf  # not of the rest
    ends = list(accumulate(row["cells"] for row in fields))
    flat = np.concatenate(list(keys.values()))
    rest = int(np.isfinite(flat).sum())
    if not rest:
        return
    chosen = audit_sample(flat, min(AUDITED, rest))
    columns = f"batch_id, looked, rest, size, {MOMENT}"
    audit = insert(connection, "audits", columns, (row_id, looked, rest, len(chosen), *stamp))
    for place in chosen:  # among the batch's cells: its fields one after the other, and in each its cells
        row = fields[bisect_right(ends, place)]
        connection.execute(
            "INSERT INTO audit_cells (audit_id, cell_id) SELECT ?, id FROM cells WHERE field_id = ? AND number = ?",
            (audit, row["id"], place - ends[bisect_right(ends, place)] + row["cells"] + 1),
        )
