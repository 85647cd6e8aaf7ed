"""The fields of one smear against each other: the best focus so far, and fields that were seen before."""

from __future__ import annotations

from dataclasses import replace

import pytest

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields.quality import Quality  # noqa: E402
from edge_runtime.fields.smear import Smear, hash_distance, perceptual_hash  # noqa: E402
from tests.edge_runtime.fields.test_quality import draw, kinds, quality_of  # noqa: E402

GOOD = Quality(focus=10, relative_focus=None, saturated=0, exposure=0.85, density=0.4, cells=100)


@pytest.mark.parametrize(("focus", "refused"), [(10.0, False), (7.6, False), (7.4, True)])
def test_a_smear_compares_with_its_best_focus(focus: float, refused: bool) -> None:
    smear = Smear()
    smear.judge(draw(1), GOOD)
    judged = smear.judge(draw(2), replace(GOOD, focus=focus))
    assert ("focus" in kinds(judged)) is refused
    assert judged.relative_focus == pytest.approx(focus / 10)


def test_a_smear_refuses_a_repeat_but_not_another_field() -> None:
    smear = Smear()
    assert smear.judge(draw(1), GOOD).accepted
    assert kinds(smear.judge(draw(1, light=0.93), GOOD)) == {"repeat"}
    assert smear.judge(draw(2), GOOD).accepted


def test_a_refused_field_is_not_remembered() -> None:
    smear = Smear()
    smear.judge(draw(1), GOOD)
    assert not smear.judge(draw(2), replace(GOOD, focus=5)).accepted
    assert smear.judge(draw(2), GOOD).accepted


def test_hashes_of_unrelated_fields_are_far_apart() -> None:
    assert hash_distance(perceptual_hash(draw(1)), perceptual_hash(draw(2))) > 0.3


@pytest.mark.parametrize(("blur", "refused"), [(0.8, False), (1.2, False), (2.6, True), (4.0, True)])
def test_a_little_out_of_focus_shows_against_the_best(blur: float, refused: bool) -> None:
    """Cells here are 32 pixels wide: 2.6 pixels are 0.6 micrometres."""
    smear = Smear()
    assert smear.judge(draw(1), quality_of(draw(1))).accepted
    image = draw(2, blur=blur)
    assert ("focus" in kinds(smear.judge(image, quality_of(image)))) is refused
