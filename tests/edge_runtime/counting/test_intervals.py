"""Wilson and exact intervals against published tables and SciPy."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.counting import exact, exact_upper, rule_of_three, wilson
from edge_runtime.counting.intervals import beta_cdf, beta_quantile


# Newcombe 1998, Statistics in Medicine 17:857, table I: score without continuity correction, and Clopper-Pearson.
@pytest.mark.parametrize(
    ("infected", "counted", "score", "sure"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_intervals(
    infected: int, counted: int, score: tuple[float, float], sure: tuple[float, float]
) -> None:
    found = wilson(infected, counted)
    assert (found.low, found.high) == pytest.approx(score, abs=6e-5)
    found = exact(infected, counted)
    assert (found.low, found.high) == pytest.approx(sure, abs=6e-5)


@pytest.mark.parametrize("counted", [1, 7, 500, 5_000, 100_000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_both_agree_with_scipy(counted: int, level: float) -> None:
    """Beta quantiles stand in for SciPy's exact interval, which is only searched to 2e-12."""
    stats = pytest.importorskip("scipy.stats")
    tail = (1 - level) / 2
    for infected in sorted({0, 1, 3, counted // 100, counted // 2, counted - 1, counted} & set(range(counted + 1))):
        score = stats.binomtest(infected, counted).proportion_ci(level, method="wilson")
        found = wilson(infected, counted, level)
        assert (found.low, found.high) == pytest.approx((score.low, score.high), rel=1e-9, abs=1e-15)
        low = stats.beta.ppf(tail, infected, counted - infected + 1) if infected else 0
        high = stats.beta.ppf(1 - tail, infected + 1, counted - infected) if infected < counted else 1
        found = exact(infected, counted, level)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-8)


@pytest.mark.parametrize(("infected", "counted"), [(0, 1), (0, 1715), (3, 1715), (40, 50), (50, 50), (700, 15_000)])
def test_one_sided_bound_agrees_with_scipy(infected: int, counted: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(infected, counted, alternative="less").proportion_ci(0.95, "exact").high
    assert exact_upper(infected, counted) == pytest.approx(expected)
    if not infected:
        assert exact(0, counted).high == pytest.approx(rule_of_three(counted))


@pytest.mark.parametrize(
    ("a", "b"), [(0.5, 0.5), (1, 1), (1, 10_000), (3, 9_998), (5_000, 5_001), (250_000, 2), (0.1, 40)]
)
def test_beta_distribution_agrees_with_scipy(a: float, b: float) -> None:
    special = pytest.importorskip("scipy.special")
    for probability in (1e-6, 0.025, 0.5, 0.975, 1 - 1e-6):
        x = special.betaincinv(a, b, probability)
        assert beta_quantile(probability, a, b) == pytest.approx(x, rel=1e-8)
        assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-8)
    assert (beta_cdf(0, a, b), beta_cdf(1, a, b)) == (0, 1)


@given(counted=st.integers(1, 20_000), share=st.floats(0, 1), level=st.floats(0.01, 0.999))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_its_estimate_and_mirrors(counted: int, share: float, level: float) -> None:
    infected = round(share * counted)
    for interval in (exact, wilson):
        found, mirrored = interval(infected, counted, level), interval(counted - infected, counted, level)
        assert 0 <= found.low <= infected / counted <= found.high <= 1
        assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)


@pytest.mark.parametrize(
    ("counted", "level", "rate"), [(1_000, 0.95, 0.0036821), (5_000, 0.95, 0.00073750), (10, 0.9, 0.25887)]
)
def test_rule_of_three(counted: int, level: float, rate: float) -> None:
    """Two-sided, as the exact interval of the same cells: one zero has one upper limit."""
    found = rule_of_three(counted, level)
    assert found == pytest.approx(rate, rel=1e-4)
    assert (1 - found) ** counted == pytest.approx((1 - level) / 2)
    assert found < -math.log((1 - level) / 2) / counted  # about 3.7 / n at 95 %
    assert found == pytest.approx(exact(0, counted, level).high, rel=1e-9)


@pytest.mark.parametrize(
    ("infected", "counted", "level"),
    [(-1, 10, 0.95), (11, 10, 0.95), (0, 0, 0.95), (1, 10, 1.0), (1, 10, 0.0), (0.5, 10, 0.95)],
)
def test_figures_out_of_range_are_refused(infected: int, counted: int, level: float) -> None:
    for interval in (exact, wilson):
        with pytest.raises(ValueError, match=r"cells|level|whole"):
            interval(infected, counted, level)


def test_array_scalars_become_plain_numbers() -> None:
    document = exact(np.int64(3), np.int32(500)).to_json()
    assert json.loads(json.dumps(document))["method"] == "exact"
    assert type(document["low"]) is float
