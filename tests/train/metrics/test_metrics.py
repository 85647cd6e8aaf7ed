"""The figures of merit against scikit-learn, against hand counts, and at the edges where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from train.metrics.metrics import (
    METRICS,
    NO_CELLS,
    NO_PARASITIZED,
    NO_UNINFECTED,
    NONE_CALLED,
    Confusion,
    auc,
    average_precision,
    bin_of,
    brier,
    confusion,
    ece,
    ece_floor,
    measure,
    rates_of_counts,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)


def cells(seed: int, n: int = 400, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and P; ``levels`` rounds P so that ties occur."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    p = 1 / (1 + np.exp(-(labels * 2 - 1 + generator.normal(0, 1.5, n))))
    return labels, p if levels is None else np.round(p * levels) / levels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [None, 256, 7, 1])
def test_agrees_with_scikit_learn(seed: int, levels: int | None) -> None:
    labels, p = cells(seed, levels=levels)
    called = p >= 0.5
    expected = {
        "accuracy": reference.accuracy_score(labels, called),
        "sensitivity": reference.recall_score(labels, called),
        "specificity": reference.recall_score(labels, called, pos_label=0),
        "precision": reference.precision_score(labels, called),
        "f1": reference.f1_score(labels, called),
        "mcc": reference.matthews_corrcoef(labels, called),
        "auc": reference.roc_auc_score(labels, p),
        "average_precision": reference.average_precision_score(labels, p),
        "brier": reference.brier_score_loss(labels, p),
    }
    got = measure(labels, p)
    assert set(got) == set(METRICS)
    for name, value in expected.items():
        assert got[name].value == pytest.approx(value, abs=1e-12), name


def test_ranking_uses_the_scores_when_probabilities_saturate() -> None:
    labels, logits = np.array([0, 1]), np.array([800.0, 801.0])
    assert measure(labels, np.array([1.0, 1.0]))["auc"].value == 0.5
    assert measure(labels, np.array([1.0, 1.0]), scores=logits)["auc"].value == 1.0


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1], [0.3, 0.3], 0.5),
        ([0, 1, 1], [0.9, 0.1, 0.2], 0.0),
        ([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.2], 0.75),
    ],
)
def test_auc_counts_ties_half(labels: list[int], scores: list[float], expected: float) -> None:
    assert auc(np.array(labels), np.array(scores)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "p", "reasons"),
    [
        ([], [], dict.fromkeys(METRICS, NO_CELLS)),
        (
            [0, 0],
            [0.2, 0.3],
            {
                "precision": NONE_CALLED,
                **dict.fromkeys(["sensitivity", "f1", "mcc", "auc", "average_precision"], NO_PARASITIZED),
            },
        ),
        ([1, 1], [0.9, 0.8], dict.fromkeys(["specificity", "mcc", "auc", "average_precision"], NO_UNINFECTED)),
        ([0, 1], [0.2, 0.3], {"precision": NONE_CALLED}),
    ],
)
def test_undefined_figures_are_none_with_a_reason(labels: list[int], p: list[float], reasons: dict[str, str]) -> None:
    got = measure(np.array(labels, dtype=int), np.array(p))
    assert {name: entry.reason for name, entry in got.items() if entry.value is None} == reasons
    assert all(np.isfinite(entry.value) for entry in got.values() if entry.value is not None)


def test_collapsed_model_has_f1_and_mcc_of_zero() -> None:
    rates = rates_of_counts(0, 0, 5, 5)
    assert (rates["f1"], rates["mcc"]) == (0, 0)
    assert np.isnan(rates["precision"])


def test_confusion_counts_each_outcome() -> None:
    assert confusion(np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0])) == Confusion(tp=2, fp=1, tn=2, fn=1)


@pytest.mark.parametrize(("p", "index"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.95, 9), (1.0, 9)])
def test_bins_are_closed_below(p: float, index: int) -> None:
    assert bin_of(np.array([p]))[0] == index


def test_ece_by_hand() -> None:
    # Bin 0.2: two cells, mean 0.25, none parasitized; bin 0.9: two cells, mean 0.95, one parasitized.
    assert ece(np.array([0, 0, 1, 0]), np.array([0.25, 0.25, 0.95, 0.95])) == pytest.approx((0.25 + 0.45) / 2)


def test_brier_by_hand() -> None:
    assert brier(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx((0.04 + 0.16) / 2)


def test_ece_of_a_calibrated_model_lies_at_its_floor() -> None:
    generator = np.random.default_rng(1)
    p = generator.random(3000)
    errors = [ece((generator.random(3000) < p).astype(int), p) for _ in range(60)]
    floor = ece_floor(p, seed=5)
    assert np.mean(errors) == pytest.approx(floor.mean, rel=0.1)
    assert np.mean(np.array(errors) > floor.p95) < 0.2
    assert floor == ece_floor(p, seed=5)
    assert floor != ece_floor(p, seed=6)


def test_ece_floor_per_patient_is_higher_than_pooled() -> None:
    p = np.random.default_rng(1).random(600)
    assert ece_floor(p, np.arange(600) // 60).mean > 2 * ece_floor(p).mean


def test_ece_floor_of_certain_answers_is_zero() -> None:
    assert ece_floor(np.array([0.0, 1.0, 1.0])).p95 == 0


@pytest.mark.parametrize("levels", [None, 20])
def test_rates_at_fixed_rates_match_an_exhaustive_search(levels: int | None) -> None:
    labels, p = cells(3, 200, levels)
    thresholds = [np.inf, *np.unique(p)]
    pairs = [(np.mean(p[labels == 1] >= t), np.mean(p[labels == 0] < t)) for t in thresholds]
    for target in (0.0, 0.5, 0.9, 0.975, 1.0):
        best = sensitivity_at_specificity(labels, p, target)
        assert best is not None
        assert best.value == pytest.approx(max(sens for sens, spec in pairs if spec >= target - 1e-12))
        best = specificity_at_sensitivity(labels, p, target)
        assert best is not None
        assert best.value == pytest.approx(max(spec for sens, spec in pairs if sens >= target - 1e-12))


def test_attained_threshold_reproduces_its_rates() -> None:
    labels, p = cells(4, 300)
    found = sensitivity_at_specificity(labels, p, 0.9)
    assert found is not None and found.threshold is not None
    called = p >= found.threshold
    assert np.mean(called[labels == 1]) == pytest.approx(found.value)
    assert np.mean(~called[labels == 0]) == pytest.approx(found.held)
    assert found.held >= 0.9


def test_no_finite_threshold_reaches_a_perfect_specificity_below_the_top_score() -> None:
    found = sensitivity_at_specificity(np.array([0, 1]), np.array([0.9, 0.2]), 1.0)
    assert found is not None
    assert (found.value, found.threshold) == (0.0, None)


def test_one_class_has_no_fixed_rates() -> None:
    assert sensitivity_at_specificity(np.array([1, 1]), np.array([0.1, 0.2]), 0.9) is None


def test_average_precision_needs_both_classes() -> None:
    assert np.isnan(average_precision(np.array([1, 1]), np.array([0.1, 0.2])))
