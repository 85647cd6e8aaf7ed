"""Ends of a confidence interval for a share seen through an uncertain blank rate and sensitivity: melding, no draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.counting.next_slide import RateDistribution, node_weights
from edge_runtime.counting.tails import BinomialTails, log_mean

NODES = 64  # of the one rate that is uncertain
_NODES_OF_TWO = 28  # of each, where both are
_PRECISION = 1e-8  # of an end, relative
_MOST_STEPS = 100


@dataclass(frozen=True, eq=False)
class Optics:
    """What a count is seen through, on nodes: a cell is called with probability ``blank + gain x share``.

    Attributes:
        blank: blank rates, 0..1; float64 [k].
        gain: sensitivity less blank rate, 0 where a node's model tells nothing apart; float64 [k].
        weights: of the nodes; float64 [k], summing to 1.
    """

    blank: np.ndarray
    gain: np.ndarray
    weights: np.ndarray

    def rates(self, share: float) -> np.ndarray:
        """Probability to call a cell when ``share`` of them are infected; float64 [k]."""
        return np.minimum(self.blank + self.gain * share, 1.0)

    def quantile(self, rate: float, probability: float) -> float:
        """Share not exceeded with this probability where cells are called at ``rate``, known without doubt.

        Below 0 where the blank alone exceeds the rate; infinite where nothing could be told apart.
        """
        excess = rate - self.blank
        none = np.where(excess > 0, np.inf, 0.0)
        shares = np.where(self.gain > 0, excess / np.where(self.gain > 0, self.gain, 1.0), none)
        order = np.argsort(shares)
        sums = np.cumsum(self.weights[order])
        place = min(int(np.searchsorted(sums, probability * sums[-1])), len(sums) - 1)
        return float(shares[order[place]])

    @property
    def typical_gain(self) -> float:
        """Mean gain, 0..1."""
        return float(self.gain @ self.weights)


def optics(blank: RateDistribution, found: RateDistribution) -> Optics:
    """Nodes of blank rate and sensitivity, taken as unrelated."""
    uncertain = [len(one.rates) > 1 for one in (blank, found)]
    nodes = _NODES_OF_TWO if all(uncertain) else NODES
    first, second = (nodes if one else 1 for one in uncertain)
    blanks, founds = blank.nodes(first)[:, None], found.nodes(second)
    weights = node_weights(first)[:, None] * node_weights(second)
    gain = np.maximum(founds - blanks, 0.0)
    return Optics(np.broadcast_to(blanks, gain.shape).ravel(), gain.ravel(), weights.ravel())


def melded_ends(infected: int, counted: int, seen: Optics, level: float) -> tuple[float, float]:
    """Ends of the two-sided interval of the share of infected cells.

    A share t is rejected when a count so large, or so small, has mid-P probability below half of ``1 - level``,
    averaged over blank rate and sensitivity (Cousins and Highland 1992; as binomial tails are beta tails, it is the
    melding of Fay, Proschan and Brittain 2015). For the upper end the probability is divided by that at t = 0 (Read
    2002), so that a count below the expected blank never passes for proof of fewer parasites than the same count
    without any blank. With no cell called and a sensitivity of 1 that end is ``1 - ((1 - level) / 2)^(1 / counted)``,
    whatever the blank.

    Args:
        infected: cells called infected, 0..counted.
        counted: cells, 1 or more.
        seen: see :func:`optics`.
        level: confidence, above 0 and below 1.

    Returns:
        Two shares, 0..1, the lower one first.
    """
    tails = BinomialTails(infected, counted)
    tail = math.log((1 - level) / 2)
    none = log_mean(tails.log_at_most(seen.rates(0.0)), seen.weights)
    scale = (infected + 5 + 4 * math.sqrt(infected)) / counted / max(seen.typical_gain, 1e-9)

    def more(share: float) -> float:
        return log_mean(tails.log_at_least(seen.rates(share)), seen.weights) - tail

    def fewer(share: float) -> float:
        return tail + none - log_mean(tails.log_at_most(seen.rates(share)), seen.weights)

    low = 0.0 if infected == 0 else rising_root(more, scale)
    return low, max(low, rising_root(fewer, scale))


def rising_root(function: Callable[[float], float], guess: float) -> float:
    """Where a rising function of a share crosses 0; 0 or 1 where it is above, or below, all the way.

    By doubling or halving from ``guess`` to a bracket, then by inverse quadratic steps in it (Chandrupatla 1997).
    """
    high = min(guess, 1.0)
    value_high = function(high)
    while value_high < 0:
        if high >= 1:
            return 1.0
        low, value_low, high = high, value_high, min(2 * high, 1.0)
        value_high = function(high)
        if value_high >= 0:
            return _chandrupatla(function, low, high, value_low, value_high)
    if function(0.0) >= 0:
        return 0.0
    low = high / 2
    value_low = function(low)
    while value_low >= 0:
        high, value_high, low = low, value_low, low / 2
        value_low = function(low)
    return _chandrupatla(function, low, high, value_low, value_high)


def _chandrupatla(function: Callable[[float], float], low: float, high: float, below: float, above: float) -> float:
    """Root between two shares with finite values of different sign."""
    a, b, fa, fb = high, low, above, below
    c, fc = a, fa
    step = 0.5
    for _ in range(_MOST_STEPS):
        x = a + step * (b - a)
        fx = function(x)
        if (fx < 0) == (fa < 0):
            c, fc = a, fa
        else:
            c, b, fc, fb = b, a, fb, fa
        a, fa = x, fx
        best, value = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        tolerance = _PRECISION * abs(best) / max(abs(b - a), 1e-300)
        if tolerance > 0.5 or value == 0:
            return best
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        step = 0.5
        if phi * phi < xi and (1 - phi) ** 2 < 1 - xi:
            step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        step = min(1 - tolerance, max(tolerance, step))
    return best
