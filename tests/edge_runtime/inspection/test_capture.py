"""The capture curve that comes with a model: the card's first, then the file of other laboratories, else none."""

from __future__ import annotations

import pytest

from edge_runtime.core.model_file import model_names, open_model
from edge_runtime.counting import CurveSource, capture_curve
from edge_runtime.inspection.capture import capture_of, capture_words, shipped_curves, shipped_flatbuffers

CARD = capture_curve([[0.0, 0.01, 0.3], [0.002]], CurveSource.CARD)
DEFAULT = str(open_model().card.details["flatbuffer_sha256"])  # type: ignore[union-attr]


def test_the_cards_curve_leads() -> None:
    assert capture_of({"capture": CARD.to_json()}, DEFAULT) == CARD


@pytest.mark.parametrize("details", [{}, {"capture": None}, {"capture": {"grid": [0, 1]}}, {"capture": "damaged"}])
def test_without_one_a_shipped_model_has_that_of_other_laboratories(details: dict) -> None:
    found = capture_of(details, DEFAULT)
    assert found is not None and found.source is CurveSource.OTHERS
    assert capture_of(details, "ab" * 32) is None
    assert capture_of(details, None) is None


def test_every_model_that_comes_along_has_a_curve_and_no_other() -> None:
    flatbuffers = shipped_flatbuffers()
    assert set(flatbuffers) == {open_model(name).sha256 for name in model_names()}
    assert set(flatbuffers.values()) == set(shipped_curves())
    for curve in shipped_curves().values():
        assert len(curve.found) >= 10 and curve.share(0.02) > 0.85


def test_in_words() -> None:
    said = capture_words(CARD)
    assert said.startswith("50, 75, 75, 75 % of infected cells stand above all but 1, 2, 4, 10 % of the healthy cells")
    assert "2 held-out patients of the model card" in said and "4 infected cells" in said
    assert "lower bound" in capture_words(None)
