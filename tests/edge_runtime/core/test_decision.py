"""Logit to probability to decision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_runtime.core.card import OperatingPoints
from edge_runtime.core.decision import decide, logit_of, probability


@pytest.mark.parametrize(
    "logit, temperature, bias, expected",
    [
        (0.0, 1.0, 0.0, 0.5),
        (math.log(3), 1.0, 0.0, 0.75),
        (2 * math.log(3), 2.0, 0.0, 0.75),
        (0.0, 1.0, -math.log(9), 0.1),
        (1000.0, 1.0, 0.0, 1.0),
        (-1000.0, 1.0, 0.0, 0.0),
    ],
)
def test_probability(logit: float, temperature: float, bias: float, expected: float) -> None:
    assert probability(logit, temperature, bias) == pytest.approx(expected, abs=1e-15)
    with np.errstate(all="raise", under="ignore"):
        assert probability(np.array([logit]), temperature, bias)[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("value", [0.001, 0.3, 0.5, 0.999])
def test_logit_of_is_the_inverse(value: float) -> None:
    assert probability(logit_of(value)) == pytest.approx(value)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.1])
def test_logit_of_certainty_is_finite(value: float) -> None:
    assert math.isfinite(logit_of(value)) and abs(logit_of(value)) > 16


@pytest.mark.parametrize(
    "value, label, review, count",
    [
        (0.1, "Uninfected", False, False),
        (0.2, "Uninfected", True, False),
        (0.4999, "Uninfected", True, False),
        (0.5, "Parasitized", True, False),
        (0.9, "Parasitized", True, True),
        (1.0, "Parasitized", True, True),
    ],
)
def test_decisions_begin_at_their_points(value: float, label: str, review: bool, count: bool) -> None:
    decision = decide(value, OperatingPoints(review=0.2, count=0.9))
    assert (decision.label, decision.review, decision.count) == (label, review, count)
