"""The count of a slide reviewed by rank, and what the rest holds."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from edge_runtime.counting import (
    Batch,
    CaptureCurve,
    CurveSource,
    KnownSlides,
    capture_curve,
    exact,
    ranked_count,
    red_cells,
    rounded_up,
)
from edge_runtime.counting.next_slide import node_weights
from edge_runtime.counting.rest import rest_bound
from edge_runtime.errors import NotConclusive
from tests.edge_runtime.counting import by_scipy
from tests.edge_runtime.counting.simulated_reviews import simulate

# Ten slides of 40 infected cells; all but 2, 1, 3 ... of them stand before every depth from 1 % to 99 %.
MISSED = (2, 1, 3, 0, 2, 4, 1, 2, 1, 6)
CURVE = capture_curve([[0.0005] * (40 - m) + [0.995] * m for m in MISSED], CurveSource.OWN)
CARD = CaptureCurve(CURVE.grid, CURVE.found, CurveSource.CARD)
KNOWN = KnownSlides(tuple(40 - m for m in MISSED), (40,) * 10)


@pytest.mark.parametrize(("found", "counted"), [(0, 5_000), (1, 5_000), (25, 5_000), (250, 5_000), (3, 400)])
def test_estimate_and_interval_agree_with_scipy(found: int, counted: int) -> None:
    count = ranked_count([Batch(counted, found + 160, found, 96)], CURVE)
    captured = sum(KNOWN.positives) / 400
    assert count.captured == pytest.approx(captured)
    assert count.rate == pytest.approx(found / counted / captured)
    again = by_scipy.interval(found, counted, by_scipy.EXACTLY_NONE, by_scipy.points(KNOWN))
    assert (count.low, count.high) == pytest.approx(again, rel=1e-3)
    assert (count.source, count.slides) == ("own-slides", 10)
    assert count.rests_on == "10 positive control slides of this microscope"


@pytest.mark.parametrize(("found", "counted"), [(0, 5_000), (1, 5_000), (25, 5_000), (250, 5_000), (40, 260)])
def test_what_the_rest_holds_agrees_with_scipy(found: int, counted: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rest = ranked_count([Batch(counted, found + 160, found, 96)], CURVE).rest
    rates, weights = by_scipy.points(KNOWN)
    assert rest.rest == counted - found - 160
    within = stats.nbinom(found + 0.5, np.maximum(rates, 1e-12)).cdf
    assert within(rest.infected) @ weights >= 0.95 or rest.infected == rest.rest
    assert rest.infected == 0 or within(rest.infected - 1) @ weights < 0.95


def test_the_rest_grows_with_what_is_not_known() -> None:
    weights = node_weights(2)
    most = [rest_bound(20, 5_000, 200, np.array(c), weights).infected for c in ([1, 1], [0.9, 0.9], [0.5, 0.5], [0, 0])]
    assert most == [0, 5, 32, 4_800]
    assert rest_bound(0, 300, 300, np.array([0.9, 0.9]), weights).infected == 0


def test_everything_looked_at_is_the_exact_interval_and_needs_no_curve() -> None:
    for curve in (None, CURVE):
        count = ranked_count([Batch(500, 500, 7), Batch(20, 20, 1)], curve)
        assert (count.low, count.high) == (exact(8, 520).low, exact(8, 520).high)
        assert (count.captured, count.source, count.slides, count.rest.infected) == (1, None, 0, 0)
        assert "everything" in count.rests_on and "Every cell" in count.rest.statement(red_cells())


def test_batches_add_up_each_with_its_own_depth() -> None:
    """Halves at one depth are as the whole; a batch nobody looked at adds to the rest, not to the estimate."""
    whole = ranked_count([Batch(4_000, 240, 40, 96)], CURVE)
    halves = ranked_count([Batch(2_000, 120, 20, 96), Batch(2_000, 120, 20, 96)], CURVE)
    assert (halves.rate, halves.low, halves.high) == pytest.approx((whole.rate, whole.low, whole.high), rel=1e-6)
    later = ranked_count([Batch(4_000, 240, 40, 96), Batch(4_000, 0, 0)], CURVE)
    assert (later.rate, later.low, later.high) == pytest.approx((whole.rate, whole.low, whole.high), rel=1e-2)
    assert later.captured == pytest.approx(whole.captured / 2)
    assert later.rest.infected > 40 > whole.rest.infected
    mixed = ranked_count([Batch(4_000, 240, 40, 96), Batch(1_000, 1_000, 10)], CURVE)
    assert mixed.rate == pytest.approx(50 / (4_000 * whole.captured + 1_000))


def test_slides_of_elsewhere_widen_the_interval_upwards() -> None:
    batch = [Batch(5_000, 300, 100, 96)]
    own, card = ranked_count(batch, CURVE), ranked_count(batch, CARD)
    assert own.rate == card.rate and card.high > 1.05 * own.high and card.low == pytest.approx(own.low, rel=0.02)
    assert card.rest.infected > own.rest.infected
    assert card.source == "model-card" and "not this microscope" in card.rests_on


def test_without_a_curve_part_of_a_slide_is_no_count() -> None:
    with pytest.raises(NotConclusive, match="control slides"):
        ranked_count([Batch(5_000, 200, 3)], None)
    with pytest.raises(NotConclusive, match="look on"):
        ranked_count([Batch(5_000, 3, 3)], CURVE)
    with pytest.raises(ValueError, match="batch"):
        ranked_count([], CURVE)


@pytest.mark.parametrize("wrong", [(0, 0, 0), (10, 11, 0), (10, 5, 6), (10, 5, -1), (10, 5, 2, 4), (10, 0, 1)])
def test_reviews_that_cannot_be(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"cells|review"):
        Batch(*wrong)


@pytest.mark.parametrize(
    ("value", "digits", "up"),
    [
        (0, 2, 0),
        (3_257, 2, 3_300),
        (3_300, 2, 3_300),
        (3_300.1, 2, 3_400),
        (0.0738, 2, 0.074),
        (9.91, 2, 10),
        (7, 1, 7),
    ],
)
def test_upper_limits_round_up(value: float, digits: int, up: float) -> None:
    assert rounded_up(value, digits) == up


def test_the_rest_in_one_sentence() -> None:
    rest = ranked_count([Batch(5_000, 185, 25, 96)], CURVE).rest
    assert rest.statement(red_cells()) == "The other 4,815 cells hold at most 5 cells with parasites, 5,000/µL (95 %)."
    document = json.loads(json.dumps(ranked_count([Batch(5_000, 185, 25, 96)], CURVE).to_json(), allow_nan=False))
    assert document["rest"] == {"infected": 5, "rest": 4_815, "counted": 5_000, "level": 0.95}


def test_a_count_takes_a_few_milliseconds() -> None:
    """Of the processor, busy or not, with a depth never seen before; about 4 where this was written."""
    seconds = []
    for looked in range(300, 320):
        start = time.process_time()
        ranked_count([Batch(5_000, looked, 25, 96)], CURVE)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.03


@pytest.mark.parametrize(("prevalence", "width"), [(0.001, 1.1), (0.02, 1.25)])
def test_reviewed_slides_hold_the_truth(prevalence: float, width: float) -> None:
    """60 slides have a standard error of 2.8 points at 95 %."""
    outcome = simulate(prevalence, slides=60, seed=1)
    assert outcome.coverage >= 0.94 - 2 * 0.028
    assert outcome.width <= width


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("prevalence", "looked", "width"),
    [(0.0002, 150, 1.1), (0.001, 150, 1.1), (0.005, 200, 1.1), (0.02, 400, 1.25), (0.05, 650, 1.45)],
)
def test_coverage_width_and_cells_by_prevalence(prevalence: float, looked: int, width: float) -> None:
    """1,000 slides have a standard error of 0.7 points; how many cells it takes is the simulated ranking's doing."""
    outcome = simulate(prevalence, slides=1_000, seed=2)
    print(prevalence, outcome)
    assert 0.94 - 0.014 <= outcome.coverage <= 0.995
    assert outcome.looked <= looked
    assert outcome.width <= width
