"""The drift gate on arrays: what passes, what fails and by how much, and when there are too few cells to tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from convert.gate.drift import Answers, Drift
from convert.gate.gate import Gate, mcnemar
from convert.gate.held_out import HeldOut
from convert.gate.limits import FAILED, INCONCLUSIVE, PASSED, Limits, judge
from edge_runtime.core.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import BadData, GateFailed, NotConclusive, WrongUsage
from train.data.dataset import Cells
from train.runs.run import Run

CELLS = 2000


def answers(logits: np.ndarray, **output: float) -> Answers:
    return Answers(logits, OutputContract(**output), OperatingPoints(review=0.2, count=0.9))


def cells(count: int = CELLS, patients: int = 20) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Labels, patients, and logits that are right for 98 % of the cells."""
    generator = np.random.default_rng(3)
    labels = np.arange(count) % 2
    logits = (2 * labels - 1) * np.abs(generator.normal(3, 1, count))
    logits[::50] *= -1
    return labels, [f"C{i % patients}" for i in range(count)], logits


def turned(logits: np.ndarray, positions: list[int]) -> np.ndarray:
    changed = logits.copy()
    changed[positions] *= -1
    return changed


def right_cells(labels: np.ndarray, logits: np.ndarray, label: int, count: int) -> list[int]:
    return list(np.flatnonzero(((logits > 0) == labels) & (labels == label))[:count])


def compare(
    labels: np.ndarray,
    patients: list[str] | None,
    reference: Answers,
    converted: Answers,
    limits: Limits | None = None,
    replicates: int = 50,
) -> Drift:
    """The gate on cells without pictures."""
    names = None if patients is None else tuple(patients)
    held = Cells(Path(), tuple(f"{i}.png" for i in range(len(labels))), labels, names)
    run = Run(Path(), {}, InputContract(1, 1), held, np.full(len(labels), "test"))
    rows, pixels = np.arange(len(labels)), np.zeros((len(labels), 1, 1, 3), np.uint8)
    held_out = HeldOut(run, held, rows, pixels, reference)
    return Gate(held_out, limits or Limits(), replicates=replicates).compare(converted)


def gate(converted: np.ndarray, limits: Limits | None = None, count: int = CELLS) -> Drift:
    labels, patients, logits = cells(count)
    return compare(labels, patients, answers(logits), answers(converted), limits, replicates=300)


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (1, 0), (5, 5), (9, 1), (3, 12), (40, 20)])
def test_mcnemar_is_the_exact_binomial_test(worse: int, better: int) -> None:
    expected = binomtest(worse, worse + better, 0.5).pvalue if worse + better else 1.0
    assert mcnemar(worse, better) == pytest.approx(expected, rel=1e-12)


def test_an_identical_model_passes() -> None:
    drift = gate(cells()[2])
    assert (drift.decision.name, drift.decision.error()) == (PASSED, None)
    assert drift.agreement == 1.0
    assert all(figure.change == 0 for figure in drift.figures.values())
    assert len(drift.flipped) == 0


@pytest.mark.parametrize(
    ("flips", "decision", "broken"),
    [
        (4, PASSED, []),  # 0.2 points of accuracy are the limit, and the limit is allowed
        (5, FAILED, ["accuracy"]),
        (11, FAILED, ["agreement", "accuracy"]),
    ],
)
def test_lost_cells_count_against_accuracy_and_agreement(flips: int, decision: str, broken: list[str]) -> None:
    labels, _, logits = cells()
    drift = gate(turned(logits, right_cells(labels, logits, 1, flips)), Limits(auc=None))
    assert drift.decision.name == decision
    assert [check.name for check in drift.decision.checks if not check.passed] == broken


def test_a_failure_says_which_limit_by_how_much_and_which_cells() -> None:
    labels, patients, logits = cells()
    lost = right_cells(labels, logits, 1, 8)
    drift = gate(turned(logits, lost))
    check = next(check for check in drift.decision.checks if check.name == "accuracy")
    assert check.value == pytest.approx(0.004)
    assert check.beyond == pytest.approx(0.002)
    assert "0.400 points" in drift.decision.reason
    error = drift.decision.error("Do this.")
    assert isinstance(error, GateFailed) and str(error) == f"{drift.decision.reason} Do this."
    assert sorted(drift.flipped) == sorted(lost)
    named = drift.to_json([f"{patient}.png" for patient in patients])
    assert len(named["flipped"]) == 8
    assert named["verdict"]["name"] == FAILED and "decision" not in named
    json.dumps(named, allow_nan=False)


def test_turned_cells_are_listed_largest_change_first() -> None:
    logits = np.array([0.1, 3.0, 1.0, -2.0] * 100)
    labels = np.array([1, 1, 1, 0] * 100)
    drift = compare(labels, None, answers(logits), answers(turned(logits, [0, 1, 2])))
    assert list(drift.flipped) == [1, 2, 0]


