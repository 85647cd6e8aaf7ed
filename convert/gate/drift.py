"""What the drift gate finds out: two models' figures side by side, the decisions that turned, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from convert.gate.limits import GateDecision
from edge_runtime.core.card import OperatingPoints, OutputContract
from train.metrics.calibration import calibrated


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
        decision: what follows from all of it.
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
    decision: GateDecision

    @property
    def agreement(self) -> float:
        """Share of cells with the same decision at P 0.5."""
        return self.points[0].agreement

    def to_json(self, paths: Sequence[str] | None = None) -> dict[str, object]:
        """Plain JSON values; with the cells' ``paths`` the turned images are named, else only counted."""
        document = asdict(self)
        document["verdict"] = document.pop("decision")  # the name that cards and documents have carried from the first
        document["flipped"] = len(self.flipped) if paths is None else [paths[int(i)] for i in self.flipped]
        return document
