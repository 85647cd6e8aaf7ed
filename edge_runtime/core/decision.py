"""From a logit to a decision: calibrated probability, label, review, count. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from edge_runtime.core.card import LABELS, OperatingPoints

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Decision:
    """What a probability means.

    Attributes:
        label: the second label ("Parasitized") from 0.5 up, the first below.
        review: a person should look at the cell.
        count: the cell counts as infected.
    """

    label: str
    review: bool
    count: bool


@overload
def probability(logit: float, temperature: float = ..., bias: float = ...) -> float: ...
@overload
def probability(logit: NDArray[np.float64], temperature: float = ..., bias: float = ...) -> NDArray[np.float64]: ...
def probability(
    logit: float | NDArray[np.float64], temperature: float = 1.0, bias: float = 0.0
) -> float | NDArray[np.float64]:
    """P(parasitized) = sigmoid(logit / temperature + bias), for one logit or an array; never overflows.

    Temperature scaling after Guo et al. 2017 (arXiv:1706.04599), with a bias.
    """
    if isinstance(logit, np.ndarray):
        z = np.asarray(logit, np.float64) / temperature + bias
        small = np.exp(-np.abs(z))  # in 0..1, so nothing overflows
        return np.asarray(np.where(z >= 0, 1.0, small) / (1.0 + small))
    x = float(logit) / temperature + bias
    small_x = math.exp(-abs(x))
    return (1.0 if x >= 0 else small_x) / (1.0 + small_x)


def logit_of(value: float, margin: float = 1e-7) -> float:
    """Log-odds of a probability, kept ``margin`` away from 0 and 1 so that the result is finite."""
    kept = min(max(float(value), margin), 1.0 - margin)
    return math.log(kept / (1.0 - kept))


def decide(value: float, points: OperatingPoints, labels: tuple[str, str] = LABELS) -> Decision:
    """Apply 0.5 and the two operating points to a calibrated P(parasitized) in 0..1; "at" a point is "above" it."""
    return Decision(label=labels[value >= 0.5], review=value >= points.review, count=value >= points.count)
