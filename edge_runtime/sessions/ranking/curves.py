"""The capture curve that a session's count rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.inspection.capture import capture_of, shipped_flatbuffers

if TYPE_CHECKING:
    from edge_runtime.counting import CaptureCurve
    from edge_runtime.sessions.records import ModelRecord


def card_curve(model: ModelRecord) -> CaptureCurve | None:
    """The curve that comes with a model: its card's, else of other laboratories for models that come along, else None.

    Stores of earlier versions did not keep the flatbuffer's SHA-256; of models that still come along it is known.
    """
    digest = model.details.get("flatbuffer_sha256") or shipped_flatbuffers().get(model.sha256)
    return capture_of(model.details, digest)
