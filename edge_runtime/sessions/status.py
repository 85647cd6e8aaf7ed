"""How far a session is, as one document: for ``session status --json`` and for the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.blank_slides import MicroscopeBlankRate, blank_rate
from edge_runtime.sessions.headline import Headline, headline
from edge_runtime.sessions.ranking.ranked_review import RankedReview, ranked_review
from edge_runtime.sessions.review import Reviewed, reviewed
from edge_runtime.sessions.session_counts import MachineCount, machine_count, stop_state
from edge_runtime.sessions.store import ballast

if TYPE_CHECKING:
    from edge_runtime.counting import StopState
    from edge_runtime.sessions.records import ModelRecord, Session, Totals
    from edge_runtime.sessions.store.store import Store


@dataclass(frozen=True)
class SessionStatus:
    """One session's state, all of it of one moment.

    Attributes:
        session: whose.
        totals: of accepted images.
        review: where the review stands.
        model: what counts; None before the first image.
        blank: the blank slides that apply; None before the first image.
        ranked: where the review by rank stands.
        stop: where the count stands under its stop rule; None without one, or before the first image.
        free: bytes on the store's disk.
    """

    session: Session
    totals: Totals
    review: Reviewed
    model: ModelRecord | None
    blank: MicroscopeBlankRate | None
    ranked: RankedReview
    stop: StopState | None
    free: int

    @cached_property
    def machine(self) -> MachineCount | None:
        """The machine's count; None before the first cell."""
        if self.model is None or self.blank is None or not self.totals.cells:
            return None
        return machine_count(self.totals, self.model, self.session.plan.red_cells_per_microlitre(), self.blank)

    def headline(self) -> Headline | None:
        """What a reader takes away; None before the first cell."""
        if self.machine is None:
            return None
        cells = self.session.plan.red_cells_per_microlitre()
        return headline(self.totals, cells, self.machine, self.review, self.ranked)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **self.session.to_json(),
            "model": None if self.model is None else self.model.sha256,
            "totals": self.totals.to_json(),
            "review": self.review.to_json(),
            "stop": None if self.stop is None else self.stop.to_json(),
            "blank": None if self.blank is None else self.blank.to_json(),
            "free_bytes": self.free,
            "rank": self.ranked.to_json(),
            "headline": None if (shown := self.headline()) is None else shown.to_json(),
        }


def session_status(store: Store, session: Session) -> SessionStatus:
    """Gather the state of a session."""
    with store.reading():
        totals, model = store.totals(session), store.model_of(session)
        review = reviewed(store, session, totals)
        blank = None if model is None else blank_rate(store, model.sha256, session.device, totals.kind)
        ranked = ranked_review(store, session, totals, model)
    rule, stop = session.plan.stop_rule, None
    if model is not None and blank is not None:
        stop = stop_state(rule, totals, model, blank, review, ranked)
    return SessionStatus(session, totals, review, model, blank, ranked, stop, ballast.free_bytes(store.root))
