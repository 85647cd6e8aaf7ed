"""Slides drawn again and reviewed: ranks, rules, coverage, limits, against what is known beforehand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.review.drawn import PAGE, DrawnSlide, draw_slide
from benchmarks.review.limits import capture, limits
from benchmarks.review.slides import INFECTED, ReviewSlide, curve_of
from benchmarks.review.study import Plan, measure
from edge_runtime.core.card import OperatingPoints
from edge_runtime.counting import CurveSource


def slide(infected: list[float], healthy: list[float]) -> ReviewSlide:
    return ReviewSlide(np.array(infected), (INFECTED,) * len(infected), np.array(healthy))


def slides(count: int, apart: float = 4.0, seed: int = 1) -> list[ReviewSlide]:
    """Slides of normal scores, infected ones so far above healthy ones."""
    draw = np.random.default_rng(seed)
    return [
        slide(chance(draw.normal(apart, 0.7, 40)).tolist(), chance(draw.normal(0, 1, 2000)).tolist())
        for _ in range(count)
    ]


def chance(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores))


PERFECT = slide([0.9, 0.8], [0.1, 0.2, 0.3])


def test_a_perfect_ranking_puts_infected_cells_first() -> None:
    drawn = draw_slide(PERFECT, 1000, 0.05, 0.25, np.random.default_rng(3))
    x = len(drawn.ranks)
    assert drawn.ranks.tolist() == list(range(1, x + 1)) and 25 < x < 80
    assert drawn.to_find(0.9) == int(np.ceil(0.9 * x)) and drawn.to_find(1.0) == x
    assert drawn.flagged > x  # a third of the healthy cells reach 0.25 too


def test_equal_scores_stand_in_any_order() -> None:
    same = slide([0.5], [0.5])
    drawn = draw_slide(same, 2000, 0.2, 0.5, np.random.default_rng(0))
    assert 900 < drawn.ranks.mean() < 1100 and drawn.flagged == 2000


def test_a_slide_without_infected_cells_has_nothing_to_find() -> None:
    drawn = draw_slide(PERFECT, 500, 0.0, 0.5, np.random.default_rng(0))
    assert drawn.to_find(0.9) is None
    assert drawn.by_clean_run().looked == 96 and drawn.by_clean_run().infected == 0


@pytest.mark.parametrize(
    ("ranks", "looked", "found"),
    [([], 96, 0), ([1], 120, 1), ([24], 120, 1), ([25], 144, 1), ([1, 90, 150], 264, 3), ([1, 200], 120, 1)],
)
def test_the_clean_run_ends_with_a_page(ranks: list[int], looked: int, found: int) -> None:
    batch = DrawnSlide(5000, np.array(ranks, dtype=int), 0).by_clean_run()
    assert (batch.looked, batch.infected) == (looked, found)
    assert looked % PAGE == 0


def test_a_small_slide_is_looked_at_to_its_last_cell() -> None:
    batch = DrawnSlide(100, np.array([99]), 0).by_clean_run()
    assert batch.looked in (96, 100) and DrawnSlide(50, np.array([50]), 0).by_clean_run().complete


def test_the_strict_rule_asks_for_more_where_the_curve_is_poor() -> None:
    drawn = DrawnSlide(5000, np.arange(1, 31), 0)
    good, poor = (curve_of(slides(10, apart), CurveSource.OWN) for apart in (6.0, 2.5))
    assert drawn.by_strict_rule(good).looked < drawn.by_strict_rule(poor).looked


def test_the_interval_holds_the_truth_and_the_seed_fixes_the_figures() -> None:
    plan = Plan(33, 5, 0.5, shares=(0.005,), controls=(4, 10))
    same = slides(11)
    found = measure(same, plan)
    assert measure(same, plan) == found and json.dumps(found, allow_nan=False)
    assert measure(same, Plan(33, 6, 0.5, shares=(0.005,), controls=(4, 10))) != found
    intervals = {(one["rule"], one["controls"]): one for one in found["intervals"]}
    assert set(intervals) == {("clean-run", 4), ("clean-run", 10), ("strict", 10)}
    ten = intervals["clean-run", 10]
    assert ten["coverage"] > 0.85 and abs(ten["bias"]) < 0.15 and ten["unsaid"] == 0
    assert intervals["clean-run", 4]["width"] > ten["width"] > 0.8
    (finding,) = found["prevalences"]
    assert finding["to_find"][0]["median"] <= finding["to_find"][2]["median"] < finding["review_point"]["median"]
    assert finding["found"] == sorted(finding["found"])


def test_a_given_curve_is_measured_too() -> None:
    few = slides(4, apart=6.0)
    other = curve_of(slides(6, apart=6.0, seed=9), CurveSource.OTHERS)
    found = measure(few, Plan(8, 0, 0.5, other, shares=(0.01,), controls=(3,)))
    assert {one["controls"] for one in found["intervals"]} == {3, None}


def test_limits_of_a_perfect_and_of_a_blind_ranking() -> None:
    points = OperatingPoints(review=0.5, count=0.85)
    perfect = limits([PERFECT] * 5, points, 5000)
    expected = 1 - 0.05 ** (1 / 5000)  # one infected cell among those counted, in 95 % of slides
    assert perfect["review"] == pytest.approx(expected, abs=1e-8)
    assert perfect["review_point"] == pytest.approx(expected, abs=1e-8)
    assert perfect["machine"] is None or perfect["machine"] > expected
    blind = limits([slide([0.1, 0.1], [0.9] * 50)] * 3, points, 5000)
    assert blind["review"] is None and blind["machine"] is None


def test_capture_by_stage() -> None:
    mixed = ReviewSlide(np.array([0.9, 0.05]), ("ring", "gametocyte"), np.linspace(0.1, 0.8, 100))
    kinds = {one["kind"]: one["shares"] for one in capture([mixed])["kinds"]}
    assert kinds == {"all": [0.5] * 4, "ring": [1.0] * 4, "gametocyte": [0.0] * 4}
