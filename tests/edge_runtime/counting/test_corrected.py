"""Rogan-Gladen with the uncertainty of blank rate and sensitivity."""

from __future__ import annotations

import json
import time

import pytest

from edge_runtime.counting import KnownSlides, corrected_rate, exact, red_cells, rule_of_three, summarise_count
from edge_runtime.errors import NotConclusive
from tests.edge_runtime.counting import by_scipy

CLEAN = KnownSlides((0,), (10**9,), spread=False)
BLANK = KnownSlides((0, 1, 0, 2, 0, 0, 1, 0, 1, 0) * 3, (1_000,) * 30)
SENSITIVITY = KnownSlides((900,), (1_000,), spread=False)


def test_textbook_correction() -> None:
    """Apparent rate 10 %, sensitivity 90 %, specificity 95 %: (0.10 - 0.05) / 0.85."""
    blank = KnownSlides((500,), (10_000,), spread=False)
    found = corrected_rate(100, 1_000, blank, SENSITIVITY)
    assert found.rate == pytest.approx(0.05 / 0.85)
    assert found.false_expected == pytest.approx(50)
    assert found.low < found.rate < found.high


@pytest.mark.parametrize(("infected", "counted"), [(1, 500), (5, 1_000), (40, 5_000), (900, 1_000)])
def test_with_nothing_to_correct_it_is_the_mid_p_interval(infected: int, counted: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = corrected_rate(infected, counted, CLEAN)

    def mid_p(rate: float) -> float:
        return float(stats.binom.cdf(infected, counted, rate) - stats.binom.pmf(infected, counted, rate) / 2)

    assert mid_p(found.low) == pytest.approx(0.975, abs=1e-5)
    assert mid_p(found.high) == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize(
    ("infected", "counted", "called", "each", "high"),
    [
        (0, 5_000, (3, 5, 2, 6, 4, 3, 8, 1, 2, 6), 1_000, 0.000738),
        (0, 5_000, (5, 4, 7, 3, 6), 500, 0.000738),
        # order statistics of draws gave 0.00164; exact tails over 20,000 draws 0.00244, over two million 0.00252 to 56
        (2, 2_000, (9, 12, 10, 15, 8, 7, 9, 11, 10, 9), 1_000, 0.00254),
    ],
)
def test_upper_ends_that_once_were_order_statistics_of_draws(
    infected: int, counted: int, called: tuple[int, ...], each: int, high: float
) -> None:
    blank = KnownSlides(called, (each,) * len(called))
    found = corrected_rate(infected, counted, blank)
    assert found.high == pytest.approx(high, rel=0.002)
    again = by_scipy.interval(infected, counted, by_scipy.points(blank), by_scipy.EXACTLY_ONE)
    assert (found.low, found.high) == pytest.approx(again, rel=2e-3)


@pytest.mark.parametrize(("infected", "counted"), [(0, 5_000), (7, 5_000), (60, 5_000), (400, 500)])
def test_ends_agree_with_scipy(infected: int, counted: int) -> None:
    by_blank = corrected_rate(infected, counted, BLANK)
    again = by_scipy.interval(infected, counted, by_scipy.points(BLANK), by_scipy.EXACTLY_ONE)
    assert (by_blank.low, by_blank.high) == pytest.approx(again, rel=1e-3, abs=1e-6)
    clean = corrected_rate(infected, counted, KnownSlides((0,), (10**9,), spread=False), SENSITIVITY)
    again = by_scipy.interval(infected, counted, by_scipy.EXACTLY_NONE, by_scipy.points(SENSITIVITY))
    assert (clean.low, clean.high) == pytest.approx(again, rel=1e-4)


def test_both_uncertain_agree_with_scipy() -> None:
    found = corrected_rate(60, 5_000, BLANK, SENSITIVITY)
    again = by_scipy.interval(60, 5_000, by_scipy.points(BLANK, 12), by_scipy.points(SENSITIVITY, 12))
    assert (found.low, found.high) == pytest.approx(again, rel=2e-3)


def test_zero_of_n_cells_excludes_as_much_whatever_the_blank() -> None:
    """And two-sided, like the exact interval of the same cells."""
    for blank in (CLEAN, BLANK, KnownSlides((100,) * 20, (1_000,) * 20)):
        found = corrected_rate(0, 5_000, blank)
        assert (found.rate, found.low) == (0, 0)
        assert found.high == pytest.approx(rule_of_three(5_000), rel=1e-6)
        assert found.high == pytest.approx(exact(0, 5_000).high, rel=1e-6)
        assert corrected_rate(0, 5_000, blank, SENSITIVITY).high > 1.1 * found.high
    assert corrected_rate(0, 5_000, KnownSlides((100,) * 20, (1_000,) * 20)).unclipped < -0.09


def test_blanks_alone_reach_down_to_zero() -> None:
    found = corrected_rate(3, 5_000, BLANK, SENSITIVITY)  # 2.5 false cells expected
    assert found.low == 0
    assert corrected_rate(100, 5_000, BLANK, SENSITIVITY).low > 0.01


def test_more_called_cells_never_lower_the_interval() -> None:
    found = [corrected_rate(x, 5_000, BLANK, SENSITIVITY) for x in (0, 1, 2, 4, 8, 16, 32, 64, 500, 5_000)]
    assert [one.low for one in found] == sorted(one.low for one in found)
    assert [one.high for one in found] == sorted(one.high for one in found)
    assert found[-1].high == 1


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (KnownSlides((5,) * 10, (1_000,) * 10), KnownSlides((0, 0, 0, 1, 2, 3, 4, 8, 12, 20), (1_000,) * 10)),
        (KnownSlides((5,) * 40, (1_000,) * 40), KnownSlides((5,) * 4, (1_000,) * 4)),
        (KnownSlides((5,) * 10, (1_000,) * 10, spread=False), KnownSlides((5,) * 10, (1_000,) * 10)),
    ],
    ids=["slides differ", "fewer slides", "spread not excluded"],
)
def test_what_is_less_known_widens_the_interval(narrow: KnownSlides, wide: KnownSlides) -> None:
    sharp, blunt = (corrected_rate(100, 10_000, blank, SENSITIVITY) for blank in (narrow, wide))
    assert sharp.rate == pytest.approx(blunt.rate)
    assert blunt.low < sharp.low
    assert blunt.high - blunt.low > 1.02 * (sharp.high - sharp.low)


