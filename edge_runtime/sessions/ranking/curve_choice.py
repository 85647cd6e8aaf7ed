"""Which capture curve a session's estimate rests on: the microscope's own control slides, else the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.counting import CaptureCurve, chosen_curve
from edge_runtime.sessions.control_slides import control_slides
from edge_runtime.sessions.ranking.curves import card_curve

if TYPE_CHECKING:
    from edge_runtime.sessions.records import ModelRecord, Session, Totals
    from edge_runtime.sessions.store.store import Store


def curve_of(
    store: Store, session: Session, totals: Totals | None = None, model: ModelRecord | None = None
) -> CaptureCurve | None:
    """The curve of a session; None when nothing says what the ranking finds, or nothing was counted yet.

    Args:
        totals: of the session, None to ask for them.
        model: of the session, None to ask for it.
    """
    with store.reading():
        model = model or store.model_of(session)
        if model is None:
            return None
        kind = (totals or store.totals(session)).kind
        own = control_slides(store, model.sha256, session.device, kind).curve
    return chosen_curve(own, card_curve(model))
