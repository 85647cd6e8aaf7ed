"""Everything a report says, as values: gathered from one consistent state of the store, in memory that stays small."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime import __version__
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.counting import CountSummary, RedCells, StopState, summarise_count
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.blank_slides import MicroscopeBlankRate, blank_rate
from edge_runtime.sessions.headline import headline
from edge_runtime.sessions.left_out.confirmed import ConfirmedCell, confirmed_cells
from edge_runtime.sessions.manual_counts import ManualCount, manual_counts
from edge_runtime.sessions.ranking.ranked_review import RankedReview, ranked_review
from edge_runtime.sessions.records import ModelRecord, Session, Totals
from edge_runtime.sessions.review import Reviewed, SuspectedCell, picture, reviewed, suspected_cells
from edge_runtime.sessions.session_counts import (
    MachineCount,
    excluded,
    leading,
    machine_count,
    reviewed_count,
    stop_state,
)

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.sessions.store.store import Store

PICTURES = 60


@dataclass(frozen=True)
class QualityNotes:
    """What was wrong with the images of a session.

    Attributes:
        images: all of them, refused ones included.
        refused: kinds of refusal with the number of images; an image can have several.
        excluded: things found in accepted fields that are no countable cells, by reason.
        removed: images whose file was removed by retention.
        undated: images taken before the clock was set.
    """

    images: int
    refused: Mapping[str, int]
    excluded: Mapping[str, int]
    removed: int
    undated: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.__dict__, "refused": dict(self.refused), "excluded": dict(self.excluded)}


@dataclass(frozen=True)
class Report:
    """What a report says.

    Attributes:
        session: whose.
        model: what counted.
        totals: of accepted images.
        red_cells: per microlitre, with its source.
        machine: the machine's count.
        review: where the review stands.
        ranked: where the review by rank stands.
        asexual: the reviewed count of asexual parasites, never corrected for blanks; None before the first verdict.
        gametocytes: likewise, of cells with gametocytes only.
        manual: counts by eye, with their figures.
        blank: the blank slides that apply.
        stop: where the count stands under its stop rule; None without one.
        excludes: see :func:`edge_runtime.sessions.session_counts.excluded`.
        quality: problems of the images.
        suspected: the first suspected cells, parasites by the reviewer's verdict first.
        pictures: JPEG of each of them that has one, by the cell's name.
        confirmed: the first infected cells that a person found outside the machine's count.
        generated_at: ISO 8601, UTC.
    """

    session: Session
    model: ModelRecord
    totals: Totals
    red_cells: RedCells
    machine: MachineCount
    review: Reviewed
    ranked: RankedReview
    asexual: CountSummary | None
    gametocytes: CountSummary | None
    manual: tuple[tuple[ManualCount, CountSummary], ...]
    blank: MicroscopeBlankRate
    stop: StopState | None
    excludes: float | None
    quality: QualityNotes
    suspected: tuple[SuspectedCell, ...]
    pictures: Mapping[str, bytes]
    confirmed: tuple[ConfirmedCell, ...]
    generated_at: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the pictures."""
        return {
            "notice": RESEARCH_USE,
            **self.session.to_json(),
            "generated_at": self.generated_at,
            "generated_by": __version__,
            "model": {
                "sha256": self.model.sha256,
                "name": self.model.name,
                "operating_points": {"review": self.model.review_point, "count": self.model.count_point},
                "metrics": self.model.details.get("metrics"),
            },
            "totals": self.totals.to_json(),
            "red_cells_per_microlitre": self.red_cells.to_json(),
            "headline": leading(self.review, self.ranked),
            "headline_words": headline(self.totals, self.red_cells, self.machine, self.review, self.ranked).to_json(),
            "machine": self.machine.to_json(),
            "detection_limit_established": self.machine.summary.detection is not None,
            "review": self.review.to_json(),
            "rank": self.ranked.to_json(),
            "asexual": self.asexual.to_json() if self.asexual else None,
            "gametocytes": self.gametocytes.to_json() if self.gametocytes else None,
            "manual": [{**count.to_json(), "asexual_figures": summary.to_json()} for count, summary in self.manual],
            "blank": self.blank.to_json(),
            "stop": self.stop.to_json() if self.stop else None,
            "excludes": self.excludes,
            "quality": self.quality.to_json(),
            "suspected": [cell.to_json() for cell in self.suspected],
            "confirmed_outside": [cell.to_json() for cell in self.confirmed],
        }


def make_report(store: Store, session: Session, most_pictures: int = PICTURES) -> Report:
    """Gather a session's report.

    Args:
        most_pictures: suspected cells to show.

    Raises:
        WrongUsage: nothing was counted yet.
    """
    with store.reading() as connection:
        model, totals = store.model_of(session), store.totals(session)
        if model is None or not totals.cells:
            refused = f"; {totals.refused} images were refused for their quality" if totals.refused else ""
            raise WrongUsage(
                f"Session {session.code} has no counted cells{refused}; add images with `thinsmear session add`."
            )
        cells = session.plan.red_cells_per_microlitre()
        blank = blank_rate(store, model.sha256, session.device, totals.kind)
        review = reviewed(store, session, totals)
        ranked = ranked_review(store, session, totals, model)
        asexual, gametocytes = reviewed_count(review, totals, cells) if review.begun else (None, None)
        suspected = tuple(suspected_cells(store, session, most_pictures))
        pictures = {cell.name: jpeg for cell in suspected if (jpeg := picture(store, cell)) is not None}
        return Report(
            session=session,
            model=model,
            totals=totals,
            red_cells=cells,
            machine=machine_count(totals, model, cells, blank),
            review=review,
            ranked=ranked,
            asexual=asexual,
            gametocytes=gametocytes,
            manual=tuple(
                (count, summarise_count(count.asexual, count.counted, cells)) for count in manual_counts(store, session)
            ),
            blank=blank,
            stop=stop_state(session.plan.stop_rule, totals, model, blank, review, ranked),
            excludes=excluded(totals, review, ranked),
            quality=_quality(connection, session),
            suspected=suspected,
            pictures=pictures,
            confirmed=tuple(confirmed_cells(store, session, most_pictures)),
            generated_at=store.moment().text,
        )


def _quality(connection: sqlite3.Connection, session: Session) -> QualityNotes:
    images, removed, undated = connection.execute(
        "SELECT count(*), coalesce(sum(image IS NULL), 0), coalesce(sum(clock = 'unset'), 0) FROM fields "
        "WHERE session_id = ?",
        (session.id,),
    ).fetchone()
    refused: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    rows = connection.execute(
        "SELECT accepted, quality, excluded FROM fields WHERE session_id = ? AND (NOT accepted OR excluded <> '{}')",
        (session.id,),
    )
    for row in rows:
        if row["accepted"]:
            excluded.update(json.loads(row["excluded"]))
        else:
            reasons = json.loads(row["quality"]).get("refused") or [{"kind": "quality"}]
            refused.update({str(reason["kind"]) for reason in reasons})
    kept = {name: number for name, number in excluded.most_common() if number}
    return QualityNotes(images, dict(refused.most_common()), kept, removed, undated)
