"""Round outlines found among cells that lie on one another, and what a heap of them comes to."""

from __future__ import annotations

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields.segmentation.exclusions import CLUMP  # noqa: E402
from edge_runtime.fields.segmentation.illumination import Light  # noqa: E402
from edge_runtime.fields.segmentation.outlines import Outline, find_outlines  # noqa: E402
from edge_runtime.fields.segmentation.overlaps import settle_overlaps  # noqa: E402
from edge_runtime.fields.segmentation.scale import WorkingPicture  # noqa: E402
from edge_runtime.fields.segmentation.shapes import measure_shapes  # noqa: E402

RADIUS, LEVEL = 17.0, 0.3


def work_of(places: list[tuple[int, int]], axes: tuple[float, float] = (RADIUS, RADIUS)) -> WorkingPicture:
    """Translucent ellipses: where two lie on one another it is twice as dark."""
    dark = np.zeros((120, 160), np.float32)
    for place in places:
        layer = np.zeros_like(dark)
        cv2.ellipse(layer, place, tuple(round(axis) for axis in axes), 0, 0, 360, LEVEL, -1, cv2.LINE_AA)
        dark += layer
    dark = cv2.GaussianBlur(dark, (0, 0), 1.0)
    picture = np.zeros((120, 160, 3), np.uint8)
    return WorkingPicture(picture, Light(np.ones((15, 20, 3), np.float32), 0.5, 0.01), dark, LEVEL, 2 * RADIUS, None)


def outlines_of(places: list[tuple[int, int]], axes: tuple[float, float] = (RADIUS, RADIUS)) -> list[Outline]:
    work = work_of(places, axes)
    stained = work.darkness > LEVEL / 2
    return find_outlines(work, stained, stained, 0.7, 0.9)


def middle(box: tuple[int, int, int, int]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_one_disc_has_one_outline_that_fits_it() -> None:
    (outline,) = outlines_of([(80, 60)])
    assert outline.support > 0.95
    assert middle(outline.box) == pytest.approx((80.5, 60.5), abs=1.5)
    assert outline.area == pytest.approx(np.pi * RADIUS**2, rel=0.08)


@pytest.mark.parametrize("apart", [20, 26, 32])
def test_each_of_two_cells_on_one_another_has_its_whole_outline(apart: int) -> None:
    best = sorted(outlines_of([(60, 60), (60 + apart, 60)])[:2], key=lambda outline: outline.box)
    for outline, x in zip(best, (60, 60 + apart), strict=True):
        assert middle(outline.box) == pytest.approx((x + 0.5, 60.5), abs=2.5)
        assert outline.area == pytest.approx(np.pi * RADIUS**2, rel=0.15)


def test_an_oval_cell_is_followed() -> None:
    outline = outlines_of([(80, 60)], (20.0, 15.0))[0]
    assert outline.area == pytest.approx(np.pi * 20 * 15, rel=0.12)
    assert outline.box[2] - outline.box[0] > outline.box[3] - outline.box[1] + 5


def test_nothing_is_looked_for_where_nothing_is_doubtful() -> None:
    work = work_of([(80, 60)])
    stained = work.darkness > LEVEL / 2
    assert find_outlines(work, stained, np.zeros_like(stained), 0.7, 0.9) == []


def test_a_heap_gives_the_cells_that_show_whole() -> None:
    work = work_of([(40, 60), (66, 60), (92, 60)])
    labels = (work.darkness > LEVEL / 2).astype(np.int32)
    regions = settle_overlaps(work, labels, measure_shapes(labels), {1: CLUMP})
    cells = [region for region in regions if region.reason is None]
    assert sorted(round(middle(region.box)[0]) for region in cells) == pytest.approx([40, 66, 92], abs=2)
    assert all(region.reason is None for region in regions)  # and nothing of it is left


def test_a_square_blob_stays_a_clump() -> None:
    work = work_of([])
    labels = np.zeros((120, 160), np.int32)
    labels[20:100, 30:130] = 1
    dark = cv2.GaussianBlur(labels.astype(np.float32) * LEVEL, (0, 0), 1.0)
    work = WorkingPicture(work.picture, work.light, dark, LEVEL, 2 * RADIUS, None)
    regions = settle_overlaps(work, labels, measure_shapes(labels), {1: CLUMP})
    assert [region.reason for region in regions] == [CLUMP]
