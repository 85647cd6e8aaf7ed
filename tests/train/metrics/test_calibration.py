"""Calibration against scikit-learn, the two operating points, and what healthy patients can and cannot exclude."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from edge_runtime.core.card import OutputContract
from edge_runtime.core.decision import probability
from edge_runtime.errors import NotConclusive
from train.metrics.blank_rate import blank_rate
from train.metrics.calibration import calibrated, enough_for_bias, fit_calibration, log_loss
from train.metrics.metrics import ece
from train.metrics.operating_points import count_point, operating_points, review_point


def overconfident(n: int = 20_000, temperature: float = 2.5, bias: float = -0.4) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose true P is sigmoid(logit / temperature + bias), and labels drawn from it."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 5, n)
    return logits, (generator.random(n) < probability(logits / temperature + bias)).astype(int)


def test_finds_the_temperature_and_bias_that_made_the_labels() -> None:
    logits, labels = overconfident()
    fit = fit_calibration(logits, labels)
    assert fit.temperature == pytest.approx(2.5, rel=0.05)
    assert fit.bias == pytest.approx(-0.4, abs=0.06)
    assert fit.loss_after < fit.loss_before
    assert not fit.at_limit


def test_agrees_with_logistic_regression() -> None:
    logits, labels = overconfident()
    reference = LogisticRegression(C=1e6, tol=1e-10).fit(logits[:, None], labels)
    fit = fit_calibration(logits, labels)
    assert 1 / fit.temperature == pytest.approx(reference.coef_[0, 0], rel=2e-3)
    assert fit.bias == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_temperature_alone_leaves_the_bias_at_zero() -> None:
    fit = fit_calibration(*overconfident(bias=0.0), with_bias=False)
    assert fit.bias == 0
    assert fit.temperature == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize("patients, enough", [(None, True), (["a"] * 999, False), (list(map(str, range(30))), True)])
def test_few_patients_tell_no_bias(patients: list[str] | None, enough: bool) -> None:
    assert enough_for_bias(patients) is enough


def test_calibration_lowers_the_error_on_other_cells() -> None:
    logits, labels = overconfident()
    fit = fit_calibration(logits[:10_000], labels[:10_000])
    after = calibrated(logits[10_000:], OutputContract(temperature=fit.temperature, bias=fit.bias))
    assert ece(labels[10_000:], after) < 0.02 < ece(labels[10_000:], probability(logits[10_000:]))


def test_perfectly_separated_cells_stay_finite() -> None:
    fit = fit_calibration(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    p = calibrated(np.array([-2.0, 2.0]), OutputContract(temperature=fit.temperature, bias=fit.bias))
    assert 0 < p[0] < 0.5 < p[1] < 1


def test_logits_that_say_the_opposite_run_into_the_limit() -> None:
    logits, labels = overconfident(2000)
    fit = fit_calibration(-logits, labels)
    assert fit.at_limit
    assert fit.temperature == pytest.approx(100)


def test_constant_logits_come_out_as_the_share_of_parasitized_cells() -> None:
    fit = fit_calibration(np.full(1000, 3.0), np.arange(1000) < 300)
    p = calibrated(np.array([3.0]), OutputContract(temperature=fit.temperature, bias=fit.bias))
    assert p[0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        ([1.0, 2.0], [1, 1], "both classes"),
        ([1.0, 2.0], [0, 0], "both classes"),
        ([1.0, np.nan], [0, 1], "not finite"),
    ],
)
def test_refuses_what_cannot_be_calibrated(logits: list[float], labels: list[int], words: str) -> None:
    with pytest.raises(NotConclusive, match=words):
        fit_calibration(np.array(logits), np.array(labels))


def test_loss_does_not_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert log_loss(np.array([-1000.0, 1000.0]), np.array([0, 0])) == 500


def test_review_is_the_highest_threshold_that_is_sensitive_enough() -> None:
    p = np.linspace(0.001, 1, 1000)
    point = review_point(np.ones(1000, int), p, 0.99)
    assert point.sensitivity == 0.99
    assert np.mean(p >= np.nextafter(point.threshold, 1)) < 0.99


@pytest.mark.parametrize(("cells", "found"), [(1, 1), (50, 50), (100, 99), (101, 100), (300, 297)])
def test_review_never_misses_more_than_one_in_a_hundred(cells: int, found: int) -> None:
    p = np.random.default_rng(0).random(cells)
    point = review_point(np.ones(cells, int), p)
    assert point.sensitivity == pytest.approx(found / cells)
    low, high = stats.binomtest(found, cells).proportion_ci(0.95, "exact")
    assert (point.low, point.high) == (pytest.approx(low), pytest.approx(high))


def test_review_needs_a_parasitized_cell() -> None:
    with pytest.raises(NotConclusive):
        review_point(np.zeros(3, int), np.full(3, 0.2))


def test_blank_rate_says_how_little_the_shared_healthy_patients_exclude() -> None:
    cells = np.full(25, 68)
    cells[:15] += 1
    rate = blank_rate(np.zeros(25, int), cells)
    assert (rate.cells, rate.patients, rate.positives, rate.rate) == (1715, 25, 0, 0)
    assert rate.upper == pytest.approx(1 - 0.05 ** (1 / 1715))
    assert rate.statement.startswith("0 of 1,715 cells of 25 healthy patients")
    assert "exclude a blank rate above 0.18% (8,800 parasites per microlitre" in rate.statement
    assert "25 patients cannot exclude that 11% of healthy people have a higher rate" in rate.statement


def test_blank_rate_names_the_worst_patient() -> None:
    rate = blank_rate(np.array([0, 10]), np.array([100, 50]))
    assert rate.rate == pytest.approx(10 / 150)
    assert rate.worst_patient == 0.2
    assert rate.per_patient == {"cells": [50, 100], "called": [10, 0]}
    assert rate.between_patient_sd is not None and rate.between_patient_sd > 0.1
    assert "Had no cell been called, so many would still exclude only more than 1.98%" in rate.statement


def test_one_healthy_patient_has_no_spread() -> None:
    assert blank_rate(np.array([1]), np.array([90])).between_patient_sd is None


@pytest.mark.parametrize(("called", "cells"), [([], []), ([3], [2]), ([0], [0])])
def test_blank_rate_refuses_impossible_counts(called: list[int], cells: list[int]) -> None:
    with pytest.raises(ValueError, match="healthy patient"):
        blank_rate(np.array(called, int), np.array(cells, int))


def scored(shift: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """20 healthy and 20 infected patients of 100 cells; ``shift`` makes all uninfected cells look more infected."""
    generator = np.random.default_rng(1)
    patient = np.repeat(np.arange(40), 100)
    labels = ((patient >= 20) & (generator.random(4000) < 0.5)).astype(int)
    logits = np.where(labels == 1, 5.0, -5.0 + shift) + generator.normal(0, 2.0, 4000)
    return labels, probability(logits), [f"C{i}" for i in patient]


def test_count_is_stricter_the_worse_healthy_cells_score() -> None:
    easy, hard = count_point(*scored(0.0)), count_point(*scored(4.0))
    assert 0.5 <= easy.threshold < hard.threshold
    assert hard.detection_limit > easy.detection_limit
    assert easy.source == "healthy patients"
    assert easy.blank.patients == 20


def test_count_threshold_finds_most_among_nearly_the_lowest_detection_limits() -> None:
    labels, p, patients = scored(4.0)
    chosen = count_point(labels, p, patients)
    stricter = [count_point(labels, p, patients, at_least=t) for t in np.linspace(chosen.threshold, 0.999, 30)[1:]]
    lowest = min(point.detection_limit for point in stricter)
    assert chosen.detection_limit <= 4 / 3 * lowest * (1 + 1e-9)
    assert all(point.sensitivity <= chosen.sensitivity for point in stricter)


def test_counting_minds_the_patient_whose_parasites_are_hard_to_find() -> None:
    labels, p, patients = scored(4.0)
    alike = count_point(labels, p, patients)
    pale = np.isin(patients, ["C20", "C21"]) & (labels == 1)  # 2 of 20 infected patients
    unlike = count_point(labels, np.where(pale, probability(np.log(p) - np.log1p(-p) - 3.0), p), patients)
    assert unlike.threshold < alike.threshold
    assert unlike.low_sensitivity < unlike.sensitivity - 0.1
    few = np.isin(patients, [f"C{i}" for i in range(25)])  # five infected patients tell no such thing
    some = count_point(labels[few], p[few], [name for name, chosen in zip(patients, few, strict=True) if chosen])
    assert some.low_sensitivity == some.sensitivity


def test_without_a_useful_threshold_the_laxest_allowed_one_is_taken() -> None:
    labels, p, patients = scored(0.0)
    lost = np.isin(patients, ["C20", "C21", "C22"]) & (labels == 1)  # 3 of 20: nothing of theirs is ever found
    point = count_point(labels, np.where(lost, 1e-6, p), patients, at_least=0.65)
    assert (point.detection_limit, point.low_sensitivity) == (1.0, 0.0)
    assert 0.65 <= point.threshold < 0.68


def test_blank_rate_of_the_chosen_threshold_is_not_flattered() -> None:
    point = count_point(*scored(4.0))
    assert point.blank.rate >= point.blank_at_threshold.rate
    labels, p, _ = scored(4.0)
    assert point.sensitivity == pytest.approx(np.mean(p[labels == 1] >= point.threshold))


def test_count_is_never_laxer_than_asked() -> None:
    assert count_point(*scored(0.0), at_least=0.97).threshold >= 0.97


def test_without_healthy_patients_uninfected_cells_serve_and_it_says_so() -> None:
    labels, p, _ = scored(0.0)
    for patients in (None, ["A"] * 4000):
        point = count_point(labels, p, patients)
        assert "for lack of healthy ones" in point.source
        assert "uninfected cells of infected patients" in point.blank.statement
        assert "healthy patients were" not in point.blank.statement and "cannot exclude" not in point.blank.statement
        assert point.blank.patients == 1
        assert point.blank.cells == int(np.sum(labels == 0))


def test_count_needs_both_classes() -> None:
    with pytest.raises(NotConclusive):
        count_point(np.zeros(4, int), np.full(4, 0.1), None)


def test_card_points_keep_their_order() -> None:
    labels, p, patients = scored(0.0)
    review = review_point(labels, p)
    points = operating_points(review, count_point(labels, p, patients, at_least=review.threshold))
    assert 0 < points.review <= points.count < 1
