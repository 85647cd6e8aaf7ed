"""Where the review of a session by rank stands, and the count that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from edge_runtime.counting import (
    AuditedSlide,
    Batch,
    CaptureCheck,
    CaptureCurve,
    Enough,
    RankedCount,
    RedCells,
    RestBound,
    capture_check,
    density,
    ranked_count,
)
from edge_runtime.errors import NotConclusive
from edge_runtime.sessions.left_out.counts import LeftOut, left_out, total
from edge_runtime.sessions.ranking.batches import ASEXUAL, GAMETOCYTE, UNSURE, RankedBatch, ranked_batches
from edge_runtime.sessions.ranking.curve_choice import curve_of
from edge_runtime.sessions.ranking.ending import counting_batches, enough, settled
from edge_runtime.sessions.ranking.readers import Readers, readers
from edge_runtime.sessions.store.rows import one

if TYPE_CHECKING:
    from edge_runtime.sessions.records import ModelRecord, Session, Totals
    from edge_runtime.sessions.store.store import Store

MACHINE, BEGUN, REVIEWED = "machine", "begun", "reviewed"  # which count leads
NO_CURVE = (
    "neither control slides nor the model's card say which part of the infected cells is among those looked at, so "
    "there is no estimate until every cell was looked at"
)


@dataclass(frozen=True)
class RankedReview:
    """The review of a session by rank, all of it of one moment.

    Attributes:
        batches: oldest first; empty before the first cell.
        settled: how many of them, from the first one on, were reviewed; those behind came later.
        by_rank: whether the review by rank was enough for the settled ones; else only what the machine suspects was
            looked at.
        red_cells: per microlitre.
        asexual: the count of asexual parasites over the settled batches, over all while none is; None without one.
        gametocytes: likewise, of cells with gametocytes only.
        reason: why there is no count; None when there is.
        rest: what the cells of all batches that nobody looked at hold at most; None without a count.
        most: upper end of the interval if the cells that the reviewer was unsure of held asexual parasites, 0..1; None
            when some were found, or without a count.
        enough: whether the review may end; None before the first cell.
        curve: what the count rests on; None when nothing says what the ranking finds.
        pages: pages answered and not taken back.
        readers: agreement of two reviewers; None while no cell was looked at by two.
        outside: infected cells that the machine did not count, a part for each batch; those of the settled ones are
            in the counts.
    """

    batches: tuple[RankedBatch, ...]
    settled: int
    by_rank: bool
    red_cells: RedCells
    asexual: RankedCount | None
    gametocytes: RankedCount | None
    reason: str | None
    rest: RestBound | None
    most: float | None
    enough: Enough | None
    curve: CaptureCurve | None
    pages: int
    readers: Readers | None
    outside: tuple[LeftOut, ...] = ()

    @property
    def cells(self) -> int:
        """Red cells of accepted images."""
        return sum(batch.cells for batch in self.batches)

    @property
    def looked(self) -> int:
        """Of these, with a verdict."""
        return sum(batch.judged for batch in self.batches)

    @property
    def later(self) -> int:
        """Cells of batches that came after the review."""
        return sum(batch.cells for batch in self.batches[self.settled :]) if self.settled else 0

    @property
    def found(self) -> int:
        """Cells with asexual parasites, those that the machine did not count included."""
        return sum(batch.top.asexual + batch.below.asexual for batch in self.batches) + self.left_out.of(ASEXUAL)

    @property
    def found_gametocytes(self) -> int:
        """Cells with gametocytes only, likewise."""
        return sum(batch.top.gametocyte + batch.below.gametocyte for batch in self.batches) + self.left_out.of(
            GAMETOCYTE
        )

    @property
    def unsure(self) -> int:
        """Cells on which the reviewer could not decide."""
        return sum(batch.top.unsure + batch.below.unsure for batch in self.batches)

    @property
    def left_out(self) -> LeftOut:
        """What a person found outside the cells that the machine counted."""
        return total(self.outside)

    @property
    def counted_outside(self) -> LeftOut:
        """Of these, what is in the counts."""
        return total(self.outside[: self.settled or len(self.batches)])

    @property
    def begun(self) -> bool:
        """Whether there is a verdict."""
        return self.looked > 0 or self.left_out.confirmed > 0

    @property
    def alarm(self) -> bool:
        """Whether a random cell of what was left out held a parasite: the ranking is not to be trusted here."""
        return any(batch.alarm for batch in self.batches)

    @property
    def leading(self) -> str:
        """Which count is the one to quote: "machine", "begun" or "reviewed"; later fields never turn it back."""
        if not self.begun:
            return MACHINE
        return REVIEWED if self.settled else BEGUN

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "leading": self.leading,
            "begun": self.begun,
            "by_rank": self.by_rank,
            "cells": self.cells,
            "looked": self.looked,
            "later": self.later,
            "at_least": {"asexual": self.found, "gametocytes": self.found_gametocytes},
            "unsure": self.unsure,
            "pages": self.pages,
            "enough": None if self.enough is None else self.enough.to_json(),
            "alarm": self.alarm,
            "estimate": self._count(self.asexual),
            "gametocytes": self._count(self.gametocytes),
            "reason": self.reason,
            "rest": self._rest(),
            "most": self.most,
            "curve": None
            if self.curve is None
            else {
                "source": self.curve.source.value,
                "slides": len(self.curve.found),
                "words": f"{len(self.curve.found)} {self.curve.source.words}",
            },
            "batches": [batch.to_json() for batch in self.batches],
            "readers": None if self.readers is None else self.readers.to_json(),
            "left_out": self.left_out.to_json(),
        }

    def _count(self, count: RankedCount | None) -> dict[str, Any] | None:
        if count is None:
            return None
        ends = {"estimate": count.rate, "low": count.low, "high": count.high}
        return {
            **count.to_json(),
            "per_microlitre": {name: density(rate, self.red_cells).per_microlitre for name, rate in ends.items()},
        }

    def _rest(self) -> dict[str, Any] | None:
        if self.rest is None:
            return None
        return {
            **self.rest.to_json(),
            "per_microlitre": self.rest.per_microlitre(self.red_cells),
            "statement": self.rest.statement(self.red_cells),
        }


def ranked_review(
    store: Store, session: Session, totals: Totals | None = None, model: ModelRecord | None = None
) -> RankedReview:
    """Where the review of a session by rank stands.

    Args:
        totals: of the session at the same moment, None to ask for them.
        model: of the session, None to ask for it.
    """
    with store.reading() as connection:
        batches = ranked_batches(connection, session)
        curve = curve_of(store, session, totals, model) if batches else None
        pages = one(connection, "SELECT count(*) FROM review_pages WHERE session_id = ? AND NOT undone", session.id)
        two = readers(connection, session) if any(batch.judged for batch in batches) else None
        by_field = left_out(connection, session)
    purpose, trusted = session.plan.purpose, curve is not None
    reviewed = settled(batches, purpose, trusted)
    part = batches[: reviewed or len(batches)]
    outside = tuple(
        total(found for field, found in by_field.items() if batch.first <= field <= batch.last) for batch in batches
    )
    beside = total(outside[: len(part)])
    asexual, reason = _count(part, ASEXUAL, curve, beside)
    whole = asexual if len(part) == len(batches) else _count(batches, ASEXUAL, curve, total(outside))[0]
    open_questions = None
    if asexual is not None and not asexual.infected:
        unsure = _count(part, UNSURE, curve, beside)[0]
        open_questions = None if unsure is None else unsure.high
    return RankedReview(
        batches=batches,
        settled=reviewed,
        by_rank=reviewed > 0 and enough(part, purpose, trusted).reached,
        red_cells=session.plan.red_cells_per_microlitre(),
        asexual=asexual,
        gametocytes=_count(part, GAMETOCYTE, curve, beside)[0],
        reason=reason,
        rest=None if whole is None else whole.rest,
        most=open_questions,
        enough=enough(batches, purpose, trusted) if batches else None,
        curve=curve,
        pages=pages,
        readers=two,
        outside=outside,
    )


def audited_slide(batch: RankedBatch, curve: CaptureCurve) -> AuditedSlide | None:
    """A batch's audit as the statistics take it, by asexual parasites; None while it is not answered."""
    audit = batch.audit
    if audit is None or not audit.judged or batch.found_at_audit is None:
        return None
    at = Batch(batch.cells, audit.looked, batch.found_at_audit)
    captured = curve.share(at.depth)
    if not captured:
        return None
    return AuditedSlide(batch.found_at_audit, captured, audit.rest, audit.judged, audit.asexual)


