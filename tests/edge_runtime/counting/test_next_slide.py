"""What known slides say about the next one, as nodes with weights."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.counting import KnownSlides
from edge_runtime.counting.next_slide import RateDistribution, next_slide, node_weights
from tests.edge_runtime.counting.by_scipy import mixture_cdf

FEW = KnownSlides((3, 5, 2, 6, 4, 3, 8, 1, 2, 6), (1_000,) * 10)


def test_weights_of_nodes_are_probabilities_with_far_tails() -> None:
    for count in (48, 128):
        weights = node_weights(count)
        assert len(weights) == count and weights.sum() == pytest.approx(1, abs=1e-14)
        assert weights[0] == pytest.approx(weights[-1]) and weights[0] < 1e-6 < 0.02 < weights.max()
    assert node_weights(1).tolist() == [1]


def test_few_nodes_average_as_well_as_many_classes() -> None:
    """Probability of 3 called cells at most among 1,000, over rates of Beta(4, 996): a beta-binomial sum."""
    stats = pytest.importorskip("scipy.stats")
    edges = np.linspace(0, 0.03, 4_001)
    weights = np.diff(stats.beta(4, 996).cdf(edges))
    rates = RateDistribution((edges[1:] + edges[:-1]) / 2, weights / weights.sum())
    for count in (28, 64):
        tail = stats.binom.cdf(3, 1_000, rates.nodes(count)) @ node_weights(count)
        assert tail == pytest.approx(stats.betabinom.cdf(3, 1_000, 4, 996), rel=1e-4)
    assert RateDistribution.fixed(0.3).nodes(1).tolist() == [0.3]


def test_without_spread_the_rate_follows_jeffreys() -> None:
    stats = pytest.importorskip("scipy.stats")
    found, truth = next_slide(KnownSlides((3, 6), (1_000, 2_000), spread=False)), stats.beta(9.5, 2_991.5)
    for share in (0.0001, 0.025, 0.5, 0.975, 0.9999):
        assert found.quantile(share) == pytest.approx(truth.ppf(share), rel=0.005)
    assert found.rates @ found.weights == pytest.approx(truth.mean(), rel=1e-9)


@pytest.mark.parametrize(
    ("known", "lowest"),
    [(FEW, 0.001), (KnownSlides((0, 0, 0), (800, 900, 1_000)), 0.5), (KnownSlides((5, 4, 7, 3, 6), (500,) * 5), 0.001)],
)
def test_the_spread_is_the_mixture_of_gamma_rates_that_scipy_sums(known: KnownSlides, lowest: float) -> None:
    found = next_slide(known)
    for share in (lowest, 0.6, 0.9, 0.975, 0.999):
        # a hundredth of the rate is the width of a class
        rate = found.quantile(share)
        assert mixture_cdf(known, 0.99 * rate) - 2e-3 <= share <= mixture_cdf(known, 1.01 * rate) + 2e-3


def test_many_slides_leave_only_their_own_spread() -> None:
    """With 2,000 slides the next rate follows the gamma distribution that they came from."""
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(2)
    called = generator.binomial(5_000, generator.gamma(1.0, 0.004, 2_000))
    found = next_slide(KnownSlides(tuple(called.tolist()), (5_000,) * 2_000))
    truth = stats.gamma(1.0, scale=0.004)
    for share in (0.025, 0.5, 0.95, 0.975):
        assert truth.cdf(found.quantile(share)) == pytest.approx(share, abs=0.02)


def test_few_slides_leave_more_than_many() -> None:
    few, many = KnownSlides((2, 1, 3), (1_000,) * 3), KnownSlides((2, 1, 3) * 20, (1_000,) * 60)
    assert next_slide(few).quantile(0.95) > 1.5 * next_slide(many).quantile(0.95)


def test_a_sensitivity_keeps_its_side() -> None:
    """The rarer outcome carries the spread: 90 % called is 10 % missed."""
    found = next_slide(KnownSlides((95, 85, 90, 88, 92), (100,) * 5))
    assert 0.87 < found.quantile(0.5) < 0.92
    assert found.rates.min() >= 0 and found.rates.max() <= 1
    assert (np.diff(found.rates) >= 0).all() and found.weights.sum() == pytest.approx(1)


def test_slides_of_elsewhere_may_be_off_by_a_factor() -> None:
    """With slides without number and without spread, the factor alone is left: lognormal, 95 % within it."""
    known = KnownSlides((9_000,) * 200, (10_000,) * 200)
    missed = [1 - next_slide(known, 3.0).quantile(share) for share in (0.975, 0.5, 0.025)]
    assert missed == pytest.approx([0.1 / 3, 0.1, 0.3], rel=0.04)
    assert 1 - next_slide(known).quantile(0.025) < 0.11
