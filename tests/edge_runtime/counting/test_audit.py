"""Random cells of the rest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.counting import AuditedSlide, audit_keys, audit_sample, capture_check
from edge_runtime.counting.intervals import gamma_cdf, gamma_quantile


@pytest.mark.parametrize("shape", [0.3, 1, 2.5, 40, 900])
def test_gamma_distribution_agrees_with_scipy(shape: float) -> None:
    special = pytest.importorskip("scipy.special")
    for probability in (1e-4, 0.025, 0.5, 0.975):
        x = special.gammaincinv(shape, probability)
        assert gamma_quantile(probability, shape) == pytest.approx(x, rel=1e-8)
        assert gamma_cdf(x, shape) == pytest.approx(probability, rel=1e-8)
    assert gamma_cdf(0, shape) == 0


def test_every_cell_is_drawn_as_often_as_the_next() -> None:
    drawn = [audit_sample(audit_keys(100, (7, slide))) for slide in range(2_000)]
    assert all(len(set(cells)) == 24 and list(cells) == sorted(cells) for cells in drawn)
    times = np.bincount(np.concatenate(drawn), minlength=100)
    assert times.min() > 380 and times.max() < 590  # 480, standard deviation 19
    assert audit_sample(audit_keys(100, (7, 3))) == drawn[3]
    assert audit_sample(audit_keys(10, (1,))) == tuple(range(10)) and audit_sample(audit_keys(0, (1,))) == ()


def test_a_parasite_in_the_audit_is_an_alarm() -> None:
    quiet, loud = AuditedSlide(20, 0.95, 4_800, 24, 0), AuditedSlide(20, 0.95, 4_800, 24, 1)
    assert (quiet.alarm, loud.alarm, loud.probability) == (False, True, 0.005)


def test_pooled_audits_agree_with_fay_and_feuer_by_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    slides = [
        AuditedSlide(40, 0.95, 4_800, 24, 1),
        AuditedSlide(0, 0.95, 2_400, 24, 0),
        AuditedSlide(900, 0.9, 1_200, 24, 2),
    ]
    check = capture_check(slides)
    missed, variance = 200 + 2 * 50, 200**2 + 2 * 50**2
    low = variance / (2 * missed) * stats.chi2(2 * missed**2 / variance).ppf(0.025)
    wide, spread = missed + 200, variance + 200**2
    high = spread / (2 * wide) * stats.chi2(2 * wide**2 / spread).ppf(0.975)
    assert check.captured == pytest.approx(940 / (940 + missed))
    assert (check.low, check.high) == pytest.approx((940 / (940 + high), 940 / (940 + low)), rel=1e-6)
    assert check.claimed == pytest.approx(940 / (40 / 0.95 + 1_000))
    assert (check.slides, check.audited, check.infected) == (3, 72, 3)
    assert not check.overstated and json.loads(json.dumps(check.to_json()))["overstated"] is False


def test_clean_audits_leave_room_and_clean_slides_say_nothing() -> None:
    check = capture_check([AuditedSlide(100, 0.95, 4_800, 24, 0)] * 50)
    assert check.captured == check.high == 1
    assert check.low == pytest.approx(5_000 / (5_000 + 200 * -np.log(0.025)), rel=1e-6)
    nothing = capture_check([AuditedSlide(0, 0.95, 4_800, 24, 0)])
    assert (nothing.captured, nothing.claimed, nothing.low, nothing.high) == (None, None, 0, 1)
    assert not nothing.overstated


def test_a_curve_that_promises_too_much_is_found_out() -> None:
    """Each of 400 slides holds 100 infected cells, 95 of which the curve claims to find and 70 are found."""
    generator = np.random.default_rng(4)
    honest = [AuditedSlide(95, 0.95, 4_800, 24, int(generator.hypergeometric(5, 4_795, 24))) for _ in range(400)]
    worse = [AuditedSlide(70, 0.95, 4_800, 24, int(generator.hypergeometric(30, 4_770, 24))) for _ in range(400)]
    assert not capture_check(honest).overstated and capture_check(worse).overstated
    assert capture_check(worse).low < 0.7 < capture_check(worse).high


def test_the_check_holds_the_truth() -> None:
    generator, held = np.random.default_rng(6), 0
    for _ in range(200):
        slides = [AuditedSlide(95, 0.95, 4_800, 24, int(generator.hypergeometric(5, 4_795, 24))) for _ in range(100)]
        check = capture_check(slides)
        held += check.low <= 0.95 <= check.high
    assert held >= 0.93 * 200


@pytest.mark.parametrize(
    "wrong", [(-1, 0.9, 10, 5, 0), (1, 0, 10, 5, 0), (1, 1.1, 10, 5, 0), (1, 0.9, 10, 11, 0), (1, 0.9, 10, 5, 6)]
)
def test_audits_that_cannot_be(wrong: tuple[int, float, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"review|cells"):
        AuditedSlide(*wrong)


def test_a_check_needs_a_slide() -> None:
    with pytest.raises(ValueError, match="audited slide"):
        capture_check([])
