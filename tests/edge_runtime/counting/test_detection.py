"""Currie's threshold and limit of detection, closed and averaged over what the blanks leave open."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.counting import KnownSlides, currie_counts, detection_limit
from edge_runtime.errors import NotConclusive
from tests.edge_runtime.counting import by_scipy


# Currie 1968, Analytical Chemistry 40:586, table II: 1.645 sqrt(B), 2.71 + 3.29 sqrt(B); 2.33 sqrt(B), 2.71 + 4.65 sqrt(B).
@pytest.mark.parametrize(
    ("blank", "paired", "threshold", "limit"),
    [
        (0, False, 0, 2.71),
        (0, True, 0, 2.71),
        (100, False, 16.45, 35.60),
        (100, True, 23.26, 49.22),
        (25, True, 11.63, 25.97),
    ],
)
def test_currie_working_expressions(blank: float, paired: bool, threshold: float, limit: float) -> None:
    found = currie_counts(blank, paired=paired)
    assert (found.threshold, found.limit) == pytest.approx((threshold, limit), abs=0.01)


def test_spread_between_slides_adds_to_the_variance() -> None:
    assert currie_counts(64, spread=6).to_json() == pytest.approx(currie_counts(100).to_json())
    found = currie_counts(10, spread=3, alpha=0.01, beta=0.1)
    assert found.limit - found.threshold == pytest.approx(1.2816 * (found.limit + 19) ** 0.5, rel=1e-3)


def _known(rate: float) -> KnownSlides:
    """A blank rate known as good as exactly."""
    return KnownSlides((round(rate * 10**9),), (10**9,), spread=False)


@pytest.mark.parametrize(("rate", "counted"), [(0.0, 1_000), (0.0002, 5_000), (0.002, 5_000), (0.01, 10_000)])
def test_a_well_known_blank_agrees_with_the_binomial(rate: float, counted: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = detection_limit(counted, _known(rate))
    assert stats.binom.sf(found.threshold - 1, counted, rate) <= 0.05
    assert found.threshold == 1 or stats.binom.sf(found.threshold - 2, counted, rate) > 0.05
    assert found.limit is not None
    missed = stats.binom.cdf(found.threshold - 1, counted, found.limit + rate * (1 - found.limit))
    assert missed == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("sensitivity", [None, KnownSlides((900,), (1_000,), spread=False)])
def test_a_threshold_that_once_was_an_order_statistic_of_draws(sensitivity: KnownSlides | None) -> None:
    """It was 11, with alpha 0.0506 (0.0501 over the draws of then); every probability here is SciPy's."""
    special = pytest.importorskip("scipy.special")
    blank = KnownSlides((1, 0, 0, 1, 0, 1, 0, 1, 0, 1), (1_000,) * 10)
    found = detection_limit(5_000, blank, sensitivity)
    rates, weights = by_scipy.points(blank)
    assert found.threshold == 12
    assert special.bdtrc(11, 5_000, rates) @ weights <= 0.05
    assert special.bdtrc(10, 5_000, rates) @ weights == pytest.approx(0.0506, abs=1e-4)
    gains, shares = by_scipy.EXACTLY_ONE if sensitivity is None else by_scipy.points(sensitivity, 12)
    assert found.limit is not None
    short = special.bdtr(11, 5_000, rates[:, None] + np.maximum(gains - rates[:, None], 0) * found.limit)
    assert weights @ short @ shares == pytest.approx(0.05, rel=2e-3)
    if sensitivity is None:
        assert found.limit == pytest.approx(0.003281, rel=1e-3)  # 0.00304 for the count of 11


def test_currie_is_met_where_counts_are_large() -> None:
    found, closed = detection_limit(1_000_000, _known(0.001)), currie_counts(1_000)
    assert found.threshold - 1_000 == pytest.approx(closed.threshold, abs=3)
    assert found.limit is not None and found.limit * 1e6 == pytest.approx(closed.limit, rel=0.05)


def test_no_blank_leaves_the_rule_of_three_over_the_sensitivity() -> None:
    found = detection_limit(5_000, _known(0), KnownSlides((900_000,), (1_000_000,), spread=False))
    assert found.threshold == 1
    assert found.limit == pytest.approx(3.0 / 5_000 / 0.9, rel=0.03)


def test_counting_on_stops_helping_where_slides_differ() -> None:
    blank = KnownSlides((0, 0, 1, 1, 2, 2, 3, 5, 7, 12) * 3, (1_000,) * 30)
    limits = [detection_limit(cells, blank) for cells in (500, 5_000, 50_000, 5_000_000)]
    shares = [one.limit for one in limits if one.limit is not None]
    assert shares == sorted(shares, reverse=True) and len(shares) == 4
    floor = limits[0].floor
    assert floor is not None
    assert shares[-1] == pytest.approx(floor, rel=0.03)
    assert floor > 0.005


def test_a_hopeless_blank_has_no_limit() -> None:
    found = detection_limit(5, KnownSlides((3, 9, 0), (10, 10, 10)))
    assert found.limit is None
    assert json.loads(json.dumps(found.to_json()))["limit"] is None
    with pytest.raises(NotConclusive):
        detection_limit(5, KnownSlides((9,), (10,)), KnownSlides((8,), (10,)))


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.05), (0.05, 0.6), (-1, 0.05)])
def test_risks_out_of_range_are_refused(alpha: float, beta: float) -> None:
    with pytest.raises(ValueError, match="risk"):
        currie_counts(1, alpha=alpha, beta=beta)
    with pytest.raises(ValueError, match="risk"):
        detection_limit(100, _known(0), alpha=alpha, beta=beta)
    with pytest.raises(ValueError, match="blank"):
        currie_counts(-1)
