"""Two reviewers of one grid."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.counting import kappa, missed_by_both


def test_kappa_of_a_textbook() -> None:
    """Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, table 18.1: kappa 0.68, error 0.087."""
    found = kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert found.value == pytest.approx(0.676, abs=0.001)
    assert found.agreed == pytest.approx(0.89)
    assert found.high is not None and found.value is not None
    assert (found.high - found.value) / 1.96 == pytest.approx(0.088, abs=0.001)
    assert json.loads(json.dumps(found.to_json()))["cells"] == 100


def test_the_error_of_kappa_is_that_of_simulated_reviewers() -> None:
    generator = np.random.default_rng(8)
    shares = np.array([[0.10, 0.03], [0.02, 0.85]])
    tables = generator.multinomial(400, shares.ravel(), 2_000).reshape(-1, 2, 2)
    values = np.array([kappa(table).value for table in tables], dtype=float)
    found = kappa((400 * shares).round().astype(int))
    assert found.high is not None and found.value is not None
    assert (found.high - found.value) / 1.96 == pytest.approx(values.std(), rel=0.06)


def test_full_agreement_and_none() -> None:
    assert kappa([[5, 0], [0, 95]]).value == 1
    assert kappa([[0, 50], [50, 0]]).value == -1
    assert kappa([[25, 25], [25, 25]]).value == pytest.approx(0)
    alone = kappa([[0, 0], [0, 96]])
    assert (alone.value, alone.low, alone.high, alone.agreed) == (None, None, None, 1)


@pytest.mark.parametrize("table", [[[1, 2]], [[1]], [[-1, 2], [3, 4]], [[0, 0], [0, 0]], [1, 2]])
def test_tables_that_are_none(table: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"square|both reviewers"):
        kappa(table)


def test_chapman_s_estimate_is_that_of_the_formula() -> None:
    found = missed_by_both(60, 12, 20)
    first, second = 72, 80
    assert found.total == pytest.approx((first + 1) * (second + 1) / 61 - 1)
    assert found.estimate == pytest.approx(12 * 20 / 61)
    assert found.to_json()["total"] == found.total
    assert missed_by_both(0, 0, 0).estimate == 0
    with pytest.raises(ValueError, match="0 or more"):
        missed_by_both(1, -1, 0)


def test_the_bound_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for both, first, second in ((60, 12, 20), (25, 0, 3), (2, 1, 1)):
        found = missed_by_both(both, first, second)
        scores = np.linspace(-5, 5, 60)
        share = stats.norm.pdf(scores) / stats.norm.pdf(scores).sum()
        missing = [
            stats.beta(only + 0.5, both + 0.5).ppf(stats.norm.cdf(scores)) for only in (second, first)
        ]  # what a reviewer misses is what the other alone found
        rest = stats.nbinom(both + first + second + 0.5, 1 - np.outer(*missing))
        assert share @ rest.cdf(found.most) @ share >= 0.95
        assert found.most == 0 or share @ rest.cdf(found.most - 1) @ share < 0.95


def test_the_bound_holds_what_independent_reviewers_miss() -> None:
    generator, held = np.random.default_rng(9), 0
    for _ in range(300):
        first, second = generator.random(80) < 0.85, generator.random(80) < 0.7
        found = missed_by_both(int((first & second).sum()), int((first & ~second).sum()), int((second & ~first).sum()))
        held += int((~first & ~second).sum()) <= found.most
    assert held >= 0.93 * 300
