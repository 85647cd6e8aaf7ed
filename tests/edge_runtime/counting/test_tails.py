"""Beta and binomial tails, far out too, against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_runtime.counting.melding import rising_root
from edge_runtime.counting.tails import BetaTails, BinomialTails, log_mean


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.5, 0.5),
        (1, 1),
        (0.5, 5_000.5),
        (1, 5_000),
        (26, 4_975),
        (51, 999_951),
        (1_000, 1_000),
        (100.5, 3),
        (5_000, 1),
    ],
)
def test_beta_tails_agree_with_scipy(a: float, b: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    truth, tails = stats.beta(a, b), BetaTails(a, b)
    around = np.clip(truth.mean() + truth.std() * np.linspace(-30, 30, 601), 0, 1)
    rates = np.concatenate([around, 10.0 ** np.linspace(-9, -0.01, 200)])
    for got, right in ((tails.log_cdf(rates), truth.logcdf(rates)), (tails.log_sf(rates), truth.logsf(rates))):
        for least, precision in ((-69, 1e-6), (-500, 1e-4)):  # beyond, SciPy's own answers come apart
            assert got[right > least] == pytest.approx(right[right > least], abs=precision)
        assert not np.isnan(got).any() and (got <= 0).all()
    assert tails.weights.sum() == pytest.approx(1, abs=1e-12)
    assert tails.weights @ tails.rates == pytest.approx(truth.mean(), rel=1e-10)


def test_both_ends_of_the_range() -> None:
    tails = BetaTails(26, 4_975)
    ends = np.array([0.0, 1.0])
    assert tails.log_cdf(ends).tolist() == [-math.inf, 0]
    assert tails.log_sf(ends).tolist() == [0, -math.inf]


@pytest.mark.parametrize(("infected", "counted"), [(0, 10), (3, 10), (10, 10), (0, 5_000), (25, 5_000), (1, 1)])
def test_mid_p_tails_of_a_count_agree_with_scipy(infected: int, counted: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rates = np.concatenate([np.linspace(0, 1, 101), np.linspace(0, 0.02, 101)])
    equal = stats.binom.pmf(infected, counted, rates) / 2
    tails = BinomialTails(infected, counted)
    right = stats.binom.cdf(infected, counted, rates) - equal
    assert np.exp(tails.log_at_most(rates)) == pytest.approx(right, abs=1e-7)
    assert np.exp(tails.log_at_least(rates)) == pytest.approx(
        stats.binom.sf(infected, counted, rates) + equal, abs=1e-7
    )


def test_with_no_cell_called_the_tail_is_a_power_however_small() -> None:
    """Half of (1 - p)^n: what makes the upper end of a zero independent of the blank."""
    rates = np.array([0.001, 0.01, 0.1, 0.4])
    assert BinomialTails(0, 5_000).log_at_most(rates) == pytest.approx(5_000 * np.log1p(-rates) - math.log(2), abs=1e-4)


def test_means_of_logarithms() -> None:
    weights = np.array([0.25, 0.75])
    assert log_mean(np.log([0.2, 0.4]), weights) == pytest.approx(math.log(0.35))
    assert log_mean(np.array([-5_000.0, -5_001.0]), weights) == pytest.approx(-5_000 + math.log(0.25 + 0.75 / math.e))
    assert log_mean(np.array([-math.inf, -math.inf]), weights) == -math.inf


@pytest.mark.parametrize("root", [1e-9, 0.003, 0.5, 0.999])
@pytest.mark.parametrize("guess", [1e-4, 0.3, 2.0])
def test_roots(root: float, guess: float) -> None:
    assert rising_root(lambda share: math.log((share + 1e-12) / (root + 1e-12)), guess) == pytest.approx(root, rel=1e-6)
    assert rising_root(lambda share: share + 1, guess) == 0
    assert rising_root(lambda share: share - 2, guess) == 1
