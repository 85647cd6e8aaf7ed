"""A reviewer's verdicts on suspected cells: kept beside the machine's decision, with their history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.codes import checked_code
from edge_runtime.sessions.left_out.counts import LeftOut, left_out, total
from edge_runtime.sessions.ranking.batches import close_batch
from edge_runtime.sessions.records import VERDICTS
from edge_runtime.sessions.store.rows import MOMENT, insert
from edge_runtime.sessions.verdicts import NotCurrent, NoVerdict, Verdict, cell_row

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session, Totals
    from edge_runtime.sessions.store.store import Store

_HOLDS = "SELECT id, verdict, species, stage, reviewer FROM current_verdicts WHERE cell_id = ?"
_VERDICT = f"cell_id, verdict, species, stage, reviewer, undoes, {MOMENT}"


@dataclass(frozen=True)
class Reviewed:
    """Where the review of a session stands; cells of refused fields are left aside.

    Attributes:
        suspected: cells that a person should look at.
        pending: of these, without a verdict.
        asexual: cells with asexual parasites, suspected by the machine or not, those of ``outside`` included.
        gametocytes: cells with gametocytes only, likewise.
        no_parasite: cells without a parasite; an object that is none is no cell.
        unsure: cells on which the reviewer could not decide, those of ``outside`` included.
        outside: infected cells that the machine did not count.
    """

    suspected: int
    pending: int
    asexual: int
    gametocytes: int
    no_parasite: int
    unsure: int
    outside: LeftOut = field(default_factory=LeftOut)

    def counted(self, totals: Totals) -> int:
        """The denominator: the machine's cells, and each confirmed one that it did not count."""
        return totals.cells + self.outside.confirmed

    @property
    def begun(self) -> bool:
        """Whether there is a verdict."""
        return self.asexual + self.gametocytes + self.no_parasite + self.unsure > 0

    @property
    def complete(self) -> bool:
        """Whether there are suspected cells, none of them without a verdict; where there are none, nothing is."""
        return self.suspected > 0 and self.pending == 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "complete": self.complete, "outside": self.outside.to_json()}


@dataclass(frozen=True)
class SuspectedCell:
    """A suspected cell with its current verdict.

    Attributes:
        id: row.
        name: field and cell number, as people type it: ``7.12``.
        probability: of the machine.
        counted: whether the machine counts it as infected.
        verdict: a key of :data:`VERDICTS`, None before review.
        species: None when not given.
        stage: None when not given.
        reviewer: code, None before review.
        number: of the verdict in the history; None before review.
    """

    id: int
    name: str
    probability: float
    counted: bool
    verdict: str | None
    species: str | None
    stage: str | None
    reviewer: str | None
    number: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the row's number."""
        values = asdict(self)
        del values["id"]
        return {"cell": values.pop("name"), **values}


def give_verdicts(store: Store, session: Session, verdicts: Iterable[Verdict], reviewer: str) -> int:
    """Add verdicts, all or none; earlier ones on the same cells stay in the history. How many were added.

    A verdict that its reviewer has given already, and that still holds, is not added again.

    Raises:
        WrongUsage: a cell that is not there, or a value that is none of those allowed.
    """
    checked_code("reviewer", reviewer)
    given = list(verdicts)
    for verdict in given:
        verdict.check()
    added = 0
    with store.writing() as connection:
        for verdict in given:
            cell_id = cell_row(connection, session, verdict.cell)
            said = (verdict.verdict, verdict.species, verdict.stage, reviewer)
            holds = connection.execute(_HOLDS, (cell_id,)).fetchone()
            if holds is None or tuple(holds)[1:] != said:
                insert(connection, "verdicts", _VERDICT, (cell_id, *said, None, *store.stamp()))
                added += 1
        if added and reviewed(store, session).complete:
            close_batch(connection, session, store.stamp())  # so that fields to come do not make it incomplete
    return added


