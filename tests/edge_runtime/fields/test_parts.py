"""The parts of field reading: light, basins, passes, shapes, gates."""

from __future__ import annotations

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields.segmentation.illumination import darkness, gain_for, read_light  # noqa: E402
from edge_runtime.fields.segmentation.mask import fill_pallor  # noqa: E402
from edge_runtime.fields.segmentation.shapes import measure_shapes  # noqa: E402
from edge_runtime.fields.segmentation.watershed import climb, find_passes  # noqa: E402


def two_hills() -> np.ndarray:
    """Two cones of height 8 and 6 whose feet meet, float32 [20, 40]."""
    rows, columns = np.mgrid[:20, :40]
    left, right = 8 - np.hypot(rows - 10, columns - 11), 6 - np.hypot(rows - 10, columns - 23)
    return np.clip(np.maximum(left, right), 0, None).astype(np.float32)


def test_each_summit_has_its_basin() -> None:
    labels, summits = climb(two_hills())
    assert summits.tolist() == [0, 8, 6]
    assert labels[10, 11] == 1 and labels[10, 23] == 2 and labels[0, 39] == 0


def test_the_pass_is_the_highest_point_at_which_two_basins_meet() -> None:
    hills = two_hills()
    labels, _ = climb(hills)
    passes = find_passes(labels, hills)
    assert (passes.first.tolist(), passes.second.tolist()) == ([1], [2])
    assert passes.height[0] == pytest.approx(1.0)


def test_basins_agree_with_an_independent_watershed() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(3)
    height = ndimage.gaussian_filter(rng.random((60, 80)), 3).astype(np.float32)
    labels, summits = climb(height)
    peaks = ndimage.maximum_filter(height, 3) == height
    assert len(summits) - 1 == peaks.sum()
    y, x = 30, 40  # walk uphill by hand from one pixel
    while not peaks[y, x]:
        window = height[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        dy, dx = np.unravel_index(window.argmax(), window.shape)
        y, x = max(y - 1, 0) + int(dy), max(x - 1, 0) + int(dx)
    assert labels[30, 40] == labels[y, x]


def test_no_height_no_basin() -> None:
    labels, summits = climb(np.zeros((4, 5), np.float32))
    assert not labels.any() and len(summits) == 1


def test_shapes_of_a_rectangle_and_a_joined_pair() -> None:
    labels = np.zeros((30, 40), np.int32)
    labels[5:15, 4:24] = 1
    labels[15:25, 4:24] = 2
    shapes = measure_shapes(labels)
    assert shapes[1].area == shapes[1].hull_area == 200
    assert shapes[1].box == (4, 5, 24, 15)
    joined = shapes[1].joined(shapes[2])
    assert joined.area == joined.hull_area == 400 and joined.solidity == 1
    assert joined.axes[0] == pytest.approx(joined.axes[1], rel=1e-6)
    assert joined.axes[0] == pytest.approx(4 * (399 / 12) ** 0.5, rel=1e-6)  # variance of 20 pixels in a row


def test_light_is_taken_out() -> None:
    rows, columns = np.mgrid[:240, :320]
    glass = 220 - 40 * ((columns - 160) / 160) ** 2 - 20 * (rows / 240)
    picture = np.repeat(glass[..., None], 3, 2)
    picture[100:130, 100:130] *= 0.5
    light = read_light(picture.astype(np.uint8))
    dark = darkness(picture.astype(np.uint8), gain_for(light, (320, 240)))
    assert np.median(dark[:90]) < 0.01 and np.abs(dark[200:]).max() < 0.04
    assert dark[115, 115] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("brightness", "filled"), [(0.0, False), (0.2, True)], ids=["glass", "pale tissue"])
def test_a_hole_amid_cells_is_filled_only_when_stained(brightness: float, filled: bool) -> None:
    mask = np.ones((120, 120), bool)
    mask[0] = mask[-1] = mask[:, 0] = mask[:, -1] = False
    mask[56:62, 56:62] = False
    dark = np.where(mask, 0.5, brightness).astype(np.float32)
    assert bool(fill_pallor(mask, dark, 0.1, 30.0)[58, 58]) is filled
