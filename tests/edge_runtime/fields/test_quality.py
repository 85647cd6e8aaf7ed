"""Quality of fields: what is refused, why, and what the person at the microscope is told to turn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields import segment  # noqa: E402
from edge_runtime.fields.quality import Quality, measure_quality  # noqa: E402


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


def test_blur_lowers_the_focus() -> None:
    focus = [quality_of(draw(blur=blur)).focus for blur in (0.8, 1.6, 3.0)]
    assert focus[0] > 1.15 * focus[1] and focus[1] > 1.3 * focus[2]


def test_focus_does_not_depend_on_how_many_cells_there_are() -> None:
    few, many = quality_of(draw(cells=10)), quality_of(draw(cells=100))
    assert few.accepted and few.focus == pytest.approx(many.focus, rel=0.08)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (9, 31)])
def test_a_field_of_a_few_pixels_is_empty(shape: tuple[int, int]) -> None:
    assert kinds(quality_of(np.full((*shape, 3), 120, np.uint8))) >= {"empty"}


def test_focus_hardly_depends_on_light() -> None:
    assert quality_of(draw(light=0.7)).focus == pytest.approx(quality_of(draw()).focus, rel=0.08)


def text_page(size: int) -> np.ndarray:
    page = Image.new("RGB", (960, 720), (250, 250, 248))
    brush, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for row in range(720 // (2 * size)):
        brush.text((20, 10 + 2 * size * row), "oO0 a page of good old boomed text 0806 " * 4, (20, 20, 20), font)
    return np.asarray(page)


def face(blur: float) -> np.ndarray:
    """An oval with hair, eyes, brows, nose and mouth on a wall."""
    picture = Image.new("RGB", (640, 480), (190, 200, 205))
    brush = ImageDraw.Draw(picture)
    brush.ellipse((200, 60, 440, 420), fill=(224, 172, 140))
    brush.chord((195, 40, 445, 290), 180, 360, fill=(60, 40, 30))
    for x in (265, 375):
        brush.ellipse((x - 27, 187, x + 27, 213), fill=(250, 250, 250))
        brush.ellipse((x - 10, 190, x + 10, 210), fill=(50, 80, 60))
        brush.arc((x - 34, 160, x + 34, 200), 200, 340, fill=(60, 40, 30), width=6)
    brush.ellipse((303, 265, 337, 293), fill=(190, 146, 119))
    brush.chord((265, 315, 375, 375), 0, 180, fill=(180, 60, 70))
    noise = np.random.default_rng(1).normal(0, 2, (480, 640, 3))
    return np.clip(cv2.GaussianBlur(np.asarray(picture), (0, 0), blur) + noise, 0, 255).astype(np.uint8)


def clouds(grain: float) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 1, (360, 480, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.clip(smooth / smooth.std() * 40 + 150, 0, 255).astype(np.uint8)


def checks(side: int) -> np.ndarray:
    rows, columns = np.mgrid[:480, :640]
    dark = (rows // side + columns // side) % 2 == 0
    return np.where(dark[..., None], (120, 120, 120), (200, 210, 180)).astype(np.uint8)


NOT_SMEARS = [
    *((f"text {size}", text_page(size)) for size in (12, 18, 30, 60)),
    *((f"face {blur}", face(blur)) for blur in (0.8, 3.0)),
    *((f"clouds {grain}", clouds(grain)) for grain in (1.0, 4.0, 10.0, 25.0)),
    *((f"checks {side}", checks(side)) for side in (20, 60)),
    ("noise", np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)),
    ("slope", np.repeat(np.linspace(40, 230, 640)[None, :, None], 480, 0).repeat(3, 2).astype(np.uint8)),
    ("half black", np.repeat((np.arange(640) > 320)[None, :, None] * 220, 480, 0).repeat(3, 2).astype(np.uint8)),
]


@pytest.mark.parametrize("image", [image for _, image in NOT_SMEARS], ids=[name for name, _ in NOT_SMEARS])
def test_what_is_no_smear_never_counts(image: np.ndarray) -> None:
    assert not quality_of(np.ascontiguousarray(image)).accepted


def test_a_smear_without_colour_is_refused() -> None:
    grey = cv2.cvtColor(draw(), cv2.COLOR_RGB2GRAY)
    quality = quality_of(np.repeat(grey[..., None], 3, 2))
    assert "stain" in kinds(quality)
    assert any("set the camera to colour" in refusal.message for refusal in quality.refusals)


def test_squares_are_no_red_cells() -> None:
    assert kinds(quality_of(checks(30))) == {"objects"}
