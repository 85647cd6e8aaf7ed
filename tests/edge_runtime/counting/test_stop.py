"""Stop rules, and how many cells are to go."""

from __future__ import annotations

import json

import pytest

from edge_runtime.counting import (
    KnownSlides,
    cells_for_limit,
    cells_for_precision,
    corrected_rate,
    detection_limit,
    stop,
    stop_rule,
    wilson,
)
from edge_runtime.errors import WrongUsage

BLANK = KnownSlides((0, 1, 0, 2, 0, 0, 1, 0, 1, 0) * 3, (1_000,) * 30)
SENSITIVITY = KnownSlides((900,), (1_000,), spread=False)


@pytest.mark.parametrize(
    ("rule", "infected", "counted", "to_go"),
    [
        ("who", 0, 0, 5_000),
        ("who", 40, 4_999, 1),
        ("who", 0, 5_000, 0),
        ("bsh", 3, 400, 600),
        ("bsh", 3, 1_200, 0),
        ("nvp", 1, 5_000, 5_000),
        ("cdc", 0, 0, 500),
        ("cdc", 5, 500, 0),  # 1 % is not below 1 %
        ("cdc", 4, 500, 1_500),
        ("cdc", 8, 400, 100),
        ("cdc", 19, 1_999, 1),
        ("cdc", 0, 2_000, 0),
        ("CDC ", 0, 2_000, 0),
    ],
)
def test_presets(rule: str, infected: int, counted: int, to_go: int) -> None:
    state = stop(stop_rule(rule), infected, counted)
    assert (state.to_go, state.reached) == (to_go, to_go == 0)
    assert state.target == counted + to_go or state.reached
    assert json.loads(json.dumps(state.to_json()))["rule"] == rule.strip().lower()


def test_a_precision_by_itself_needs_about_four_over_its_square() -> None:
    state = stop(stop_rule("25%"), 20, 5_000)
    assert state.target is not None and state.target * 20 / 5_000 == pytest.approx((1.96 / 0.25) ** 2, rel=0.08)
    assert state.to_go == state.target - 5_000
    assert stop(stop_rule("0.25"), 80, 5_000).reached
    assert stop(stop_rule("0.25"), 0, 0).target is None
    nothing = stop(stop_rule("0.25"), 0, 5_000)
    assert (nothing.target, nothing.to_go, nothing.reached) == (None, None, False)
    assert "No infected cell" in nothing.reason


@pytest.mark.parametrize("text", ["", "wh", "0", "0%", "150%", "-0.2", "nan", "inf", "1e400", "%"])
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="no stop rule"):
        stop_rule(text)


def test_the_planned_cells_do_reach_the_precision() -> None:
    plan = cells_for_precision(30, 5_000, 0.2)
    assert plan.total is not None
    found = wilson(round(plan.total * 30 / 5_000), plan.total)
    assert (found.high - found.low) / 2 / (30 / 5_000) == pytest.approx(0.2, rel=0.02)


def test_the_blank_sets_how_precise_a_corrected_rate_can_become() -> None:
    reachable = cells_for_precision(100, 5_000, 0.2, BLANK, SENSITIVITY)
    assert reachable.total is not None and reachable.more == reachable.total - 5_000
    found = corrected_rate(round(reachable.total / 50), reachable.total, BLANK, SENSITIVITY)
    assert (found.high - found.low) / 2 / found.rate < 0.205
    never = cells_for_precision(10, 5_000, 0.2, BLANK, SENSITIVITY)
    assert (never.total, never.more) == (None, None)
    assert "No number of cells" in never.reason
    assert "blanks expected" in cells_for_precision(1, 5_000, 0.2, BLANK, SENSITIVITY).reason
    state = stop(stop_rule("20%"), 10, 5_000, BLANK, SENSITIVITY)
    assert (state.reached, state.to_go, state.reason, state.kind) == (False, None, never.reason, "never")


def test_cells_for_a_limit_of_detection() -> None:
    now = detection_limit(2_000, BLANK, SENSITIVITY)
    assert now.limit is not None and now.floor is not None
    assert cells_for_limit(2_000, now.limit, BLANK, SENSITIVITY).more == 0
    aim = (now.limit + now.floor) / 2
    plan = cells_for_limit(2_000, aim, BLANK, SENSITIVITY)
    assert plan.total is not None
    reached = detection_limit(plan.total, BLANK, SENSITIVITY).limit
    assert reached is not None and reached <= aim
    never = cells_for_limit(2_000, now.floor / 2, BLANK, SENSITIVITY)
    assert never.total is None and "differ in their blank rate" in never.reason


def test_without_blanks_any_limit_can_be_reached() -> None:
    clean = KnownSlides((0,), (10**9,), spread=False)
    plan = cells_for_limit(1_000, 1e-4, clean)
    assert plan.total == pytest.approx(30_000, rel=0.05)
    assert "More than" in cells_for_limit(1_000, 1.5e-7, KnownSlides((0,), (10**12,), spread=False)).reason


@pytest.mark.parametrize("goal", [0.0, -1.0, 1.5, float("nan")])
def test_goals_out_of_range_are_refused(goal: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        cells_for_precision(1, 100, goal)
    with pytest.raises(ValueError, match="above 0"):
        cells_for_limit(100, goal, BLANK)


@pytest.mark.parametrize(
    ("infected", "counted", "blank", "sensitivity", "target"),
    [
        (5, 500, None, None, 500),
        (5, 500, BLANK, None, 2_000),  # less the blanks 0.98 %
        (5, 500, BLANK, SENSITIVITY, 500),  # and 1.08 % with those that are missed
        (400, 500, KnownSlides((9,), (10,)), SENSITIVITY, 2_000),  # such a model shows no 1 %
    ],
)
def test_one_per_cent_is_the_corrected_rate(
    infected: int, counted: int, blank: KnownSlides | None, sensitivity: KnownSlides | None, target: int
) -> None:
    assert stop(stop_rule("cdc"), infected, counted, blank, sensitivity).target == target


@pytest.mark.parametrize(
    ("rule", "infected", "counted", "blank", "kind"),
    [
        ("who", 0, 0, None, "counting"),
        ("who", 3, 4_999, None, "counting"),
        ("who", 3, 5_000, None, "reached"),
        ("25%", 0, 0, None, "not-yet"),
        ("25%", 0, 500, None, "not-yet"),
        ("25%", 20, 5_000, None, "counting"),
        ("25%", 80, 5_000, None, "reached"),
        ("25%", 1, 5_000, BLANK, "not-yet"),
        ("20%", 10, 5_000, BLANK, "never"),
        ("0.01%", 1, 100, None, "never"),  # more than anybody counts
    ],
)
def test_kinds(rule: str, infected: int, counted: int, blank: KnownSlides | None, kind: str) -> None:
    state = stop(stop_rule(rule), infected, counted, blank, SENSITIVITY)
    assert state.kind == state.to_json()["kind"] == kind
    assert state.reached == (kind == "reached") and (state.to_go is None) == (kind in ("not-yet", "never"))
