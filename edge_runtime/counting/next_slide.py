"""The rate that the next slide may have, given slides of known truth: a distribution, read as quantile nodes.

A slide's rate is taken as gamma distributed around a mean, so its count of called cells is negative binomial (the rare
event form of the beta-binomial). Mean and spread are both weighed on a grid by their likelihood, because a handful of
slides fixes neither. Tails are averaged over the nodes with their weights: nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_runtime.counting.intervals import normal_quantile
from edge_runtime.counting.known_slides import KnownSlides
from edge_runtime.counting.tails import BetaTails

# Coefficients of variation between slides, 0 (no spread) first; weights make the squared coefficient uniform, the
# choice under which the share of next slides beyond the 2.5 % points came closest to 2.5 % in simulation.
_SPREADS = np.array([0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0])
_SPREAD_WEIGHTS = np.gradient(_SPREADS) * (_SPREADS + 0.05)
_STEPS = np.linspace(-8.0, 6.0, 113)  # of the logarithm of the mean, in its standard errors
_NEGLIGIBLE = 1e-9  # of the weights of a grid, against the greatest
_BIN = 0.01  # of the logarithm of a rate
_BELOW, _ABOVE = 30.0, 8.0  # logarithms around the pooled rate; what lies farther out goes to the outermost bin
_UNIT_NODES, _WIDENED_NODES = 40, 96  # of a slide's own rate around the mean, and with a factor of elsewhere
# closes the gaps of the grid where slides do not differ
_WITHIN = (np.arange(8) - 3.5) / 8 * (_STEPS[1] - _STEPS[0])
OUTERMOST = 5.5  # normal score of the outermost nodes


@dataclass(frozen=True, eq=False)
class RateDistribution:
    """A distribution of a rate in narrow classes, ascending.

    Attributes:
        rates: mean rate of each class, 0..1; float64 [k].
        weights: probability of each class; float64 [k], summing to 1.
    """

    rates: np.ndarray
    weights: np.ndarray

    def nodes(self, count: int) -> np.ndarray:
        """Quantiles that :func:`node_weights` belong to; float64 [count], ascending."""
        return _quantiles(self.rates, self.weights, _probabilities(count))

    def at(self, scores: np.ndarray) -> np.ndarray:
        """Quantiles of these normal scores; float64, of their shape."""
        return _quantiles(self.rates, self.weights, _normal(scores))

    def quantile(self, probability: float) -> float:
        """The rate not exceeded with this probability, 0..1."""
        return float(_quantiles(self.rates, self.weights, np.array(probability)))

    @classmethod
    def fixed(cls, rate: float) -> RateDistribution:
        """A rate known without doubt."""
        return cls(np.array([rate]), np.array([1.0]))


@lru_cache(maxsize=8)
def node_weights(count: int) -> np.ndarray:
    """Weights of ``count`` quantile nodes; float64 [count], summing to 1.

    The nodes are the quantiles whose normal scores are evenly spaced: the trapezoidal rule over the score, which for
    tails that vary slowly from node to node converges faster than any power of their number.
    """
    weights = np.exp(-(_scores(count) ** 2) / 2)
    return np.asarray(weights / weights.sum())


@lru_cache(maxsize=32)
def next_slide(known: KnownSlides, widening: float = 1.0) -> RateDistribution:
    """Rate that the next slide may have.

    Without spread it follows Beta(x + 1/2, n - x + 1/2), Jeffreys' distribution of one common rate. With spread, of
    whatever is rarer (called or not called): mean and coefficient of variation from their joint weights (Jeffreys'
    prior of the negative binomial mean; squared coefficient uniform up to 9), then a gamma distributed rate.

    Args:
        known: slides of known truth.
        widening: 1 where they come from the place that the next slide comes from. With slides of elsewhere, the factor
            by which the rarer rate there may be off in either direction (95 %, lognormal).
    """
    if not known.spread:
        x, n = sum(known.positives), sum(known.cells)
        beta = BetaTails(x + 0.5, n - x + 0.5)
        return RateDistribution(beta.rates, beta.weights)
    if known.rate > 0.5:
        missed = tuple(n - x for x, n in zip(known.positives, known.cells, strict=True))
        rates, weights = _gamma_rates(missed, known.cells, widening)
        return RateDistribution(1 - rates[::-1], weights[::-1])
    return RateDistribution(*_gamma_rates(known.positives, known.cells, widening))


def _gamma_rates(positives: Sequence[int], cells: Sequence[int], widening: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes of the rate, and their weights."""
    means, weights, error = _grid_of_means(positives, cells)
    centre = math.log((sum(positives) + 0.5) / sum(cells))
    first = int((centre - _BELOW) / _BIN) - 1
    bins = int(min(-first * _BIN, centre + _ABOVE - first * _BIN) / _BIN) + 2
    total, moment = np.zeros(bins), np.zeros(bins)
    for spread, row, weight in zip(_SPREADS.tolist(), means, weights, strict=True):
        kept = weight > _NEGLIGIBLE * weights.max()
        if not kept.any():
            continue
        units = _unit_nodes(spread, widening) if spread or widening > 1 else np.exp(error * _WITHIN)
        rates = np.minimum(row[kept][:, None] * units, 1.0).ravel()
        share = node_weights(len(units)) if len(units) > len(_WITHIN) else np.full(len(units), 1 / len(units))
        parts = (weight[kept][:, None] * share).ravel()
        places = np.clip((np.log(np.maximum(rates, 1e-300)) / _BIN).astype(np.intp) - first, 0, bins - 1)
        total += np.bincount(places, parts, bins)
        moment += np.bincount(places, parts * rates, bins)
    filled = total > 0
    return moment[filled] / total[filled], total[filled] / total.sum()


