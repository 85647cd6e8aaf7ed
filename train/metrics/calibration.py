"""Calibration: fit the temperature and bias that make P(parasitized) mean what it says on new patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.core.card import OutputContract
from edge_runtime.core.decision import probability
from edge_runtime.errors import NotConclusive

_SLOPES = (0.01, 100.0)  # a temperature of 100 down to 0.01; anything beyond is a broken model, not a calibration
_STEPS = 100
# A pull towards "leave the logits alone", worth a thousandth of a cell: it only decides when the data cannot.
_RIDGE = 1e-3
# Fewer patients tell more of themselves than of the bias: one with hundreds of cells moves it for everyone. Measured
# over draws of ten validation patients (docs/training-tried.md): ECE 0.007 with the temperature alone, 0.011 with
# the bias.
PATIENTS_FOR_BIAS = 30


@dataclass(frozen=True)
class Calibration:
    """``P = sigmoid(logit / temperature + bias)``.

    Attributes:
        temperature: above 1 when the model was too sure of itself.
        bias: shift of the log-odds.
        loss_before: mean negative log-likelihood (nats) of the bare logits on the cells fitted.
        loss_after: the same after calibration.
        cells: number of cells fitted.
        at_limit: True when the temperature ran into its limit: the logits hardly tell the classes apart.
    """

    temperature: float
    bias: float
    loss_before: float
    loss_after: float
    cells: int
    at_limit: bool = False


def enough_for_bias(patients: Sequence[str] | None) -> bool:
    """Whether cells of these patients (one entry a cell; None: unknown) can tell a bias."""
    return patients is None or len(set(patients)) >= PATIENTS_FOR_BIAS


def fit_calibration(logits: np.ndarray, labels: np.ndarray, with_bias: bool = True) -> Calibration:
    """Maximum likelihood by Newton's method, with Platt's targets (1999) against overconfidence.

    Args:
        logits: [n], of validation patients: never of cells the weights were fitted to.
        labels: int [n], 1 parasitized.
        with_bias: False fits the temperature alone (Guo 2017).

    Raises:
        NotConclusive: a class is missing, or logits are not finite.
    """
    z, truth = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    if not np.all(np.isfinite(z)):
        raise NotConclusive(f"{int(np.sum(~np.isfinite(z)))} of {len(z)} logits are not finite; the model is broken.")
    positives, negatives = int(truth.sum()), int((1 - truth).sum())
    if not positives or not negatives:
        raise NotConclusive(
            f"Calibration needs validation cells of both classes, found {positives} parasitized and "
            f"{negatives} uninfected; choose a split with more patients."
        )
    targets = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, bias = _newton(z, targets, with_bias)
    at_limit = not _SLOPES[0] < slope < _SLOPES[1]
    if at_limit:
        slope = float(np.clip(slope, *_SLOPES))
        bias = _newton(z, targets, with_bias, fixed_slope=slope)[1]
    return Calibration(
        temperature=1 / slope,
        bias=bias,
        loss_before=log_loss(z, truth),
        loss_after=log_loss(slope * z + bias, truth),
        cells=len(z),
        at_limit=at_limit,
    )


def calibrated(logits: np.ndarray, output: OutputContract) -> np.ndarray:
    """P(parasitized) [n] for logits [n], with the card's temperature and bias."""
    return probability(np.asarray(logits, dtype=float), output.temperature, output.bias)


def log_loss(log_odds: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood in nats of labels [n] (0..1) under log-odds [n]."""
    return float(np.mean(np.logaddexp(0, log_odds) - np.asarray(labels) * log_odds))


def _newton(
    z: np.ndarray, targets: np.ndarray, with_bias: bool, fixed_slope: float | None = None
) -> tuple[float, float]:
    """Minimise the convex loss over (slope, bias); steps are halved until the loss falls."""
    parameters = np.array([1.0 if fixed_slope is None else fixed_slope, 0.0])
    free = np.flatnonzero([fixed_slope is None, with_bias])
    design = np.stack([z, np.ones_like(z)], axis=1)

    def loss(at: np.ndarray) -> float:
        log_odds = design @ at
        return len(z) * log_loss(log_odds, targets) + _RIDGE / 2 * float((at[0] - 1) ** 2 + at[1] ** 2)

    current = loss(parameters)
    for _ in range(_STEPS):
        p = probability(design @ parameters)
        gradient = design.T @ (p - targets) + _RIDGE * (parameters - [1, 0])
        hessian = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.zeros(2)
        if len(free):
            step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        while (candidate := loss(parameters - step)) > current and np.abs(step).max() > 1e-12:
            step /= 2
        if np.abs(step).max() <= 1e-12 * (1 + np.abs(parameters).max()):
            break
        parameters, current = parameters - step, min(candidate, current)
    return float(parameters[0]), float(parameters[1])
