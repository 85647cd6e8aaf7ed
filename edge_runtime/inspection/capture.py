"""The capture curve that comes with a model: of its card, else of other laboratories for models that come along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from edge_runtime.core.model_file import MODELS, model_names, open_model
from edge_runtime.counting import CaptureCurve

CAPTURE = "capture"  # of a card's details
SHIPPED = MODELS / "capture.json"
_TOPS = (0.01, 0.02, 0.04, 0.1)


def capture_of(details: Mapping[str, Any], flatbuffer_sha256: str | None) -> CaptureCurve | None:
    """What a model's ranking finds on slides of known truth.

    Args:
        details: of the model's card, or the part of them that a store of sessions keeps.
        flatbuffer_sha256: of the model, hex; None where it is not known.

    Returns:
        The card's curve; where it has none, or a damaged one, that of other laboratories' slides, which some models
        that come with the program have; else None.
    """
    try:
        return CaptureCurve.from_json(details[CAPTURE])
    except (KeyError, ValueError):
        return shipped_curves().get(flatbuffer_sha256 or "")


@lru_cache(maxsize=1)
def shipped_curves() -> Mapping[str, CaptureCurve]:
    """Curves of other laboratories' slides (``models/capture.json``), by the SHA-256 of the flatbuffer."""
    if not SHIPPED.is_file():
        return {}
    document = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return {digest: CaptureCurve.from_json(curve) for digest, curve in document.items()}


@lru_cache(maxsize=1)
def shipped_flatbuffers() -> Mapping[str, str]:
    """SHA-256 of the flatbuffer of each model that comes along, by that of its file: what old records name."""
    files = map(open_model, model_names())
    return {file.sha256: str(file.card.details["flatbuffer_sha256"]) for file in files if file.card is not None}


def capture_words(curve: CaptureCurve | None) -> str:
    """A curve in one sentence, for people who look at a model."""
    if curve is None:
        return "no capture curve: a review by rank gives a lower bound until control slides were read"
    shares = ", ".join(f"{100 * curve.share(top):.0f}" for top in _TOPS)
    tops = ", ".join(f"{100 * top:g}" for top in _TOPS)
    return (
        f"{shares} % of infected cells stand above all but {tops} % of the healthy cells of their slide "
        f"({len(curve.found)} {curve.source.words}; {sum(curve.infected):,} infected cells)"
    )
