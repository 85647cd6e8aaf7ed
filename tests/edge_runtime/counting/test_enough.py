"""When a review by rank may end."""

from __future__ import annotations

import json

import pytest

from edge_runtime.counting import Batch, Enough, enough_clean, enough_strict
from edge_runtime.counting.rest import RestBound


@pytest.mark.parametrize(
    ("batches", "to_go"),
    [
        ([Batch(5_000, 0, 0)], 96),
        ([Batch(5_000, 24, 0, 24)], 72),
        ([Batch(5_000, 96, 0, 96)], 0),
        ([Batch(5_000, 95, 0, 95)], 1),
        ([Batch(5_000, 240, 20, 95)], 1),
        ([Batch(5_000, 240, 20, 96)], 0),
        ([Batch(5_000, 240, 240, 0)], 96),
        ([Batch(60, 48, 1, 40)], 12),  # no more cells than these
        ([Batch(60, 60, 1, 40)], 0),
        ([Batch(4_800, 196, 100, 96), Batch(500, 0, 0)], 11),  # as deep as the first: 96 of 4,700 is 10.2 of 500
        ([Batch(4_800, 196, 100, 96), Batch(500, 20, 9, 2)], 0),
        ([Batch(4_800, 196, 100, 96), Batch(500, 20, 12, 2)], 2),
        ([Batch(4_800, 195, 100, 95), Batch(500, 0, 0)], 97),  # the first first
        ([Batch(500, 500, 3), Batch(500, 0, 0)], 96),  # complete says nothing of how deep to go elsewhere
    ],
)
def test_ninety_six_in_a_row(batches: list[Batch], to_go: int) -> None:
    state = enough_clean(batches)
    assert (state.rule, state.to_go, state.reached) == ("clean-run", to_go, to_go == 0)
    assert state.looked == sum(batch.looked for batch in batches)
    assert json.loads(json.dumps(state.to_json()))["reason"].endswith(".")


@pytest.mark.parametrize(
    ("infected", "missed", "reached"),
    [(0, 0, True), (0, 1, True), (0, 2, False), (19, 1, True), (19, 2, False), (20, 2, True), (99, 10, False)],
)
def test_the_strict_rule(infected: int, missed: int, reached: bool) -> None:
    state = enough_strict([Batch(5_000, 240, infected, 96)], RestBound(missed, 4_760, 5_000, 0.95))
    assert state == Enough("strict", reached, 240, 0 if reached else None, state.reason)
    assert f"holds {missed} at most" in state.reason


@pytest.mark.parametrize(("looked", "clean"), [(24, 24), (95, 95), (240, 95)])
def test_the_strict_rule_wants_the_clean_run_too(looked: int, clean: int) -> None:
    state = enough_strict([Batch(5_000, looked, 0, clean)], RestBound(0, 5_000 - looked, 5_000, 0.95))
    assert not state.reached and state.to_go is None and "in a row" in state.reason
