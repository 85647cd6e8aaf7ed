"""The drift gate: does a converted model still decide as the float model did? Its limits and its seed are set once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from convert.gate.drift import Answers, AtPoint, Change, Drift, Flips, PatientDrift
from convert.gate.held_out import HeldOut
from convert.gate.limits import Limits, judge
from edge_runtime.core.card import LABELS
from edge_runtime.counting import exact_upper
from edge_runtime.errors import BadData, WrongUsage
from train.metrics.bootstrap import REPLICATES, bootstrap
from train.metrics.collapse import Predictions, inspect_predictions
from train.metrics.metrics import measure
from train.metrics.patient_sums import PatientSums, sum_by_patient

FIGURES = ("accuracy", "sensitivity", "specificity", "auc", "ece")
_SIGN = {"ece": 1}  # a figure that rises when a model gets worse; the others fall
_THRESHOLD = 0.5


@dataclass(frozen=True)
class Gate:
    """Holds converted models against the float model on the same held-out cells.

    A limit is about the point estimate: beyond it the decision is "failed". Else it is "inconclusive" when the
    one-sided 95 % bound of the accuracy loss exceeds ``limits.bound``
    (:meth:`PairedAnswers.accuracy_loss_bound`).

    Attributes:
        held_out: the cells, and the float model's answers.
        limits: what a converted model may lose.
        seed: of the bootstrap.
        replicates: bootstrap resamplings.
    """

    held_out: HeldOut
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    replicates: int = REPLICATES

    def compare(self, converted: Answers) -> Drift:
        """Measure how a converted model departs from the float model, and decide.

        Raises:
            WrongUsage: there are no held-out cells.
            BadData: the answers are not one for each cell, or logits are not finite.
        """
        cells = self.held_out.cells
        both = PairedAnswers(cells.labels, cells.patients, self.held_out.reference, converted)
        figures = both.figures()
        points = tuple(both.at_point(name) for name in ("label", "review", "count"))
        change = both.probability_change()
        bound = both.accuracy_loss_bound(self.seed, self.replicates)
        losses: dict[str, float | None] = {
            name: None if figure.change is None else figure.change * _SIGN.get(name, -1)
            for name, figure in figures.items()
        }
        losses["probability"] = change["max"]
        return Drift(
            cells=len(cells.labels),
            patients=both.patient_count,
            figures=figures,
            points=points,
            flips=both.flips(),
            probability_change=change,
            per_patient=both.per_patient(),
            histogram=both.histogram(),
            accuracy_loss_bound=bound,
            flipped=both.flipped(),
            decision=judge(self.limits, losses, points[0].agreement, bound, len(cells.labels), both.collapse()),
        )


@dataclass(frozen=True)
class PairedAnswers:
    """The float model's and the converted model's answers to the same cells.

    Attributes:
        labels: int [n], n at least 1, 1 parasitized.
        patients: n names, or None when unknown; every cell then stands for itself.
        reference: the float model's answers.
        converted: the converted model's.
    """

    labels: np.ndarray
    patients: Sequence[str] | None
    reference: Answers
    converted: Answers

    def __post_init__(self) -> None:
        """Check the input.

        Raises:
            WrongUsage: there are no cells.
            BadData: lengths differ or logits are not finite.
        """
        count = len(self.labels)
        if not count:
            raise WrongUsage("The drift gate has no held-out cells to work on; choose a split with validation or test.")
        for logits in (self.reference.logits, self.converted.logits):
            if len(logits) != count or (self.patients is not None and len(self.patients) != count):
                raise BadData(f"{count} labels came with {len(logits)} logits; every cell needs one of each.")
            if not np.all(np.isfinite(logits)):
                raise BadData(f"{int(np.sum(~np.isfinite(logits)))} of {count} logits are not finite numbers.")

    @property
    def patient_count(self) -> int | None:
        """How many patients; None when unknown."""
        return None if self.patients is None else len(self._tallies[0].names)

    def figures(self) -> dict[str, Change]:
        """Every one of :data:`FIGURES`, at P 0.5."""
        return self._changes(FIGURES, _THRESHOLD, _THRESHOLD)

    def at_point(self, name: str) -> AtPoint:
        """Both models at the operating point "label" (P 0.5), "review" or "count", each at its own threshold."""
        old, new = (
            _THRESHOLD if name == "label" else getattr(answers.points, name)
            for answers in (self.reference, self.converted)
        )
        before, after = self._probabilities
        figures = self._changes(("accuracy", "sensitivity", "specificity"), old, new)
        return AtPoint(name, old, new, figures, float(np.mean((before >= old) == (after >= new))))

    def accuracy_loss_bound(self, seed: int, replicates: int) -> float | None:
        """One-sided 95 % upper bound of the accuracy loss, from resampling patients; None when there is only one.

        It is never below what n cells without any loss could exclude (1 - 0.05^(1/n), the exact binomial bound),
        because a bootstrap of a few cells that happen to agree would promise certainty.
        """
        reference, converted = self._tallies

        def loss(weights: np.ndarray) -> dict[str, np.ndarray]:
            return {"loss": reference.rates(weights)["accuracy"] - converted.rates(weights)["accuracy"]}

        upper = bootstrap(loss, len(reference.names), replicates, seed)["loss"].upper_bound
        return None if upper is None else max(upper, exact_upper(0, len(reference.labels)))

    def probability_change(self) -> dict[str, float]:
        """Mean, p99 and max of |change of P|."""
        distance = self._distance
        return {
            "mean": float(distance.mean()),
            "p99": float(np.quantile(distance, 0.99)),
            "max": float(distance.max()),
        }

    def flips(self) -> tuple[Flips, ...]:
        """Turned decisions of all cells, and by class."""
        truth, (was, now) = self._truth, self._decisions
        worse, better = (was == truth) & (now != truth), (was != truth) & (now == truth)
        groups = (("all", np.ones(len(truth), bool)), *((name, truth == i) for i, name in enumerate(LABELS)))
        rows = []
        for name, chosen in groups:
            lost, won = int(worse[chosen].sum()), int(better[chosen].sum())
            rows.append(Flips(name, int(chosen.sum()), lost, won, mcnemar(lost, won)))
        return tuple(rows)

    def flipped(self) -> np.ndarray:
        """int [k], positions of the cells whose decision turned, largest change of P first."""
        was, now = self._decisions
        turned = np.flatnonzero(was != now)
        return turned[np.argsort(-self._distance[turned], kind="stable")]

    def per_patient(self) -> tuple[PatientDrift, ...]:
        """Every patient's drift, most flips first; empty when patients are unknown."""
        if self.patients is None:
            return ()
        tallies, truth, (was, now) = self._tallies[0], self._truth, self._decisions
        count = len(tallies.names)
        cells = np.bincount(tallies.patient, minlength=count)
        share = [np.bincount(tallies.patient, weights=w, minlength=count) / cells for w in (was == truth, now == truth)]
        flips = np.bincount(tallies.patient, weights=was != now, minlength=count).astype(int)
        mean = np.bincount(tallies.patient, weights=self._distance, minlength=count) / cells
        rows = [
            PatientDrift(name, int(cells[i]), float(share[0][i]), float(share[1][i]), int(flips[i]), float(mean[i]))
            for i, name in enumerate(tallies.names)
        ]
        return tuple(sorted(rows, key=lambda row: (-row.flips, -row.mean_probability_change)))

    def histogram(self) -> dict[str, tuple[int, ...]]:
        """Cells in 20 equal bins of P, "float" and "converted"."""
        return {
            name: tuple(p + u for p, u in zip(one.parasitized, one.uninfected, strict=True))
            for name, one in zip(("float", "converted"), self._predictions, strict=True)
        }

    def collapse(self) -> str | None:
        """What is wrong when the converted model answers the same for every cell and the float model does not."""
        before, after = self._predictions
        return after.message if after.collapsed and not before.collapsed else None

    @cached_property
    def _truth(self) -> np.ndarray:
        return np.asarray(self.labels).astype(int)

    @cached_property
    def _probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        return self.reference.probabilities, self.converted.probabilities

    @cached_property
    def _decisions(self) -> tuple[np.ndarray, np.ndarray]:
        before, after = self._probabilities
        return before >= _THRESHOLD, after >= _THRESHOLD

    @cached_property
    def _distance(self) -> np.ndarray:
        before, after = self._probabilities
        return np.abs(after - before)

    @cached_property
    def _tallies(self) -> tuple[PatientSums, PatientSums]:
        before, after = self._probabilities
        return (
            sum_by_patient(self._truth, before, self.patients, self.reference.logits),
            sum_by_patient(self._truth, after, self.patients, self.converted.logits),
        )

    @cached_property
    def _predictions(self) -> tuple[Predictions, Predictions]:
        before, after = self._probabilities
        return inspect_predictions(self._truth, before), inspect_predictions(self._truth, after)

    def _changes(self, names: Sequence[str], old: float, new: float) -> dict[str, Change]:
        (p, q), truth = self._probabilities, self._truth
        before = measure(truth, p, self.reference.logits, threshold=old)
        after = measure(truth, q, self.converted.logits, threshold=new)
        return {name: _change(before[name].value, after[name].value) for name in names}


def mcnemar(worse: int, better: int) -> float:
    """Exact two-sided McNemar test: P of a split at least as lopsided as this one if both directions are alike."""
    total = worse + better
    tail = sum(math.comb(total, i) for i in range(min(worse, better) + 1))
    return min(1.0, 2 * tail / 2**total)


def _change(before: float | None, after: float | None) -> Change:
    return Change(before, after, None if before is None or after is None else after - before)
