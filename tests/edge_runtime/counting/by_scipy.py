"""The counting statistics over again by SciPy and plain sums, sharing nothing with the code but the priors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from edge_runtime.counting import KnownSlides

SPREADS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


@lru_cache(maxsize=8)
def components(known: KnownSlides) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, coefficients of variation and means of the gamma distributions of the next slide's rate."""
    stats = pytest.importorskip("scipy.stats")
    total, looked, slides = sum(known.positives), sum(known.cells), len(known.cells)
    rows = []
    for cv, gap in zip(SPREADS, np.gradient(SPREADS), strict=True):
        error = (1 / (total + 0.5) + cv**2 / slides) ** 0.5
        means = (total + 0.5) / looked * np.exp(error * np.arange(-8, 6.01, 0.25))
        means = means[means <= 1]
        expected = means[:, None] * np.array(known.cells)
        counts = stats.nbinom(1 / cv**2, 1 / (1 + cv**2 * expected)) if cv else stats.poisson(expected)
        prior = gap * (cv + 0.05) * error * np.sqrt(means / (1 + cv**2 * means * looked / slides))
        rows.append((prior * counts.pmf(known.positives).prod(axis=1), np.full(len(means), cv), means))
    weights, spreads, means = (np.concatenate(column) for column in zip(*rows, strict=True))
    kept = weights > 1e-10 * weights.sum()
    return weights[kept] / weights[kept].sum(), spreads[kept], means[kept]


def mixture_cdf(known: KnownSlides, rate: float) -> float:
    """Probability that the next slide's rate is ``rate`` at most."""
    special = pytest.importorskip("scipy.special")
    weights, spreads, means = components(known)
    shapes = 1 / np.maximum(spreads, 1e-9) ** 2
    below = np.where(spreads > 0, special.gammainc(shapes, shapes * rate / means), means <= rate)
    return float(weights @ below)


@lru_cache(maxsize=8)
def points(known: KnownSlides, cuts: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Rates of the next slide and their weights, each distribution cut at evenly spaced normal scores."""
    stats = pytest.importorskip("scipy.stats")
    if known.spread and known.rate > 0.5:
        missed = tuple(n - x for x, n in zip(known.positives, known.cells, strict=True))
        rates, parts = points(KnownSlides(missed, known.cells), cuts)
        return 1 - rates, parts
    scores = np.linspace(-5, 5, cuts)
    share = stats.norm.pdf(scores) / stats.norm.pdf(scores).sum()
    if not known.spread:
        x, n = sum(known.positives), sum(known.cells)
        return stats.beta(x + 0.5, n - x + 0.5).ppf(stats.norm.cdf(scores)), share
    weights, spreads, means = components(known)
    rates, parts = means[spreads == 0], weights[spreads == 0]
    for cv in SPREADS[1:]:
        units = stats.gamma(1 / cv**2, scale=cv**2).ppf(stats.norm.cdf(scores))
        rates = np.append(rates, np.outer(means[spreads == cv], units))
        parts = np.append(parts, np.outer(weights[spreads == cv], share))
    kept = parts > 1e-9
    return np.minimum(rates[kept], 1.0), parts[kept] / parts[kept].sum()


def interval(
    infected: int, counted: int, blanks: tuple[np.ndarray, np.ndarray], found: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float]:
    """Both ends at 95 %, mid-P averaged over rates with weights; the upper one given that there is room for parasites."""
    special, optimize = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.optimize")
    blank, gain = blanks[0][:, None], np.maximum(found[0] - blanks[0][:, None], 0)
    weights = blanks[1][:, None] * found[1]

    def fewer(share: float) -> float:
        rates = np.minimum(blank + gain * share, 1)
        at_most = [
            special.bdtr(count, counted, rates) if count >= 0 else 0 * rates for count in (infected - 1, infected)
        ]
        return float((sum(at_most) / 2 * weights).sum())

    none = fewer(0.0)
    high = optimize.brentq(lambda share: fewer(share) / none - 0.025, 0, 1, rtol=1e-6, xtol=1e-12)
    low = 0.0
    if infected and 1 - none < 0.025:
        low = optimize.brentq(lambda share: 1 - fewer(share) - 0.025, 0, 1, rtol=1e-6, xtol=1e-12)
    return low, high


EXACTLY_ONE = (np.ones(1), np.ones(1))
EXACTLY_NONE = (np.zeros(1), np.ones(1))
