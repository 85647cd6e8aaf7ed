"""Beta and binomial tails of many rates at once, precise far out, without SciPy."""

from __future__ import annotations

import math

import numpy as np

_CELLS = 512
_REACH = 37.0  # standard deviations tabulated to each side; farther out a float no longer holds the density
_LEAST = 1e-300
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(5)


class BetaTails:
    """Distribution function of Beta(a, b) from both sides: tabulated once, then read for any number of rates.

    The table runs over the angle whose squared sine is the rate (Fisher's variance-stabilising transform), in which the
    density is smooth to both ends and nearly normal with standard deviation 1 / (2 sqrt(a + b)). Its cells are
    integrated by Gauss and Legendre's rule; between them the logarithm of a tail, less that of its leading power, is
    interpolated with its known slope (Hermite's cubic); farther out stands Mills' ratio. Relative error of a tail:
    below 1e-6 where it is above 1e-30, 1e-4 beyond.

    Args:
        a: above 0, a whole or half number.
        b: likewise.

    Attributes:
        rates: mean rate of each cell of the table, ascending; float64 [512].
        weights: probability of each cell; they sum to 1.
    """

    rates: np.ndarray
    weights: np.ndarray

    def __init__(self, a: float, b: float) -> None:
        middle, deviation = math.atan2(math.sqrt(a), math.sqrt(b)), 0.5 / math.sqrt(a + b)
        first = max(0.0, middle - _REACH * deviation)
        last = min(math.pi / 2, middle + _REACH * deviation)
        edges = np.linspace(first, last, _CELLS + 1)
        inner = edges[:-1, None] + (last - first) / _CELLS * (1 + _POINTS) / 2
        squares = np.sin(inner) ** 2
        logs = (a - 0.5) * np.log(squares) + (b - 0.5) * np.log1p(-squares)
        peak = float(logs.max())
        parts = np.exp(logs - peak) * _WEIGHTS
        cells = parts.sum(axis=1)
        total = float(cells.sum())
        self.weights = cells / total
        self.rates = (parts * squares).sum(axis=1) / np.maximum(cells, _LEAST)
        scale = -peak - math.log(total * (last - first) / _CELLS / 2)
        self._lower = _Tail(a, b, scale, edges, self.weights)
        self._upper = _Tail(b, a, scale, math.pi / 2 - edges[::-1], self.weights[::-1])

    def log_cdf(self, rates: np.ndarray) -> np.ndarray:
        """Logarithm of the probability below each rate (0..1); -inf at 0."""
        return self._lower.read(np.arcsin(np.sqrt(rates)))

    def log_sf(self, rates: np.ndarray) -> np.ndarray:
        """Logarithm of the probability above each rate (0..1); -inf at 1."""
        return self._upper.read(math.pi / 2 - np.arcsin(np.sqrt(rates)))


class BinomialTails:
    """Tails of a binomial count for many rates at once, with half the probability of the count itself (mid-P).

    Args:
        infected: the count x, 0..counted.
        counted: the number n, 1 or more.
    """

    def __init__(self, infected: int, counted: int) -> None:
        self._x, self._n = infected, counted
        self._ways = math.lgamma(counted + 1) - math.lgamma(infected + 1) - math.lgamma(counted - infected + 1)
        # P(X > x | p) = P(Beta(x + 1, n - x) < p)
        self._beta = BetaTails(infected + 1, counted - infected) if infected < counted else None

    def log_at_most(self, rates: np.ndarray) -> np.ndarray:
        """Logarithm of P(X < x) + P(X = x) / 2 at each rate, 0..1."""
        whole = np.zeros_like(rates) if self._beta is None else self._beta.log_sf(rates)
        with np.errstate(invalid="ignore"):
            share = np.exp(self._log_equal(rates) - whole)  # of the tail; rounding must not lift it above 1
        return whole + np.log1p(-0.5 * np.minimum(np.where(np.isnan(share), 1.0, share), 1.0))

    def log_at_least(self, rates: np.ndarray) -> np.ndarray:
        """Logarithm of P(X > x) + P(X = x) / 2 at each rate, 0..1."""
        half = self._log_equal(rates) - math.log(2)
        return half if self._beta is None else np.logaddexp(half, self._beta.log_cdf(rates))

    def _log_equal(self, rates: np.ndarray) -> np.ndarray:
        """Logarithm of P(X = x)."""
        logs = np.full_like(rates, self._ways)
        with np.errstate(divide="ignore"):
            if self._x:
                logs += self._x * np.log(rates)
            if self._x < self._n:
                logs += (self._n - self._x) * np.log1p(-rates)
        return logs


