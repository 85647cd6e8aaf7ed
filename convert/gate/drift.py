"""The drift gate: does the converted model still decide as the float model did? Arrays in, a verdict out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from convert.gate.limits import Limits, Verdict, judge
from edge_runtime.core.card import LABELS, OperatingPoints, OutputContract
from edge_runtime.counting import exact_upper
from edge_runtime.errors import BadData, WrongUsage
from train.metrics.bootstrap import REPLICATES, bootstrap
from train.metrics.calibration import calibrated
from train.metrics.collapse import inspect_predictions
from train.metrics.metrics import measure
from train.metrics.patient_sums import Tallies, tally

_FIGURES = ("accuracy", "sensitivity", "specificity", "auc", "ece")
_SIGN = {"ece": 1}  # a figure that rises when a model gets worse; the others fall
_THRESHOLD = 0.5


@dataclass(frozen=True)
class Answers:
    """What one model said, and how it is read.

    Attributes:
        logits: [n], before calibration.
        output: the model's own calibration.
        points: the model's own operating points.
    """

    logits: np.ndarray
    output: OutputContract
    points: OperatingPoints

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated P(parasitized), [n]."""
        return calibrated(self.logits, self.output)


@dataclass(frozen=True)
class Change:
    """One figure of both models, None where it is undefined (a class is missing).

    Attributes:
        reference: of the float model.
        converted: of the converted model.
        change: converted - reference.
    """

    reference: float | None
    converted: float | None
    change: float | None


@dataclass(frozen=True)
class AtPoint:
    """Both models at one operating point.

    Attributes:
        name: "label" (P 0.5), "review" or "count".
        float_threshold: on the float model's P; ``converted_threshold`` on the converted one's.
        figures: accuracy, sensitivity, specificity.
        agreement: share of cells with the same decision.
    """

    name: str
    float_threshold: float
    converted_threshold: float
    figures: dict[str, Change]
    agreement: float


@dataclass(frozen=True)
class Flips:
    """Decisions at P 0.5 that conversion turned round, in one class.

    Attributes:
        label: the class, or "all".
        cells: how many of it.
        worse: right before, wrong now.
        better: wrong before, right now.
        p_value: exact two-sided McNemar test (McNemar 1947): how likely so lopsided flips are when both directions
            are equally likely.
    """

    label: str
    cells: int
    worse: int
    better: int
    p_value: float


@dataclass(frozen=True)
class PatientDrift:
    """One patient's cells: accuracy of both models, flips, mean change of P. Reported, never gated."""

    patient: str
    cells: int
    float_accuracy: float
    converted_accuracy: float
    flips: int
    mean_probability_change: float


@dataclass(frozen=True)
class Drift:
    """Everything the gate measured.

    Attributes:
        cells, patients: how many (patients None when unknown; images are resampled then).
        figures: accuracy, sensitivity, specificity, AUC, ECE at P 0.5.
        points: both models at P 0.5 and at their two operating points.
        flips: all cells, uninfected, parasitized.
        probability_change: mean, p99 and max of |change of P|.
        per_patient: most flips first; empty when patients are unknown.
        histogram: cells in 20 equal bins of P, "float" and "converted".
        accuracy_loss_bound: one-sided 95 % upper bound of the accuracy loss; None when it cannot be computed.
        flipped: int [k], positions of the cells whose decision turned, largest change of P first.
        verdict: on all of it.
    """

    cells: int
    patients: int | None
    figures: dict[str, Change]
    points: tuple[AtPoint, ...]
    flips: tuple[Flips, ...]
    probability_change: dict[str, float]
    per_patient: tuple[PatientDrift, ...]
    histogram: dict[str, tuple[int, ...]]
    accuracy_loss_bound: float | None
    flipped: np.ndarray
    verdict: Verdict

    @property
    def agreement(self) -> float:
        """Share of cells with the same decision at P 0.5."""
        return self.points[0].agreement

    def to_json(self, paths: Sequence[str] | None = None) -> dict[str, object]:
        """Plain JSON values; with the cells' ``paths`` the turned images are named, else only counted."""
        document = asdict(self)
        document["flipped"] = len(self.flipped) if paths is None else [paths[int(i)] for i in self.flipped]
        return document