def undo_verdict(store: Store, session: Session, cell: str, reviewer: str, number: int | None = None) -> str | None:
    """Take back the current verdict on a cell; the one before it holds again. The history keeps both.

    Args:
        number: of the verdict that is meant; None for whichever holds.

    Returns:
        the verdict that holds now, None when none does.

    Raises:
        WrongUsage: no such cell.
        NoVerdict: no verdict to take back.
        NotCurrent: another one holds than the one meant.
    """
    checked_code("reviewer", reviewer)
    with store.writing() as connection:
        cell_id = cell_row(connection, session, cell)
        row = connection.execute(_HOLDS, (cell_id,)).fetchone()
        if number is not None and (row is None or row["id"] != number):
            holds = "none does" if row is None else f"{row['verdict']} by {row['reviewer']} does"
            raise NotCurrent(f"That verdict on cell {cell} of session {session.code} holds no more: {holds}.")
        if row is None:
            raise NoVerdict(f"Cell {cell} of session {session.code} has no verdict to undo.")
        insert(connection, "verdicts", _VERDICT, (cell_id, None, None, None, reviewer, row["id"], *store.stamp()))
        before = connection.execute(_HOLDS, (cell_id,)).fetchone()
    return None if before is None else str(before["verdict"])


def current_verdict(store: Store, session: Session, cell: str) -> dict[str, Any] | None:
    """The verdict that holds on a cell, with its number in the history, as plain JSON values; None without one.

    Raises:
        WrongUsage: no such cell.
    """
    with store.reading() as connection:
        row = connection.execute(_HOLDS, (cell_row(connection, session, cell),)).fetchone()
    if row is None:
        return None
    number, verdict, species, stage, reviewer = row
    return {
        "cell": cell, "number": number, "verdict": verdict, "species": species, "stage": stage, "reviewer": reviewer,
    }  # fmt: skip


def reviewed(store: Store, session: Session, totals: Totals | None = None) -> Reviewed:
    """Where the review stands; ``totals`` are the session's at the same moment, None to ask for them."""
    with store.reading() as connection:
        totals = totals or store.totals(session)
        rows = connection.execute(
            """SELECT v.verdict, c.review OR c.count AS suspected, count(*) AS cells
            FROM current_verdicts AS v JOIN cells AS c ON c.id = v.cell_id JOIN fields AS f ON f.id = c.field_id
            WHERE f.session_id = ? AND f.accepted GROUP BY 1, 2""",
            (session.id,),
        ).fetchall()
        outside = total(left_out(connection, session).values())
    counts = {name: sum(row["cells"] for row in rows if row["verdict"] == name) for name in VERDICTS}
    looked_at = sum(row["cells"] for row in rows if row["suspected"])
    return Reviewed(
        totals.suspected,
        totals.suspected - looked_at,
        counts["asexual"] + outside.of("asexual"),
        counts["gametocyte"] + outside.of("gametocyte"),
        counts["no-parasite"],
        counts["unsure"] + outside.of("unsure"),
        outside,
    )


def suspected_cells(
    store: Store, session: Session, most: int | None = None, pending_only: bool = False
) -> Iterator[SuspectedCell]:
    """Suspected cells of accepted fields: parasites by the reviewer's verdict first, then by falling probability.

    Args:
        most: end after so many.
        pending_only: only those without a verdict.
    """
    with store.reading() as connection:
        rows = connection.execute(
            f"""SELECT c.id, f.number AS field, c.number, c.probability, c.count,
                v.verdict, v.species, v.stage, v.reviewer, v.id AS verdict_number
            FROM fields AS f JOIN cells AS c ON c.field_id = f.id AND (c.review OR c.count)
            LEFT JOIN current_verdicts AS v ON v.cell_id = c.id
            WHERE f.session_id = ? AND f.accepted {"AND v.verdict IS NULL" if pending_only else ""}
            ORDER BY coalesce(v.verdict IN ('asexual', 'gametocyte'), 0) DESC, c.probability DESC, c.id
            LIMIT ?""",
            (session.id, -1 if most is None else most),
        )
        for row in rows:
            name = f"{row['field']}.{row['number']}"
            yield SuspectedCell(
                row["id"], name, row["probability"], bool(row["count"]), row["verdict"], row["species"], row["stage"],
                row["reviewer"], row["verdict_number"],
            )  # fmt: skip


def picture(store: Store, cell: SuspectedCell) -> bytes | None:
    """JPEG of a suspected cell with a little of its surroundings."""
    with store.reading() as connection:
        row = connection.execute("SELECT jpeg FROM pictures WHERE cell_id = ?", (cell.id,)).fetchone()
    return None if row is None else bytes(row["jpeg"])
