"""What the cells that nobody looked at hold at most, and the rounding that an upper limit bears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.density import RedCells
from edge_runtime.counting.tails import BetaTails, log_mean


@dataclass(frozen=True)
class RestBound:
    """Upper bound of what was not looked at.

    Attributes:
        infected: infected cells that it holds at most.
        rest: cells not looked at.
        counted: cells of the slide, looked at or not.
        level: confidence, one-sided, for instance 0.95.
    """

    infected: int
    rest: int
    counted: int
    level: float

    @property
    def rate(self) -> float:
        """The bound as a share of all counted cells, 0..1."""
        return self.infected / self.counted

    def per_microlitre(self, cells: RedCells) -> float:
        """The bound in infected cells per microlitre of blood, rounded up to two digits."""
        return rounded_up(self.rate * cells.per_microlitre)

    def statement(self, cells: RedCells) -> str:
        """In one sentence."""
        if not self.rest:
            return "Every cell was looked at."
        of = f"The other {self.rest:,} cells hold" if self.rest > 1 else "The other cell holds"
        if not self.infected:
            return f"{of} no parasite ({100 * self.level:.0f} %)."
        what = "cell" if self.infected == 1 else "cells"
        density = f"{math.ceil(self.per_microlitre(cells)):,}/µL"
        return f"{of} at most {self.infected:,} {what} with parasites, {density} ({100 * self.level:.0f} %)."

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the share included."""
        return {
            "infected": self.infected,
            "rest": self.rest,
            "counted": self.counted,
            "level": self.level,
            "rate": self.rate,
        }


def rest_bound(
    infected: int, counted: int, looked: int, captured: np.ndarray, weights: np.ndarray, level: float = 0.95
) -> RestBound:
    """The quantile of what was missed, given what was found.

    With Jeffreys' prior for the mean and a capture share c, missed cells are negative binomial: x + 1/2 times found
    before so many missed, each found with probability c. Its distribution is averaged over the nodes of c.

    Args:
        infected: cells found infected x, 0..looked.
        counted: cells in all.
        looked: cells looked at, 0..counted.
        captured: nodes of the share of infected cells that are among those looked at, 0..1; float64 [k].
        weights: of the nodes, summing to 1; float64 [k].
        level: confidence, above 0 and below 1.
    """
    rest = counted - looked

    def enough(missed: int) -> bool:
        return missed >= rest or rest_within(missed, infected, captured, weights, level)

    if enough(0):
        return RestBound(0, rest, counted, level)
    short, most = 0, 1
    while not enough(most):
        short, most = most, 2 * most
    while most - short > 1:
        middle = (short + most) // 2
        short, most = (short, middle) if enough(middle) else (middle, most)
    return RestBound(min(most, rest), rest, counted, level)


def rest_within(missed: int, infected: int, captured: np.ndarray, weights: np.ndarray, level: float = 0.95) -> bool:
    """Whether no more than so many were missed, with this confidence: quicker than the bound where only that is asked.

    Args:
        missed: infected cells, 0 or more.
        infected, captured, weights, level: as for :func:`rest_bound`.
    """
    # P(M > m | c) = P(Beta(x + 1/2, m + 1) > c)
    return log_mean(BetaTails(infected + 0.5, missed + 1).log_sf(captured), weights) <= math.log1p(-level)


def rounded_up(value: float, digits: int = 2) -> float:
    """The next figure of so many digits that is not below: an upper limit is never printed lower than it is.

    Args:
        value: 0 or more.
        digits: that count, 1 or more.
    """
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) + 1 - digits)
    # a figure that is round already, but for the last bits of its float, stays as it is
    return float(f"{math.ceil(value / step * (1 - 1e-12)) * step:.12g}")
