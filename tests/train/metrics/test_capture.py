"""Depths and the curve of patients: who takes part, and in whose company cells are ranked."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.counting import CurveSource
from train.metrics.capture import patient_curve, patient_depths


def cells(*patients: tuple[str, list[float], list[float]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels, scores and names of (name, infected scores, healthy scores)."""
    labels, scores, names = [], [], []
    for name, infected, healthy in patients:
        labels += [1] * len(infected) + [0] * len(healthy)
        scores += infected + healthy
        names += [name] * (len(infected) + len(healthy))
    return np.array(labels), np.array(scores), names


def test_each_patient_is_ranked_among_own_healthy_cells() -> None:
    healthy = [0.1 * i for i in range(10)]
    found = patient_depths(
        *cells(("A", [0.85, 5.0], healthy), ("B", [105.0], [100 + h for h in healthy])), least=(1, 1)
    )
    assert found["A"].tolist() == pytest.approx([0.1, 0.0])
    assert found["B"].tolist() == [0.0]


def test_patients_with_few_cells_are_left_out() -> None:
    enough, healthy = [2.0] * 10, [1.0] * 50
    data = cells(("few infected", enough[1:], healthy), ("few healthy", enough, healthy[1:]), ("both", enough, healthy))
    assert list(patient_depths(*data)) == ["both"]


def test_the_curve_does_not_say_who_is_who() -> None:
    one, other = np.array([0.3, 0.0]), np.array([0.0])
    curve = patient_curve([one, other])
    assert curve is not None and curve.source is CurveSource.CARD
    assert curve == patient_curve([other, one[::-1]])
    assert curve.infected == (1, 2) and curve.share(0.2) == pytest.approx(2 / 3)
    assert patient_curve([]) is None
