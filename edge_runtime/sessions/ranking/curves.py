"""The capture curve that a session's count rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.counting import CaptureCurve

if TYPE_CHECKING:
    from edge_runtime.sessions.records import ModelRecord


def card_curve(model: ModelRecord) -> CaptureCurve | None:
    """The curve that comes with a model: its card's, else None."""
    try:
        return CaptureCurve.from_json(model.details["capture"])
    except (KeyError, ValueError):
        return None
