"""Percentiles and summaries against hand-made values and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.percentiles import interval, median, percentile, summarise


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0], 51, 2.0),
        (list(range(1, 101)), 5, 5),
        (list(range(1, 101)), 90, 90),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 100, 100),
        ([15, 20, 35, 40, 50], 30, 20),  # the textbook example of the nearest-rank method
        ([15, 20, 35, 40, 50], 40, 20),
        ([15, 20, 35, 40, 50], 41, 35),
    ],
)
def test_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=60), st.sampled_from([5, 50, 90, 95, 99]))
def test_nearest_rank_agrees_with_numpy(values: list[int], percent: int) -> None:
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert percentile(sorted(values), percent) == pytest.approx(expected)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], -1), ([1.0], 100.1), ([1.0], math.nan)])
def test_percentiles_that_do_not_exist(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="not defined"):
        percentile(values, percent)


@pytest.mark.parametrize(("values", "expected"), [([3.0], 3.0), ([1.0, 2.0], 1.5), ([1.0, 5.0, 9.0], 5.0)])
def test_median(values: list[float], expected: float) -> None:
    assert median(values) == expected


def test_summary_in_milliseconds() -> None:
    summary = summarise([4_000_000, 2_000_000, 6_000_000, 8_000_000])
    assert (summary.avg_ms, summary.min_ms, summary.max_ms, summary.median_ms, summary.num_runs) == (5, 2, 8, 5, 4)
    assert summary.std_ms == pytest.approx(np.std([4, 2, 6, 8]))
    assert (summary.p5_ms, summary.p50_ms, summary.p90_ms, summary.p95_ms) == (2, 4, 8, 8)


def test_summary_has_the_names_of_litert_benchmark() -> None:
    theirs = {"avg_ms", "min_ms", "max_ms", "median_ms", "std_ms", "p5_ms", "p95_ms", "num_runs"}
    assert theirs <= set(summarise([1]).to_json())


@pytest.mark.parametrize(("runs", "expected"), [(999, None), (1000, 990.0)])
def test_p99_needs_a_thousand_runs(runs: int, expected: float | None) -> None:
    assert summarise([n * 1_000_000 for n in range(1, runs + 1)]).p99_ms == expected


def test_nothing_to_summarise() -> None:
    with pytest.raises(ValueError, match="no duration"):
        summarise([])


@pytest.mark.parametrize(
    ("count", "percent", "ranks"),
    [
        (5, 50, None),  # both tails together hold 2/32, more than a twentieth
        (6, 50, (1, 6)),
        (10, 50, (2, 9)),  # the textbook case
        (100, 50, (40, 61)),
        (50, 95, None),  # even the largest of 50 lies below the 95th percentile too often
        (100, 95, (90, 100)),
    ],
)
def test_interval_by_ranks(count: int, percent: float, ranks: tuple[int, int] | None) -> None:
    assert interval([float(n) for n in range(1, count + 1)], percent) == ranks


@pytest.mark.parametrize("percent", [50, 90, 95, 99])
@pytest.mark.parametrize("count", [1000, 1024, 50_000])
def test_interval_agrees_with_scipy(count: int, percent: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    law = stats.binom(count, percent / 100)
    low, high = int(law.ppf(0.025)), int(law.ppf(0.975)) + 1
    assert interval(range(1, count + 1), percent) == (low, high)
    assert law.cdf(high - 1) - law.cdf(low - 1) >= 0.95


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        low, high = interval(sorted(generator.exponential(1.0, 300)), 90) or (0.0, 0.0)
        held += low <= np.log(10) <= high
    assert 0.93 <= held / 400 <= 0.99


@pytest.mark.parametrize(("runs", "withheld"), [(999, True), (1000, False)])
def test_intervals_in_the_summary(runs: int, withheld: bool) -> None:
    summary = summarise([n * 1_000_000 for n in range(1, runs + 1)])
    assert summary.p50_interval_ms is not None and summary.p50_interval_ms[0] < 500 < summary.p50_interval_ms[1]
    assert (summary.p99_interval_ms is None) == withheld
