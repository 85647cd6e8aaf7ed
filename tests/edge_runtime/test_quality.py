"""Quality of fields: what is refused, why, and what the person at the microscope is told to turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields import segment  # noqa: E402
from edge_runtime.quality import (  # noqa: E402
    Quality,
    Session,
    hash_distance,
    measure_quality,
    perceptual_hash,
)

GOOD = Quality(focus=10, relative_focus=None, saturated=0, exposure=0.85, density=0.4, cells=100)


def draw(seed: int = 0, blur: float = 0.8, light: float = 1.0, cells: int = 70) -> np.ndarray:
    """Discs at random places that do not touch: uint8 [480, 640, 3]."""
    rng = np.random.default_rng(seed)
    picture = np.full((480, 640, 3), (214, 222, 210), np.float32)
    places: list[np.ndarray] = []
    while len(places) < cells:
        place = rng.uniform((25, 25), (615, 455))
        if all(np.hypot(*(place - other)) > 38 for other in places):
            places.append(place)
            cv2.circle(picture, tuple(int(v) for v in place), 16, (186, 140, 150), -1, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), blur) * light
    return np.clip(picture + rng.normal(0, 1.2, picture.shape), 0, 255).astype(np.uint8)


def quality_of(image: np.ndarray) -> Quality:
    return measure_quality(image, segment(image))


def kinds(quality: Quality) -> set[str]:
    return {refusal.kind for refusal in quality.refusals}


def test_a_good_field_is_accepted() -> None:
    quality = quality_of(draw())
    assert quality.accepted and "refused" not in quality.to_json()


@pytest.mark.parametrize(
    ("image", "kind", "cure"),
    [
        (np.zeros((480, 640, 3), np.uint8), "exposure", "turn up the lamp"),
        (np.full((480, 640, 3), 255, np.uint8), "saturated", "turn down"),
        (np.full((480, 640, 3), 200, np.uint8), "empty", "move to the monolayer"),
        (draw(light=0.2), "exposure", "turn up the lamp"),
        (draw(light=1.4), "saturated", "turn down"),
        (draw(blur=6.0), "focus", "turn the fine focus"),
        (draw(cells=3), "density", "move to the monolayer"),
    ],
    ids=["black", "white", "glass", "dim", "glaring", "blurred", "sparse"],
)
def test_refusals_name_the_cure(image: np.ndarray, kind: str, cure: str) -> None:
    quality = quality_of(image)
    assert kind in kinds(quality) and not quality.accepted
    assert any(cure in refusal.message for refusal in quality.refusals if refusal.kind == kind)


def test_a_page_of_text_never_counts() -> None:
    page = Image.new("RGB", (960, 720), (250, 250, 250))
    brush = ImageDraw.Draw(page)
    for row in range(30):
        brush.text(
            (20, 10 + 23 * row), "a page of good old boomed text 0806 " * 3, (20, 20, 20), ImageFont.load_default(18)
        )
    assert not quality_of(np.asarray(page)).accepted


def test_blur_lowers_the_focus() -> None:
    focus = [quality_of(draw(blur=blur)).focus for blur in (0.8, 1.6, 3.0)]
    assert focus[0] > 1.15 * focus[1] and focus[1] > 1.3 * focus[2]


def test_focus_hardly_depends_on_light() -> None:
    assert quality_of(draw(light=0.7)).focus == pytest.approx(quality_of(draw()).focus, rel=0.08)


@pytest.mark.parametrize(("focus", "refused"), [(10.0, False), (7.6, False), (7.4, True)])
def test_a_session_compares_with_its_best_focus(focus: float, refused: bool) -> None:
    session = Session()
    session.judge(draw(1), GOOD)
    judged = session.judge(draw(2), replace(GOOD, focus=focus))
    assert ("focus" in kinds(judged)) is refused
    assert judged.relative_focus == pytest.approx(focus / 10)


def test_a_session_refuses_a_repeat_but_not_another_field() -> None:
    session = Session()
    assert session.judge(draw(1), GOOD).accepted
    assert kinds(session.judge(draw(1, light=0.93), GOOD)) == {"repeat"}
    assert session.judge(draw(2), GOOD).accepted


def test_a_refused_field_is_not_remembered() -> None:
    session = Session()
    session.judge(draw(1), GOOD)
    assert not session.judge(draw(2), replace(GOOD, focus=5)).accepted
    assert session.judge(draw(2), GOOD).accepted


def test_hashes_of_unrelated_fields_are_far_apart() -> None:
    assert hash_distance(perceptual_hash(draw(1)), perceptual_hash(draw(2))) > 0.3
