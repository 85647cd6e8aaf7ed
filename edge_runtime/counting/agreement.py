"""Two reviewers of one grid: how far they agree, and what both of them missed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.intervals import checked_level, normal_quantile
from edge_runtime.counting.next_slide import RateDistribution, node_weights
from edge_runtime.counting.rest import rest_bound
from edge_runtime.counting.tails import BetaTails

_NODES = 28
_MOST = 10_000_000  # cells a bound is looked for among


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance (Cohen 1960).

    Attributes:
        value: -1..1, 1 for full agreement; None where both gave all cells one and the same verdict.
        low: lower end of the interval; None with ``value``.
        high: upper end; None with ``value``.
        level: confidence.
        agreed: share of cells with the same verdict, 0..1.
        cells: cells that both looked at.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    agreed: float
    cells: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class MissedByBoth:
    """Infected cells among those that two reviewers looked at.

    Attributes:
        both: cells that both called infected.
        only_first: cells that the first alone did.
        only_second: cells that the second alone did.
        estimate: cells that both missed, not rounded; 0 or more.
        most: upper bound of these, whole cells.
        level: confidence of the bound, one-sided.
    """

    both: int
    only_first: int
    only_second: int
    estimate: float
    most: int
    level: float

    @property
    def total(self) -> float:
        """Estimated infected cells among those looked at."""
        return self.both + self.only_first + self.only_second + self.estimate

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the total included."""
        return {**asdict(self), "total": self.total}


def kappa(table: Sequence[Sequence[int]], level: float = 0.95) -> Kappa:
    """Cohen's kappa of two reviewers, with the standard error of Fleiss, Cohen and Everitt (1969).

    Args:
        table: cells by the first reviewer's verdict (rows) and the second's (columns); square, 2 by 2 or more.
        level: confidence.

    Raises:
        ValueError: the table is not square, has a negative count, or no cell.
    """
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2 or (counts < 0).any():
        raise ValueError(f"Verdicts of two reviewers make a square table of counts, not {counts.tolist()}.")
    cells = int(counts.sum())
    if not cells:
        raise ValueError("No cell was looked at by both reviewers.")
    shares = counts / cells
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    agreed, chance = float(np.trace(shares)), float(rows @ columns)
    z = normal_quantile((1 + checked_level(level)) / 2)
    if chance >= 1 - 1e-12:
        return Kappa(None, None, None, level, agreed, cells)
    value = (agreed - chance) / (1 - chance)
    # rows + columns of each entry as seen from its verdicts exchanged
    crossed = columns[:, None] + rows
    on = float((np.diag(shares) * (1 - (rows + columns) * (1 - value)) ** 2).sum())
    off = (1 - value) ** 2 * float((shares * crossed**2 * (1 - np.eye(len(shares)))).sum())
    variance = (on + off - (value - chance * (1 - value)) ** 2) / (cells * (1 - chance) ** 2)
    half = z * math.sqrt(max(variance, 0.0))
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half), level, agreed, cells)


def missed_by_both(both: int, only_first: int, only_second: int, level: float = 0.95) -> MissedByBoth:
    """Lincoln and Petersen's estimate in Chapman's form (1951): ``only_first x only_second / (both + 1)``.

    It takes the reviewers as independent and all infected cells as equally easy to see; hard cells are missed by both
    more often, so the truth is rather higher. The bound is that of :func:`~edge_runtime.counting.rest.rest_bound` with
    the share that either reviewer finds, averaged over Jeffreys' distributions of each one's share of what the other
    found.

    Args:
        both: cells that both called infected, 0 or more.
        only_first: cells that the first alone did.
        only_second: cells that the second alone did.
        level: confidence of the bound.

    Raises:
        ValueError: a negative count, or a level out of range.
    """
    if min(both, only_first, only_second) < 0:
        raise ValueError(f"Cells are 0 or more, not {both}, {only_first} and {only_second}.")
    missing = [_missing(both, only) for only in (only_second, only_first)]
    found = 1 - np.outer(*missing).ravel()
    weights = np.outer(node_weights(_NODES), node_weights(_NODES)).ravel()
    seen = both + only_first + only_second
    rest = rest_bound(seen, _MOST, 0, found, weights, checked_level(level))
    return MissedByBoth(both, only_first, only_second, only_first * only_second / (both + 1), rest.infected, level)


def _missing(both: int, only_other: int) -> np.ndarray:
    """Nodes of the share of infected cells that a reviewer misses, by those that the other found."""
    share = BetaTails(only_other + 0.5, both + 0.5)
    return RateDistribution(share.rates, share.weights).nodes(_NODES)