def test_gains_do_not_count_as_losses() -> None:
    labels, _, logits = cells()
    wrong = list(np.flatnonzero((logits > 0) != labels)[:8])
    drift = gate(turned(logits, wrong))
    assert drift.decision.name == PASSED
    assert drift.figures["accuracy"].change == pytest.approx(0.004)


def test_the_auc_limit_sees_what_accuracy_does_not() -> None:
    labels, _, logits = cells()
    surer_of_errors = np.where((logits > 0) == labels, logits, 5 * logits)
    drift = gate(surer_of_errors)
    assert [check.name for check in drift.decision.checks if not check.passed] == ["auc"]


@pytest.mark.parametrize(
    ("count", "decision"), [(20, INCONCLUSIVE), (200, INCONCLUSIVE), (298, INCONCLUSIVE), (400, PASSED)]
)
def test_few_cells_that_agree_prove_nothing(count: int, decision: str) -> None:
    """Rule of three: 298 cells without a loss do not exclude a loss of 1 point."""
    drift = gate(cells(count)[2], count=count)
    assert drift.decision.name == decision
    assert drift.accuracy_loss_bound == pytest.approx(1 - 0.05 ** (1 / count))


def test_losses_in_one_patient_widen_the_bound() -> None:
    labels, patients, logits = cells()
    mine = [i for i in right_cells(labels, logits, 1, CELLS) if patients[i] == "C3"][:8]
    spread = right_cells(labels, logits, 1, 8)
    loose = Limits(accuracy=0.01, agreement=0.99, auc=0.01)
    concentrated, even = gate(turned(logits, mine), loose), gate(turned(logits, spread), loose)
    assert concentrated.accuracy_loss_bound > even.accuracy_loss_bound
    assert concentrated.per_patient[0].patient == "C3"
    assert concentrated.per_patient[0].flips == 8


@pytest.mark.parametrize(
    ("labels", "patients", "reason"),
    [
        (np.ones(500, int), [f"C{i % 9}" for i in range(500)], "a class is missing"),
        (np.arange(500) % 2, ["C1"] * 500, "one patient"),
    ],
)
def test_what_cannot_be_measured_is_inconclusive(labels: np.ndarray, patients: list[str], reason: str) -> None:
    logits = np.where(labels == 1, 3.0, -3.0)
    drift = compare(labels, patients, answers(logits), answers(logits))
    assert drift.decision.name == INCONCLUSIVE and isinstance(drift.decision.error(), NotConclusive)
    assert reason in drift.decision.reason


def test_a_collapse_to_one_class_fails_even_with_every_limit_off() -> None:
    labels, patients, logits = cells()
    off = Limits(accuracy=None, agreement=None, auc=None, bound=1.0)
    drift = compare(labels, patients, answers(logits), answers(np.full(CELLS, -4.0)), off)
    assert drift.decision.name == FAILED
    assert "collapsed to one class" in drift.decision.reason
    assert sum(drift.histogram["converted"]) == CELLS
    assert max(drift.histogram["converted"]) == CELLS


def test_each_model_is_read_with_its_own_calibration() -> None:
    labels, patients, logits = cells()
    drift = compare(labels, patients, answers(logits), answers(3 * logits + 6, temperature=3.0, bias=-2.0))
    assert drift.agreement == 1.0
    assert drift.probability_change["max"] == pytest.approx(0, abs=1e-12)


def test_flips_by_class() -> None:
    labels, _, logits = cells()
    changed = turned(turned(logits, right_cells(labels, logits, 1, 3)), right_cells(labels, logits, 0, 1))
    rows = {flips.label: flips for flips in gate(changed).flips}
    assert (rows["Parasitized"].worse, rows["Uninfected"].worse, rows["all"].worse) == (3, 1, 4)
    assert rows["Parasitized"].p_value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [("sensitivity", 0.01, True), ("sensitivity", 0.001, False), ("probability", 0.5, False), ("ece", 0.5, True)],
)
def test_further_limits_can_be_switched_on(name: str, value: float, passes: bool) -> None:
    labels, _, logits = cells()
    limits = replace(Limits(accuracy=None, agreement=None, auc=None), **{name: value})
    assert (gate(turned(logits, right_cells(labels, logits, 1, 4)), limits).decision.name == PASSED) is passes


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_limit_is_a_share(value: float) -> None:
    with pytest.raises(WrongUsage, match="must lie in"):
        Limits(accuracy=value)


@pytest.mark.parametrize(
    ("labels", "logits", "error"),
    [([], [], WrongUsage), ([0, 1], [1.0], BadData), ([0, 1], [1.0, np.nan], BadData)],
)
def test_bad_input(labels: list[int], logits: list[float], error: type[Exception]) -> None:
    with pytest.raises(error):
        compare(np.array(labels), None, answers(np.array(logits)), answers(np.array(logits)))


def test_agreement_at_its_limit_passes() -> None:
    losses = dict.fromkeys(("accuracy", "auc", "sensitivity", "specificity", "ece", "probability"), 0.0)
    assert judge(Limits(), losses, agreement=1 - 0.005, bound=0.001, cells=9000).name == PASSED