def running_check(store: Store, model_sha256: str, device: str, kind: str) -> CaptureCheck | None:
    """What the audits of all sessions with one model, device and kind of image say of the capture curve.

    None before the first audit that was answered.
    """
    slides = []
    with store.reading() as connection:
        rows = connection.execute(
            """SELECT DISTINCT s.code FROM sessions AS s JOIN models AS m ON m.id = s.model_id
            JOIN review_batches AS b ON b.session_id = s.id JOIN audits AS a ON a.batch_id = b.id
            WHERE m.sha256 = ? AND s.device = ? AND NOT s.discarded
            AND NOT EXISTS (SELECT 1 FROM fields AS f WHERE f.session_id = s.id AND f.kind <> ?)
            ORDER BY s.id""",
            (model_sha256, device, kind),
        ).fetchall()
        for row in rows:
            session = store.session(row["code"])
            curve = curve_of(store, session)
            if curve is not None:
                found = (audited_slide(batch, curve) for batch in ranked_batches(connection, session))
                slides += [slide for slide in found if slide is not None]
    return capture_check(slides) if slides else None


def _count(
    batches: tuple[RankedBatch, ...], verdict: str, curve: CaptureCurve | None, outside: LeftOut
) -> tuple[RankedCount | None, str | None]:
    """The count of one verdict, and why there is none; what was found outside is as a batch looked at to the last."""
    if not any(batch.judged for batch in batches):
        return None, "nobody has looked at a cell yet"
    if curve is None and not all(batch.complete for batch in batches):
        return None, NO_CURVE
    try:
        beside = outside.confirmed + (outside.of(UNSURE) if verdict == UNSURE else 0)
        more = (Batch(beside, beside, outside.of(verdict)),) if beside else ()
        return _ranked_count(counting_batches(batches, verdict) + more, curve), None
    except NotConclusive as error:
        return None, str(error)


@lru_cache(maxsize=64)
def _ranked_count(batches: tuple[Batch, ...], curve: CaptureCurve | None) -> RankedCount:
    """A page asks for the same count again and again, and it takes some hundredths of a second."""
    return ranked_count(batches, curve)
