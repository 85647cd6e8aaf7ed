"""From a share of infected cells to percent and per microlitre; where the red cell count came from is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from operator import index
from typing import Any

from edge_runtime.errors import WrongUsage

DEFAULT_RED_CELLS = 5_000_000.0
RED_CELLS_PER_HAEMATOCRIT = 125_600.0
_MEASURED = (300_000.0, 10_000_000.0)
_HAEMATOCRIT = (5.0, 75.0)


@dataclass(frozen=True)
class RedCells:
    """Red cells per microlitre of blood.

    Attributes:
        per_microlitre: above 0.
        source: "measured", "haematocrit" or "default".
        haematocrit: in %, where that is the source.
    """

    per_microlitre: float
    source: str
    haematocrit: float | None = None

    @property
    def statement(self) -> str:
        """In words, for beside every figure per microlitre."""
        count = f"{self.per_microlitre:,.0f} red cells per microlitre"
        if self.source == "measured":
            return f"{count}, measured"
        if self.source == "haematocrit":
            return f"{count}, from a haematocrit of {self.haematocrit:g} % (125,600 for each %)"
        return f"{count} assumed, not measured in this patient"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the statement included."""
        return {**asdict(self), "statement": self.statement}


@dataclass(frozen=True)
class Density:
    """A share of infected cells in the units of a report.

    Attributes:
        rate: share of red cells infected, 0..1.
        percent: the same in %.
        per_microlitre: infected red cells per microlitre of blood, not rounded.
        red_cells: what it was multiplied with, and where that came from.
    """

    rate: float
    percent: float
    per_microlitre: float
    red_cells: RedCells

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "red_cells": self.red_cells.to_json()}


def red_cells(measured: float | None = None, haematocrit: float | None = None) -> RedCells:
    """Red cells per microlitre: measured, or 125,600 x haematocrit in %, or 5,000,000 where neither is known.

    Args:
        measured: red cells per microlitre, 300,000 to 10,000,000; it wins over a haematocrit.
        haematocrit: in % of volume, 5 to 75.

    Raises:
        WrongUsage: a figure out of range, most likely in another unit.
    """
    if measured is not None:
        _check("red cell count", measured, _MEASURED, "cells per microlitre (4.5 million is 4500000)")
    if haematocrit is not None:
        _check("haematocrit", haematocrit, _HAEMATOCRIT, "% (0.40 is 40)")
    if measured is not None:
        return RedCells(float(measured), "measured")
    if haematocrit is not None:
        return RedCells(RED_CELLS_PER_HAEMATOCRIT * float(haematocrit), "haematocrit", float(haematocrit))
    return RedCells(DEFAULT_RED_CELLS, "default")


def density(rate: float, cells: RedCells) -> Density:
    """``rate x 100`` and ``rate x red cells per microlitre``.

    Raises:
        ValueError: the rate does not lie in 0..1.
    """
    rate = float(rate)
    if not 0 <= rate <= 1:
        raise ValueError(f"A share of infected cells lies in 0..1, not at {rate}.")
    return Density(rate, 100 * rate, rate * cells.per_microlitre, cells)


def infected_cells(parasites: Iterable[int]) -> int:
    """Infected cells, given the parasites in each cell: a cell that holds several counts once.

    Raises:
        ValueError: a cell has a negative number of parasites.
    """
    counts = [index(number) for number in parasites]
    if any(number < 0 for number in counts):
        raise ValueError(f"A cell holds 0 parasites or more, not {min(counts)}.")
    return sum(number > 0 for number in counts)


def _check(what: str, value: float, limits: tuple[float, float], unit: str) -> None:
    if not (math.isfinite(value) and limits[0] <= value <= limits[1]):
        raise WrongUsage(f"A {what} of {value:g} is outside {limits[0]:,.0f} to {limits[1]:,.0f}; give it in {unit}.")