def compare(
    labels: np.ndarray,
    patients: Sequence[str] | None,
    reference: Answers,
    converted: Answers,
    limits: Limits | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Drift:
    """Hold a converted model against the float model on the same held-out cells.

    A limit is about the point estimate: beyond it the verdict is "failed". Else it is "inconclusive" when the
    one-sided 95 % bound of the accuracy loss exceeds ``limits.bound``. The bound comes from resampling patients, and
    is never below what n cells without any loss could exclude (1 - 0.05^(1/n), the exact binomial bound), because a
    bootstrap of a few cells that happen to agree would promise certainty.

    Args:
        labels: int [n], n at least 1, 1 parasitized.
        patients: n names, or None.
        reference: the float model's answers.
        converted: the converted model's answers.
        limits: defaults as in :class:`Limits`.
        seed: of the bootstrap.
        replicates: bootstrap resamplings.

    Raises:
        WrongUsage: there are no cells.
        BadData: lengths differ or logits are not finite.
    """
    limits = limits or Limits()
    truth = np.asarray(labels).astype(int)
    _check_input(truth, patients, reference, converted)
    before, after = reference.probabilities, converted.probabilities
    was, now = before >= _THRESHOLD, after >= _THRESHOLD
    tallies = tuple(tally(truth, p, patients, a.logits) for p, a in ((before, reference), (after, converted)))
    figures = _figures(truth, reference, converted)
    points = tuple(_at_point(truth, reference, converted, name) for name in ("label", "review", "count"))
    distance = np.abs(after - before)
    bound = _loss_bound(tallies[0], tallies[1], seed, replicates)
    seen = inspect_predictions(truth, before), inspect_predictions(truth, after)
    collapsed = seen[1].message if seen[1].collapsed and not seen[0].collapsed else None
    losses: dict[str, float | None] = {
        name: None if f.change is None else f.change * _SIGN.get(name, -1) for name, f in figures.items()
    }
    losses["probability"] = float(distance.max())
    verdict = judge(limits, losses, points[0].agreement, bound, len(truth), collapsed)
    turned = np.flatnonzero(was != now)
    return Drift(
        cells=len(truth),
        patients=None if patients is None else len(tallies[0].names),
        figures=figures,
        points=points,
        flips=_flips(truth, was, now),
        probability_change={
            "mean": float(distance.mean()),
            "p99": float(np.quantile(distance, 0.99)),
            "max": float(distance.max()),
        },
        per_patient=() if patients is None else _per_patient(tallies[0], truth, was, now, distance),
        histogram={
            name: tuple(p + u for p, u in zip(one.parasitized, one.uninfected, strict=True))
            for name, one in zip(("float", "converted"), seen, strict=True)
        },
        accuracy_loss_bound=bound,
        flipped=turned[np.argsort(-distance[turned], kind="stable")],
        verdict=verdict,
    )


def mcnemar(worse: int, better: int) -> float:
    """Exact two-sided McNemar test: P of a split at least as lopsided as this one if both directions are alike."""
    total = worse + better
    tail = sum(math.comb(total, i) for i in range(min(worse, better) + 1))
    return min(1.0, 2 * tail / 2**total)


def _check_input(truth: np.ndarray, patients: Sequence[str] | None, *answers: Answers) -> None:
    if not len(truth):
        raise WrongUsage("The drift gate has no held-out cells to work on; choose a split with validation or test.")
    for answer in answers:
        if len(answer.logits) != len(truth) or (patients is not None and len(patients) != len(truth)):
            raise BadData(f"{len(truth)} labels came with {len(answer.logits)} logits; every cell needs one of each.")
        if not np.all(np.isfinite(answer.logits)):
            raise BadData(f"{int(np.sum(~np.isfinite(answer.logits)))} of {len(truth)} logits are not finite numbers.")


def _figures(truth: np.ndarray, reference: Answers, converted: Answers) -> dict[str, Change]:
    before = measure(truth, reference.probabilities, reference.logits)
    after = measure(truth, converted.probabilities, converted.logits)
    return {name: _change(before[name].value, after[name].value) for name in _FIGURES}


def _change(before: float | None, after: float | None) -> Change:
    return Change(before, after, None if before is None or after is None else after - before)


def _at_point(truth: np.ndarray, reference: Answers, converted: Answers, name: str) -> AtPoint:
    old, new = (_THRESHOLD if name == "label" else getattr(a.points, name) for a in (reference, converted))
    p, q = reference.probabilities, converted.probabilities
    before, after = measure(truth, p, threshold=old), measure(truth, q, threshold=new)
    rates = ("accuracy", "sensitivity", "specificity")
    figures = {rate: _change(before[rate].value, after[rate].value) for rate in rates}
    return AtPoint(name, old, new, figures, float(np.mean((p >= old) == (q >= new))))


def _loss_bound(reference: Tallies, converted: Tallies, seed: int, replicates: int) -> float | None:
    def loss(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"loss": reference.rates(weights)["accuracy"] - converted.rates(weights)["accuracy"]}

    upper = bootstrap(loss, len(reference.names), replicates, seed)["loss"].upper_bound
    return None if upper is None else max(upper, exact_upper(0, len(reference.labels)))


def _flips(truth: np.ndarray, was: np.ndarray, now: np.ndarray) -> tuple[Flips, ...]:
    worse, better = (was == truth) & (now != truth), (was != truth) & (now == truth)
    groups = (("all", np.ones(len(truth), bool)), *((name, truth == i) for i, name in enumerate(LABELS)))
    rows = []
    for name, chosen in groups:
        lost, won = int(worse[chosen].sum()), int(better[chosen].sum())
        rows.append(Flips(name, int(chosen.sum()), lost, won, mcnemar(lost, won)))
    return tuple(rows)


def _per_patient(
    tallies: Tallies, truth: np.ndarray, was: np.ndarray, now: np.ndarray, distance: np.ndarray
) -> tuple[PatientDrift, ...]:
    count = len(tallies.names)
    cells = np.bincount(tallies.patient, minlength=count)
    share = [np.bincount(tallies.patient, weights=w, minlength=count) / cells for w in (was == truth, now == truth)]
    flips = np.bincount(tallies.patient, weights=was != now, minlength=count).astype(int)
    mean = np.bincount(tallies.patient, weights=distance, minlength=count) / cells
    rows = [
        PatientDrift(name, int(cells[i]), float(share[0][i]), float(share[1][i]), int(flips[i]), float(mean[i]))
        for i, name in enumerate(tallies.names)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.flips, -row.mean_probability_change)))
