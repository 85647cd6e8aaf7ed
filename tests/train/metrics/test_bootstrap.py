"""Resampling patients: equal to measuring the resampled cells one by one, repeatable, honest about clusters, fast."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import metrics as reference

from train.metrics.bootstrap import bootstrap, mean_difference, paired_difference, patient_weights
from train.metrics.metrics import METRICS, measure
from train.metrics.patient_sums import AT_SENSITIVITY, AT_SPECIFICITY, PatientSums, sum_by_patient


def smear(seed: int = 0, patients: int = 12, cells: int = 30, spread: float = 1.0) -> tuple[np.ndarray, ...]:
    """Labels, P and patient names; the first third of the patients are healthy; patients differ by ``spread``."""
    generator = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), cells)
    labels = (generator.random(len(patient)) < 0.5).astype(int) * (patient >= patients // 3)
    shift = generator.normal(0, spread, patients)[patient]
    logits = 2.0 * labels - 1 + shift + generator.normal(0, 1, len(patient))
    return labels, 1 / (1 + np.exp(-logits)), np.array([f"P{i:03d}" for i in patient])


def sums_of(**arguments: float) -> PatientSums:
    return sum_by_patient(*smear(**arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", [None, 9])
def test_a_replicate_equals_measuring_the_drawn_cells(levels: int | None) -> None:
    labels, p, names = smear()
    p = p if levels is None else np.round(p * levels) / levels
    sums = sum_by_patient(labels, p, list(names))
    weights = np.concatenate(list(patient_weights(12, replicates=20, seed=3)))
    pooled, macro = sums.pooled(weights), sums.macro(weights)
    for r, row in enumerate(weights):
        own_cells = [np.tile(np.flatnonzero(names == n), k) for n, k in zip(sums.names, row, strict=True)]
        drawn = np.concatenate(own_cells)
        expected = measure(labels[drawn], p[drawn])
        for name in METRICS:
            assert pooled[name][r] == pytest.approx(expected[name].value, abs=1e-12), name
        own = [float(sums.per_patient["auc"][i]) for i, k in enumerate(row) for _ in range(k)]
        assert macro["auc"][r] == pytest.approx(np.nanmean(own))


def test_macro_figures_are_means_over_patients() -> None:
    labels, p, names = smear()
    sums = sum_by_patient(labels, p, list(names))
    got = sums.macro(np.ones((1, 12)))
    infected = [name for name in np.unique(names) if labels[names == name].any()]
    areas = [reference.roc_auc_score(labels[names == n], p[names == n]) for n in infected]
    accuracies = [np.mean((p[names == n] >= 0.5) == labels[names == n]) for n in np.unique(names)]
    precisions = [reference.precision_score(labels[names == n], p[names == n] >= 0.5) for n in infected]
    assert got["auc"][0] == pytest.approx(np.mean(areas))
    assert got["accuracy"][0] == pytest.approx(np.mean(accuracies))
    assert got["precision"][0] == pytest.approx(np.mean(precisions))
    assert len(infected) == 8


def test_rates_held_fixed_follow_the_roc_curve() -> None:
    labels, p, names = smear()
    false_positives, sensitivity, _ = reference.roc_curve(labels, p, drop_intermediate=False)
    got = sum_by_patient(labels, p, list(names)).pooled(np.ones((1, 12)))
    assert got[AT_SPECIFICITY][0] == pytest.approx(sensitivity[false_positives <= 0.025 + 1e-12].max())
    assert got[AT_SENSITIVITY][0] == pytest.approx(1 - false_positives[sensitivity >= 0.965 - 1e-12].min())


def test_weights_draw_every_patient_alike_and_are_repeatable() -> None:
    weights = np.concatenate(list(patient_weights(7, replicates=3000, seed=1)))
    assert weights.shape == (3000, 7)
    assert np.all(weights.sum(axis=1) == 7)
    assert np.allclose(weights.mean(axis=0), 1, atol=0.08)
    assert np.array_equal(weights, np.concatenate(list(patient_weights(7, replicates=3000, seed=1))))
    assert not np.array_equal(weights, np.concatenate(list(patient_weights(7, replicates=3000, seed=2))))


def test_interval_of_a_mean_matches_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(5, 2, 200)
    got = bootstrap(lambda weights: {"mean": weights @ values / weights.sum(axis=1)}, 200, seed=4)["mean"]
    error = values.std() / np.sqrt(200)
    assert got.value == pytest.approx(values.mean())
    assert got.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert got.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert got.lower_bound == pytest.approx(values.mean() - 1.645 * error, abs=0.15 * error)
    assert got.upper_bound == pytest.approx(values.mean() + 1.645 * error, abs=0.15 * error)


def test_patients_give_wider_intervals_than_cells_when_patients_differ() -> None:
    labels, p, names = smear(spread=2.0, patients=30)

    def width(patients: list[str] | None) -> float:
        sums = sum_by_patient(labels, p, patients)
        got = bootstrap(sums.pooled, len(sums.names), 300)["accuracy"]
        assert got.low is not None and got.high is not None
        return got.high - got.low

    assert width(list(names)) > 1.5 * width(None)


def test_interval_of_the_calibration_error_holds_its_value() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(2000)
    sums = sum_by_patient((generator.random(2000) < p).astype(int), p, [f"P{i // 20}" for i in range(2000)])
    got = bootstrap(sums.pooled, 100, 400)["ece"]
    assert got.value is not None and got.low is not None and got.high is not None
    assert 0 <= got.low <= got.value <= got.high


def test_one_patient_gives_figures_without_intervals() -> None:
    labels, p, _ = smear(patients=3)
    sums = sum_by_patient(labels, p, ["A"] * len(labels))
    got = bootstrap(sums.pooled, 1)["accuracy"]
    assert got.value is not None
    assert (got.low, got.high) == (None, None)
    assert "one patient" in str(got.reason)


def test_a_figure_defined_in_few_replicates_has_no_interval() -> None:
    def rare(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"rare": np.where(np.all(weights == 1, axis=1), 1.0, np.nan)}

    got = bootstrap(rare, 10, 100)["rare"]
    assert (got.value, got.low) == (1.0, None)
    assert "undefined in 100 of 100" in str(got.reason)


def test_paired_difference_sees_what_separate_intervals_cannot() -> None:
    labels, p, names = smear(patients=60, spread=1.5)
    logits = np.log(p / (1 - p))
    better = 1 / (1 + np.exp(-(logits + 0.8 * (2 * labels - 1))))
    first, second = sum_by_patient(labels, better, list(names)), sum_by_patient(labels, p, list(names))
    got = paired_difference(first, second, 500)
    alone = bootstrap(second.pooled, 60, 500)
    for name in ("accuracy", "auc"):
        assert got[name].value == pytest.approx(
            first.pooled(np.ones((1, 60)))[name][0] - second.pooled(np.ones((1, 60)))[name][0]
        )
        assert got[name].lower_bound is not None and got[name].lower_bound > 0
        assert got[name].high - got[name].low < alone[name].high - alone[name].low  # type: ignore[operator]


def test_the_difference_of_means_is_that_of_single_models_averaged() -> None:
    labels, p, names = smear(patients=20, spread=1.5)
    ours = [sum_by_patient(labels, np.clip(p + shift, 0, 1), list(names)) for shift in (0.0, 0.1)]
    theirs = sum_by_patient(labels, p[::-1], list(names))
    got = mean_difference(ours, [theirs], 100)
    each = [paired_difference(one, theirs, 100)["accuracy"] for one in ours]
    assert got["accuracy"].value == pytest.approx(np.mean([one.value for one in each]))
    assert mean_difference([ours[0]], [ours[0], ours[0]], 100)["auc"].high == 0


def test_a_model_does_not_differ_from_itself() -> None:
    got = paired_difference(sums_of(), sums_of(), 50)
    assert {entry.value for entry in got.values()} == {0.0}
    assert {entry.high for entry in got.values()} == {0.0}


def test_paired_difference_refuses_other_cells() -> None:
    with pytest.raises(ValueError, match="same cells"):
        paired_difference(sums_of(seed=0), sums_of(seed=1))


def test_tally_refuses_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="equally many"):
        sum_by_patient(np.array([0, 1]), np.array([0.5]), None)


def test_two_thousand_replicates_of_a_full_test_set_take_seconds() -> None:
    labels, p, names = smear(patients=104, cells=145)
    sums = sum_by_patient(labels, p, list(names))
    start = time.process_time()
    bootstrap(sums.pooled, 104)
    assert time.process_time() - start < 20