def _grid_of_means(positives: Sequence[int], cells: Sequence[int]) -> tuple[np.ndarray, np.ndarray, float]:
    """Means for each spread, how well the known slides bear each out, and the standard error without spread.

    The first two float64 [spreads, steps]; the error is of the mean's logarithm.
    """
    total, looked, slides = sum(positives), sum(cells), len(cells)
    (x, n), times = np.unique(np.array([positives, cells]), axis=1, return_counts=True)
    widths = np.sqrt(1 / (total + 0.5) + _SPREADS**2 / slides)
    means = (total + 0.5) / looked * np.exp(widths[:, None] * _STEPS)
    logs = np.stack([_log_likelihood(x, n, times, mean, cv) for mean, cv in zip(means, _SPREADS, strict=True)])
    # Prior in the logarithm of the mean: mean^(1/2), less where the spread between slides outweighs chance.
    logs += 0.5 * np.log(means) - 0.5 * np.log1p(_SPREADS[:, None] ** 2 * means * looked / slides)
    logs += np.log(widths * _SPREAD_WEIGHTS)[:, None]
    logs[means > 1] = -np.inf
    return means, np.exp(logs - logs.max()), float(widths[0])


def _log_likelihood(x: np.ndarray, n: np.ndarray, times: np.ndarray, mean: np.ndarray, cv: float) -> np.ndarray:
    """Of Poisson (cv = 0) or negative binomial counts, less the common ln x!: [means]."""
    expected = mean[:, None] * n
    if cv == 0:
        terms = x * np.log(expected) - expected
    else:
        shape = 1 / cv**2
        rising = np.array([math.lgamma(shape + v) - math.lgamma(shape) for v in x.tolist()])
        terms = rising + x * np.log(expected / (shape + expected)) - shape * np.log1p(expected / shape)
    return np.asarray((terms * times).sum(axis=1))


@lru_cache(maxsize=128)
def _unit_nodes(cv: float, widening: float) -> np.ndarray:
    """Quantile nodes of a gamma rate of mean 1, times a lognormal factor of median 1; of one alone where cv is 0."""
    nodes = _UNIT_NODES if widening == 1 else _WIDENED_NODES
    gamma, factors = np.ones(1), np.ones(1)
    if cv > 0:
        shape = 1 / cv**2
        # of y, the logarithm of the rate, from where 1e-12 lies below to where the density is nil
        y = np.linspace(-(28 + math.log1p(shape)) / shape - 1, math.log1p(12 * cv + 30 * cv * cv), 8_000)
        log_density = shape * (y - np.exp(y))
        gamma = _quantiles(np.exp(y), np.exp(log_density - log_density.max()), _probabilities(nodes))
    if widening > 1:
        factors = np.exp(math.log(widening) / normal_quantile(0.975) * _scores(nodes))
    if len(gamma) == 1 or len(factors) == 1:
        return gamma * factors
    share = node_weights(nodes)
    products, weights = np.outer(gamma, factors).ravel(), np.outer(share, share).ravel()
    order = np.argsort(products)
    return _quantiles(products[order], weights[order], _probabilities(nodes))


def _quantiles(rates: np.ndarray, weights: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of ascending rates with weights, interpolated between the middles of their classes."""
    sums = np.cumsum(weights)
    return np.asarray(np.interp(probabilities * sums[-1], sums - weights / 2, rates))


def _scores(count: int) -> np.ndarray:
    return np.linspace(-OUTERMOST, OUTERMOST, count) if count > 1 else np.zeros(1)


@lru_cache(maxsize=8)
def _probabilities(count: int) -> np.ndarray:
    return _normal(_scores(count))


def _normal(scores: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    return np.array([math.erfc(-score / math.sqrt(2)) / 2 for score in scores.tolist()])
