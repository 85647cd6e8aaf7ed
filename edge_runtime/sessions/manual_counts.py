"""Counts by eye of the same slide, kept beside the automatic one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code
from edge_runtime.sessions.store.rows import MOMENT, insert

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_MANUAL = f"session_id, counted, asexual, gametocytes, operator, {MOMENT}"


@dataclass(frozen=True)
class ManualCount:
    """A count by eye of the same slide.

    Attributes:
        counted: red cells.
        asexual: cells with asexual parasites.
        gametocytes: cells with gametocytes only.
        operator: code.
        recorded_at: ISO 8601, UTC.
    """

    counted: int
    asexual: int
    gametocytes: int
    operator: str
    recorded_at: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def add_manual_count(
    store: Store, session: Session, counted: int, asexual: int, gametocytes: int, operator: str
) -> None:
    """Keep a count by eye beside the automatic one.

    Raises:
        WrongUsage: figures that contradict each other.
    """
    checked_code("operator", operator)
    if counted < 1 or asexual < 0 or gametocytes < 0 or asexual + gametocytes > counted:
        raise WrongUsage(
            f"{asexual} cells with asexual parasites and {gametocytes} with gametocytes only among {counted} red cells "
            "cannot be; give whole numbers from 0 up, the red cells including the infected ones."
        )
    with store.writing() as connection:
        values = (session.id, counted, asexual, gametocytes, operator, *store.stamp())
        insert(connection, "manual_counts", _MANUAL, values)


def manual_counts(store: Store, session: Session) -> list[ManualCount]:
    """Counts by eye, oldest first."""
    columns = "counted, asexual, gametocytes, operator, recorded_at"
    with store.reading() as connection:
        rows = connection.execute(
            f"SELECT {columns} FROM manual_counts WHERE session_id = ? ORDER BY id", (session.id,)
        ).fetchall()
    return [ManualCount(*row) for row in rows]
