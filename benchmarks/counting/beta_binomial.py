"""A beta-binomial for counts of healthy patients: its fit, and the mean that so few called cells do not exclude."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FEW_CALLED = 3  # fewer called cells tell nothing of a spread between patients
ASSUMED_SPREAD = 1.0
_SPREADS = np.arange(0.0, 3.01, 0.1)
_FACTORS = np.exp(np.linspace(-2, 2, 81))  # of the mean, around the pooled rate
_RISK = 0.05


@dataclass(frozen=True)
class BlankFit:
    """How often healthy cells are called, and how far patients differ in it.

    Attributes:
        mean: of the rate between patients, 0..1.
        spread: its coefficient of variation between patients, 0..3.
        spread_known: False when fewer than :data:`FEW_CALLED` cells were called, and :data:`ASSUMED_SPREAD` stands in.
        positives: cells called.
        cells: cells looked at.
        patients: healthy patients.
        not_excluded: mean at which so few cells would be called with probability 5 %, for a spread of 0, 1, 2 and 3.
        upper: the same for :attr:`spread`.
    """

    mean: float
    spread: float
    spread_known: bool
    positives: int
    cells: int
    patients: int
    not_excluded: dict[float, float]
    upper: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        named = {f"{spread:g}": mean for spread, mean in self.not_excluded.items()}
        return {**asdict(self), "not_excluded": named}


def fit_blanks(called: Sequence[int], cells: Sequence[int]) -> BlankFit:
    """Fit mean and spread on a grid by likelihood, with Jeffreys' half a cell for the mean so that none is taken for 0.

    Args:
        called: one figure a healthy patient.
        cells: likewise, 1 or more.

    Raises:
        ValueError: no patient.
    """
    if not cells:
        raise ValueError("A blank rate needs a healthy patient.")
    x, n = sum(called), sum(cells)
    middle = (x + 0.5) / (n + 1)
    mean, spread, known = middle, ASSUMED_SPREAD, x >= FEW_CALLED
    if known:
        weights = {
            (mean, spread): _log_likelihood(called, cells, mean, spread) + 0.5 * math.log(mean * (1 - mean))
            for mean in np.minimum(middle * _FACTORS, 0.5).tolist()
            for spread in _SPREADS.tolist()
            if spread**2 * mean < 0.99 * (1 - mean)
        }
        mean, spread = max(weights, key=lambda pair: weights[pair])
    return BlankFit(
        mean=mean,
        spread=spread,
        spread_known=known,
        positives=x,
        cells=n,
        patients=len(cells),
        not_excluded={value: highest_mean(x, cells, value) for value in (0.0, 1.0, 2.0, 3.0)},
        upper=highest_mean(x, cells, spread),
    )


def beta_parameters(mean: float, spread: float) -> tuple[float, float] | None:
    """(a, b) of the beta distribution with this mean and coefficient of variation; None for no spread.

    ``variance = (spread mean)^2 = mean (1 - mean) / (a + b + 1)``

    Raises:
        ValueError: no beta distribution is so wide.
    """
    if spread == 0 or mean == 0:
        return None
    strength = (1 - mean) / (mean * spread**2) - 1
    if strength <= 0:
        raise ValueError(f"No share with mean {mean} has a coefficient of variation of {spread}.")
    return mean * strength, (1 - mean) * strength


def draw_rates(mean: float, spread: float, size: int, generator: np.random.Generator) -> np.ndarray:
    """Rates of ``size`` patients, float64 in 0..1."""
    parameters = beta_parameters(mean, spread)
    return np.full(size, mean) if parameters is None else generator.beta(*parameters, size)


def highest_mean(positives: int, cells: Sequence[int], spread: float, risk: float = _RISK) -> float:
    """Mean at which ``positives`` called cells or fewer, of all patients together, have probability ``risk``.

    With no spread this is the exact one-sided bound (Clopper and Pearson 1934).
    """
    low, high = 0.0, min(1.0, 0.99 / (1 + spread**2))
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(positives, cells, middle, spread) > risk:
            low = middle
        else:
            high = middle
    return high


def _at_most(positives: int, cells: Sequence[int], mean: float, spread: float) -> float:
    """Probability of so many called cells at most: the patients' distributions, convolved."""
    total = np.array([1.0])
    for count, patients in Counter(cells).items():
        power = _shares(positives, count, mean, spread)
        while patients:  # as many patients of one size, by squaring
            if patients % 2:
                total = np.convolve(total, power)[: positives + 1]
            patients //= 2
            if patients:
                power = np.convolve(power, power)[: positives + 1]
    return float(total.sum())


def _shares(most: int, cells: int, mean: float, spread: float) -> np.ndarray:
    """Probability of 0 to ``most`` called cells in one patient."""
    return np.array([math.exp(_log_share(x, cells, mean, spread)) for x in range(min(most, cells) + 1)])


def _log_likelihood(called: Sequence[int], cells: Sequence[int], mean: float, spread: float) -> float:
    pairs = Counter(zip(called, cells, strict=True))
    return math.fsum(times * _log_share(x, n, mean, spread) for (x, n), times in pairs.items())


def _log_share(x: int, n: int, mean: float, spread: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
    parameters = beta_parameters(mean, spread)
    if parameters is None:
        return ways + x * math.log(mean) + (n - x) * math.log1p(-mean)
    a, b = parameters
    return ways + _log_beta(a + x, b + n - x) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