def log_mean(logs: np.ndarray, weights: np.ndarray) -> float:
    """Logarithm of the weighted mean of exp(logs); -inf where all are.

    Args:
        logs: float64 [k].
        weights: float64 [k], summing to 1.
    """
    peak = float(logs.max())
    return peak if math.isinf(peak) else peak + math.log(float(np.exp(logs - peak) @ weights))


class _Tail:
    """Lower tail of the density exp(scale) sin(angle)^(2a - 1) cos(angle)^(2b - 1)."""

    def __init__(self, a: float, b: float, scale: float, edges: np.ndarray, weights: np.ndarray) -> None:
        self._a, self._b, self._scale = a, b, scale
        self._first, self._step = float(edges[0]), float(edges[1] - edges[0])
        before = np.exp(self._far_out(edges[:1])) if self._first else np.zeros(1)
        sums = np.cumsum(np.concatenate([before, weights]))
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.log(sums) - 2 * a * np.log(np.sin(edges))
            slope = (np.exp(self._log_density(edges) - np.log(sums)) - 2 * a / np.tan(edges)) * self._step
        unsafe = int(np.searchsorted(sums, _LEAST)) if self._first else 0
        if self._first == 0.0:
            rest[0], slope[0] = scale - math.log(2 * a), 0.0  # the tail there is exp(scale) angle^2a / 2a
            # the rule of integration is exact to the ninth power of the angle, and good once a cell is a small step
            unsafe = 0 if a <= 5 else max(int(np.searchsorted(sums, _LEAST)), math.ceil(2 * a / 5))
        self._from = float(edges[min(unsafe, _CELLS)])  # angle from which the table holds
        with np.errstate(invalid="ignore"):
            rise = np.diff(rest)
            square, cube = 3 * rise - 2 * slope[:-1] - slope[1:], slope[:-1] + slope[1:] - 2 * rise
        self._cubic = np.stack((cube, square, slope[:-1], rest[:-1]), axis=1)

    def read(self, angles: np.ndarray) -> np.ndarray:
        """Logarithm of the tail below each angle, 0..pi/2."""
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.clip((angles - self._first) / self._step, 0.0, _CELLS)
            cells = np.minimum(places.astype(np.intp), _CELLS - 1)
            third, second, first, rest = self._cubic[cells].T
            u = places - cells
            logs = ((third * u + second) * u + first) * u + rest + 2 * self._a * np.log(np.sin(angles))
            beyond = angles < self._from
            if beyond.any():
                logs[beyond] = self._far_out(angles[beyond])
        logs[places >= _CELLS] = 0.0
        return np.asarray(np.minimum(logs, 0.0))

    def _far_out(self, angles: np.ndarray) -> np.ndarray:
        """Mills' ratio to the second order: the density over g' - g'' / g', g its logarithm; exact towards angle 0."""
        a, b = 2 * self._a - 1, 2 * self._b - 1
        tangents = np.maximum(np.tan(angles), 1e-120)  # at angle 0 the density alone says 0
        steep = a / tangents - b * tangents
        bend = -a * (1 + tangents**-2) - b * (1 + tangents**2)
        return np.asarray(self._log_density(angles) - np.log(steep - bend / steep))

    def _log_density(self, angles: np.ndarray) -> np.ndarray:
        logs = np.full_like(angles, self._scale)
        with np.errstate(divide="ignore"):
            if self._a != 0.5:
                logs += (2 * self._a - 1) * np.log(np.sin(angles))
            if self._b != 0.5:
                logs += (2 * self._b - 1) * np.log(np.maximum(np.cos(angles), 0.0))
        return logs
