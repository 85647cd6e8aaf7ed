"""Percent and parasites per microlitre, and what a count of cells is."""

from __future__ import annotations

import json

import pytest

from edge_runtime.counting import density, infected_cells, red_cells
from edge_runtime.errors import WrongUsage


@pytest.mark.parametrize(
    ("given", "per_microlitre", "source", "said"),
    [
        ({}, 5_000_000, "default", "assumed, not measured"),
        ({"haematocrit": 40}, 5_024_000, "haematocrit", "haematocrit of 40 %"),
        ({"measured": 3_200_000}, 3_200_000, "measured", "3,200,000 red cells per microlitre, measured"),
        ({"measured": 3_200_000, "haematocrit": 40}, 3_200_000, "measured", "measured"),
    ],
)
def test_where_the_red_cells_come_from_is_carried(
    given: dict[str, float], per_microlitre: float, source: str, said: str
) -> None:
    cells = red_cells(**given)
    assert (cells.per_microlitre, cells.source) == (per_microlitre, source)
    found = density(0.002, cells)
    assert found.percent == pytest.approx(0.2)
    assert found.per_microlitre == pytest.approx(0.002 * per_microlitre)
    assert said in json.loads(json.dumps(found.to_json()))["red_cells"]["statement"]


@pytest.mark.parametrize(
    "given",
    [{"measured": 4.5}, {"measured": 5e7}, {"haematocrit": 0.4}, {"haematocrit": 90}, {"measured": float("nan")}],
)
def test_other_units_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(WrongUsage, match="give it in"):
        red_cells(**given)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_lies_between_nothing_and_all(rate: float) -> None:
    with pytest.raises(ValueError, match="share"):
        density(rate, red_cells())


def test_a_multiply_infected_cell_counts_once() -> None:
    assert infected_cells([0, 1, 3, 0, 2]) == 3
    assert infected_cells([]) == 0
    with pytest.raises(ValueError, match="0 parasites"):
        infected_cells([1, -1])
