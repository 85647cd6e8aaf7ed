"""How far a session is, as one document: for ``session status --json`` and for the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.blank_slides import MicroscopeBlankRate, blank_rate
from edge_runtime.sessions.review import Reviewed, reviewed
from edge_runtime.sessions.session_counts import stop_state
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
        stop: where the count stands under its stop rule; None without one, or before the first image.
        free: bytes on the store's disk.
    """

    session: Session
    totals: Totals
    review: Reviewed
    model: ModelRecord | None
    blank: MicroscopeBlankRate | None
    stop: StopState | None
    free: int

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
        }


def session_status(store: Store, session: Session) -> SessionStatus:
    """Gather the state of a session."""
    with store.reading():
        totals, model = store.totals(session), store.model_of(session)
        review = reviewed(store, session, totals)
        blank = None if model is None else blank_rate(store, model.sha256, session.device, totals.kind)
    rule, stop = session.plan.stop_rule, None
    if model is not None and blank is not None:
        stop = stop_state(rule, totals, model, blank, review)
    return SessionStatus(session, totals, review, model, blank, stop, ballast.free_bytes(store.root))
