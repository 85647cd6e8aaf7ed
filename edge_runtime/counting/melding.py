"""Ends of a confidence interval for a share seen through an uncertain blank rate and sensitivity: melding, no draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_runtime.counting.next_slide import OUTERMOST, RateDistribution, node_weights
from edge_runtime.counting.tails import BinomialTails, log_mean

NODES = 256  # of the one rate that is uncertain
_FIBONACCI = (610, 987)  # neighbours; the second is the number of nodes where two rates are
_NEGLIGIBLE = 1e-7  # weight of a node, against one of two medians
_PRECISION = 1e-8  # of an end, relative
_MOST_STEPS = 100
_ENDLESS = 1e9


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

        Below 0 where the blank alone exceeds the rate; far above 1 where nothing could be told apart.
        """
        excess = rate - self.blank
        none = np.where(excess > 0, _ENDLESS, 0.0)
        shares = np.where(self.gain > 0, excess / np.where(self.gain > 0, self.gain, 1.0), none)
        order = np.argsort(shares)
        sums, ordered = np.cumsum(self.weights[order]), np.minimum(shares[order], _ENDLESS)
        return float(np.interp(probability * sums[-1], sums - self.weights[order] / 2, ordered))

    @property
    def typical_gain(self) -> float:
        """Mean gain, 0..1."""
        return float(self.gain @ self.weights)


def optics(blank: RateDistribution, found: RateDistribution) -> Optics:
    """Nodes of blank rate and sensitivity, taken as unrelated: quantiles of evenly spaced normal scores.

    Where both are uncertain the pairs of scores are those of a Fibonacci lattice, which has as many different values of
    each as it has points; so a tail that is sharp in one of them is averaged as finely as a smooth one.
    """
    if len(blank.rates) > 1 and len(found.rates) > 1:
        scores, weights = _lattice()
        blanks, founds = blank.at(scores[0]), found.at(scores[1])
    else:
        blanks, founds = (one.nodes(NODES if len(one.rates) > 1 else 1) for one in (blank, found))
        weights = node_weights(max(len(blanks), len(founds)))
        blanks, founds = np.broadcast_arrays(blanks, founds)
    return Optics(blanks, np.maximum(founds - blanks, 0.0), weights)


@lru_cache(maxsize=1)
def _lattice() -> tuple[np.ndarray, np.ndarray]:
    """Pairs of normal scores float64 [2, k], and their weights float64 [k], summing to 1."""
    points = np.arange(_FIBONACCI[1]) + 0.5
    places = np.stack([points, points * _FIBONACCI[0] % _FIBONACCI[1]]) / _FIBONACCI[1]
    scores = OUTERMOST * (2 * places - 1)
    weights = np.exp(-(scores**2).sum(axis=0) / 2)
    kept = weights > _NEGLIGIBLE
    return scores[:, kept], weights[kept] / weights[kept].sum()


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