def test_patients_that_differ_in_sensitivity_widen_the_interval() -> None:
    alike, apart = (
        KnownSlides((90,) * 10, (100,) * 10),
        KnownSlides((100, 99, 97, 95, 93, 90, 88, 85, 80, 73), (100,) * 10),
    )
    sharp, blunt = (corrected_rate(2_000, 10_000, BLANK, known) for known in (alike, apart))
    assert blunt.high - blunt.low > 1.5 * (sharp.high - sharp.low)


def test_an_interval_takes_a_few_milliseconds() -> None:
    """About 4 ms where it was written; the processor's time, so that a busy machine is no fault."""
    seconds = []
    for infected in range(20):
        start = time.process_time()
        corrected_rate(infected, 5_000, BLANK, SENSITIVITY)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.02


def test_a_model_that_tells_nothing_apart_is_refused() -> None:
    with pytest.raises(NotConclusive, match="another threshold"):
        corrected_rate(5, 100, KnownSlides((50,), (100,)), KnownSlides((50,), (100,)))
    with pytest.raises(NotConclusive, match="Every cell"):
        corrected_rate(5, 100, KnownSlides((100,), (100,)))


def test_a_summary_says_it_all_in_plain_json() -> None:
    found = summarise_count(12, 5_000, red_cells(haematocrit=40), BLANK, SENSITIVITY)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["raw"]["estimate"]["per_microlitre"] == pytest.approx(12 / 5_000 * 5_024_000)
    assert document["raw"]["estimate"]["red_cells"]["source"] == "haematocrit"
    assert document["excluded_by_zero"] is None
    assert document["corrected_density"]["low"]["rate"] == document["corrected"]["low"]
    assert document["detection"]["counted"] == 5_000
    reviewed = summarise_count(0, 1_000, red_cells())
    assert (reviewed.corrected, reviewed.corrected_density, reviewed.detection) == (None, None, None)
    assert reviewed.excluded_by_zero == pytest.approx(0.0036821, rel=1e-4)
    assert reviewed.raw.high.per_microlitre == pytest.approx(18_400, rel=0.01)
