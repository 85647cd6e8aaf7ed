"""The curve of a model as a store remembers it, also of a store that an earlier version filled."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.core.classifier import Classifier
from edge_runtime.counting import CurveSource, capture_curve
from edge_runtime.inspection.capture import shipped_curves
from edge_runtime.sessions.ranking.curves import card_curve
from edge_runtime.sessions.records import ModelRecord


def test_a_shipped_model_has_its_curve_now_and_in_an_old_store() -> None:
    now = ModelRecord.of(Classifier.open())
    digest = now.details["flatbuffer_sha256"]
    assert card_curve(now) == shipped_curves()[digest]
    old = replace(now, details={name: value for name, value in now.details.items() if name != "flatbuffer_sha256"})
    assert card_curve(old) == shipped_curves()[digest]


def test_the_cards_curve_is_kept_with_the_model_and_leads() -> None:
    curve = capture_curve([[0.0, 0.02]], CurveSource.CARD)
    classifier = Classifier.open()
    details = {**classifier.card.details, "capture": curve.to_json()}
    classifier.card = replace(classifier.card, details=details)
    assert card_curve(ModelRecord.of(classifier)) == curve


def test_an_unknown_model_has_none() -> None:
    assert card_curve(ModelRecord("ab" * 32, "other", 0.5, 0.9, {"metrics": None})) is None
