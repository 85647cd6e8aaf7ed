"""What known slides say about the next one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.counting import (
    KnownSlides,
    between_slide_sd,
    between_slide_sds,
    blank_from_card,
    known_from_summary,
)


def test_pooled_rate_and_spread() -> None:
    alike = KnownSlides((2, 2, 2), (1_000, 1_000, 1_000))
    assert alike.rate == 0.002
    assert alike.between_slide_sd == 0.0
    apart = KnownSlides((0, 0, 60), (1_000, 1_000, 1_000))
    assert apart.rate == 0.02
    assert apart.between_slide_sd == pytest.approx(0.0344, abs=0.0005)
    assert KnownSlides((1,), (50,)).between_slide_sd is None
    assert json.loads(json.dumps(apart.to_json()))["positives"] == [0, 0, 60]


def test_spread_estimate_finds_the_spread_of_many_slides() -> None:
    generator = np.random.default_rng(1)
    called = generator.binomial(2_000, generator.gamma(4.0, 0.01 / 4, 3_000))
    assert between_slide_sd(called.tolist(), [2_000] * 3_000) == pytest.approx(0.005, rel=0.06)


@pytest.mark.parametrize("sd", [0.0, 0.01, 0.03])
def test_beta_distributed_spread_is_recovered(sd: float) -> None:
    generator = np.random.default_rng(2)
    cells = generator.integers(50, 90, 4_000)
    rates = np.full(4_000, 0.04)
    if sd:
        strength = 0.04 * 0.96 / sd**2 - 1
        rates = generator.beta(0.04 * strength, 0.96 * strength, 4_000)
    assert between_slide_sds(generator.binomial(cells, rates), cells) == pytest.approx(sd, abs=0.004)


def test_spreads_of_many_thresholds_at_once() -> None:
    cells = np.array([50, 80, 60])
    called = np.array([[0, 5], [20, 9], [1, 6]])
    got = between_slide_sds(called, cells)
    assert got.tolist() == [between_slide_sd(called[:, i].tolist(), cells.tolist()) for i in range(2)]
    assert got[0] > got[1] == 0


@pytest.mark.parametrize(
    ("positives", "cells"), [((), ()), ((1,), (10, 10)), ((11,), (10,)), ((-1,), (10,)), ((0,), (0,)), ((0.5,), (10,))]
)
def test_impossible_slides_are_refused(positives: tuple[int, ...], cells: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"count|slides|whole"):
        KnownSlides(positives, cells)


@pytest.mark.parametrize(
    ("positives", "cells", "slides", "between_sd"),
    [
        (30, 3_000, 10, 0.0),
        (30, 3_000, 10, 0.01),
        (30, 3_000, 10, 0.02),
        (2, 209, 3, 0.0115),
        (0, 1_000, 4, 0.0),
        (900, 1_000, 10, 0.05),
    ],
)
def test_slides_rebuilt_from_a_summary(positives: int, cells: int, slides: int, between_sd: float) -> None:
    rebuilt = known_from_summary(positives, cells, slides, between_sd)
    assert (sum(rebuilt.positives), sum(rebuilt.cells), len(rebuilt.cells)) == (positives, cells, slides)
    assert rebuilt.between_slide_sd == pytest.approx(between_sd, abs=0.004)


def test_the_card_stands_for_its_patients() -> None:
    section = {"positives": 2, "cells": 209, "patients": 3, "between_patient_sd": 0.0115, "rate": 0.0096}
    slides = blank_from_card(section)
    assert sum(slides.positives) == 2 and len(slides.cells) == 3
    assert "not this microscope" in slides.source
    assert len(blank_from_card({**section, "between_patient_sd": None}).cells) == 1
    with pytest.raises(ValueError, match="patients"):
        blank_from_card({"positives": 2, "cells": 209})


def test_the_card_of_a_newer_model_has_the_counts_of_each_patient() -> None:
    section = {"positives": 6, "cells": 210, "patients": 3, "between_patient_sd": 0.04}
    slides = blank_from_card({**section, "per_patient": {"cells": [60, 70, 80], "called": [0, 0, 6]}})
    assert (slides.positives, slides.cells) == ((0, 0, 6), (60, 70, 80))
    assert slides.between_slide_sd == pytest.approx(0.0402, abs=0.0001)
    for wrong in ({"cells": [60, 70, 80], "called": [0, 0, 5]}, {"cells": [210]}, {"cells": [210], "called": [6]}, 3):
        with pytest.raises(ValueError, match="blank_rate"):
            blank_from_card({**section, "per_patient": wrong})


def test_a_summary_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="summary"):
        known_from_summary(1, 10, 11, 0.0)
