"""Capture curves: what a ranking finds on slides of known truth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.counting import CaptureCurve, CurveSource, capture_curve, chosen_curve, depths

SLIDES = [[0.0, 0.0, 0.004, 0.03], [0.0005, 0.002, 0.002, 0.5, 1.0]]
CURVE = capture_curve(SLIDES, CurveSource.OWN)


def test_depth_is_the_share_of_healthy_cells_ahead_ties_by_half() -> None:
    healthy = [0.9, 0.5, 0.5, 0.1]
    assert depths([0.95, 0.9, 0.7, 0.5, 0.0], healthy).tolist() == [0, 0.125, 0.25, 0.5, 1]
    generator = np.random.default_rng(3)
    scores, others = generator.normal(1, 1, 40), generator.normal(0, 1, 300)
    assert depths(scores, others) == pytest.approx([(others > score).mean() for score in scores])
    for infected, wrong in (([1.0], []), ([float("nan")], [0.0]), ([1.0], [float("inf")])):
        with pytest.raises(ValueError, match="finite scores"):
            depths(infected, wrong)


@pytest.mark.parametrize(
    ("depth", "found"), [(0, (0, 0)), (0.0001, (2, 0)), (0.01, (3, 3)), (0.1, (4, 3)), (1, (4, 5))]
)
def test_found_of_infected_at_a_depth(depth: float, found: tuple[int, int]) -> None:
    known = CURVE.at(depth)
    assert (known.positives, known.cells) == (found, (4, 5))
    assert CURVE.share(depth) == sum(found) / 9
    assert "this microscope" in known.source


def test_the_curve_follows_the_slides_it_was_made_of() -> None:
    generator = np.random.default_rng(5)
    slides = [generator.beta(0.2, 20, 400) for _ in range(3)]
    curve = capture_curve([slide.tolist() for slide in slides], CurveSource.OTHERS)
    for depth in (0.0003, 0.0042, 0.017, 0.09, 0.3):
        truth = [(slide < depth).sum() for slide in slides]
        assert curve.at(depth).positives == pytest.approx(truth, abs=6)


@pytest.mark.parametrize("source", list(CurveSource))
def test_json_there_and_back(source: CurveSource) -> None:
    curve = capture_curve(SLIDES, source)
    text = json.dumps(curve.to_json())
    assert CaptureCurve.from_json(json.loads(text)) == curve
    assert len(text) < 700
    assert (source.widening == 1) == (source is CurveSource.OWN) == ("not this microscope" not in source.words)


GOOD = CURVE.to_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {**GOOD, "source": "somewhere"},
        {**GOOD, "grid": [0, 0.5]},
        {**GOOD, "grid": [0, 0.5, 0.4, 1]},
        {**GOOD, "slides": []},
        {**GOOD, "slides": [[0, 0]]},
        {**GOOD, "slides": [[0, 1.5]]},
        {**GOOD, "slides": [[2, -1]]},
        {**GOOD, "slides": [[True]]},
        {**GOOD, "slides": [[1] * 50]},
        {**GOOD, "slides": 3},
        {**GOOD, "grid": "01"},
    ],
)
def test_a_malformed_curve_is_refused_in_words(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"curve|depths|counts"):
        CaptureCurve.from_json(wrong)


@pytest.mark.parametrize("slides", [[], [[]], [[0.5, 1.1]], [[-0.1]], [[float("nan")]]])
def test_slides_that_make_no_curve(slides: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="slide"):
        capture_curve(slides, CurveSource.OWN)


def test_own_slides_lead_once_there_are_five() -> None:
    few, many = CURVE, CaptureCurve(CURVE.grid, CURVE.found * 3, CurveSource.OWN)
    card = capture_curve(SLIDES, CurveSource.CARD)
    assert chosen_curve(few, card) is card
    assert chosen_curve(many, card) is many
    assert (chosen_curve(few, None), chosen_curve(None, card), chosen_curve(None, None)) == (few, card, None)
    with pytest.raises(ValueError, match="depth"):
        card.at(1.5)
