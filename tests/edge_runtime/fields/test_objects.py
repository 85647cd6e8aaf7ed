"""What a field leaves out is looked at all the same: windows over it, the best ones kept, and real fields."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from edge_runtime.core.classifier import CellResult, Classifier  # noqa: E402
from edge_runtime.fields import FieldReader, SegmentedCell, SegmentedField, segment  # noqa: E402
from edge_runtime.fields.objects import LEVEL, FieldObject, Window, best_windows, windows  # noqa: E402
from edge_runtime.fields.overlay import draw_overlay  # noqa: E402

GLASS, CELL, DOT = (214, 222, 210), (186, 140, 150), (60, 20, 170)
WIDTH, HEIGHT, RADIUS = 640, 480, 17
HEAP = [(520, 160), (544, 158), (568, 164), (530, 183), (556, 186), (543, 208)]
MARKED = HEAP[4]  # of the heap, the cell with a dark dot


def draw(dot: tuple[int, int] | None = None, cut: bool = False) -> np.ndarray:
    """Cells that stand free and a heap of them, one with a dark dot: uint8 [480, 640, 3]."""
    picture = np.full((HEIGHT, WIDTH, 3), GLASS, np.float32)
    free = [(60 + 70 * column, 60 + 70 * row) for row in range(5) for column in range(6)]
    for x, y in [*free, *HEAP, *([(2, 420)] if cut else [])]:
        cv2.circle(picture, (x, y), RADIUS, CELL, -1, cv2.LINE_AA)
    if dot is not None:
        cv2.circle(picture, dot, 6, DOT, -1, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + np.random.default_rng(4).normal(0, 1.5, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


class Dots:
    """A classifier that takes blue pixels for parasites."""

    contract = SimpleNamespace(height=32, width=32, resample="bilinear")

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray((pixels[..., 2] > pixels[..., 0]).sum((1, 2)), float)

    def decide(self, logit: float) -> CellResult:
        probability = min(float(logit) / 40, 1.0)
        return CellResult("", probability, probability > 0.5, probability > 0.9, float(logit))


def inside(place: tuple[int, int], box: tuple[int, int, int, int]) -> bool:
    return box[0] <= place[0] < box[0] + box[2] and box[1] <= place[1] < box[1] + box[3]


@pytest.fixture(scope="module")
def field() -> SegmentedField:
    return segment(draw(cut=True))


def test_windows_cover_a_heap_and_are_as_large_as_a_cell(field: SegmentedField) -> None:
    heap = [window for window in windows(field) if field.excluded[window.region].reason == "clump"]
    assert all(any(inside(place, window.box) for window in heap) for place in HEAP)
    assert all(max(window.box[2:]) < 1.4 * 2 * RADIUS for window in heap)
    assert all(window.mask.any(1)[[0, -1]].all() and window.mask.any(0)[[0, -1]].all() for window in heap)


def test_what_the_rim_cuts_is_not_looked_at(field: SegmentedField) -> None:
    assert field.excluded_counts()["border"] == 1
    for x, y, width, height in (window.box for window in windows(field)):
        assert x > 0 and y > 0 and x + width < WIDTH and y + height < HEIGHT


def test_a_counted_cell_of_a_heap_is_not_offered_again(field: SegmentedField) -> None:
    first = windows(field)[0]
    counted = replace(field, cells=(*field.cells, SegmentedCell(first.box, first.mask)))
    left = windows(counted)
    assert first.box not in [window.box for window in left] and 0 < len(left) < len(windows(field))


def test_an_infected_cell_in_a_heap_is_offered_and_not_counted() -> None:
    reader = FieldReader([Dots()])  # type: ignore[list-item]
    clean, found = reader.read(draw()), reader.read(draw(MARKED))
    assert clean.objects == ()
    assert inside(MARKED, found.objects[0].box) and len(found.objects) <= 2  # a neighbour shows a part of it
    assert {item.reason for item in found.objects} == {"clump"}
    assert not any(verdict.count for verdict in found.verdicts)
    line = found.to_json()["objects"][0]
    assert line == {"box": list(found.objects[0].box), "reason": "clump", "probability": found.objects[0].probability}
    assert all(isinstance(value, int) for value in line["box"])


def test_two_classifiers_offer_the_same() -> None:
    one, two = (FieldReader([Dots()] * count).read(draw(MARKED)) for count in (1, 3))  # type: ignore[arg-type]
    assert one.objects == two.objects and one.verdicts == two.verdicts


def test_a_refused_field_offers_nothing() -> None:
    blurred = cv2.GaussianBlur(draw(MARKED), (0, 0), 4)
    result = FieldReader([Dots()]).read(blurred)  # type: ignore[list-item]
    assert not result.quality.accepted and result.objects == ()


def test_of_windows_on_one_thing_the_best_is_kept(field: SegmentedField) -> None:
    mask = np.ones((4, 4), bool)
    boxes = [(100, 100, 40, 40), (110, 100, 40, 40), (140, 100, 40, 40), (300, 300, 40, 40)]
    looked_at = [Window(box, mask, 0) for box in boxes]
    found = best_windows(field, looked_at, [0.7, 0.9, 0.8, LEVEL - 0.01])
    assert [(item.box, item.probability) for item in found] == [(boxes[1], 0.9), (boxes[2], 0.8)]


def test_the_overlay_draws_objects_dashed() -> None:
    image = draw()
    result = FieldReader([Dots()]).read(image)  # type: ignore[list-item]
    box = (300, 400, 120, 40)
    x, y, width = box[:3]
    sheet = draw_overlay(image, replace(result, objects=(FieldObject(box, "debris", 0.7),)))
    colours = {tuple(colour) for colour in sheet[y, x : x + width].tolist()}
    top = (sheet[y, x : x + width] == (200, 0, 130)).all(1)
    assert 0.3 < top.mean() < 0.8 and len(colours) > 2
    assert sheet.shape[0] > draw_overlay(image, replace(result, objects=())).shape[0]  # the legend has a line more


@pytest.mark.real_data
def test_infected_cells_of_real_fields_are_boxed_or_offered(real_data: Path) -> None:
    from benchmarks.harness.annotations import STAGES, read_truth
    from benchmarks.harness.boxes import at_border, overlaps
    from edge_runtime.core.images import load_image

    reader = FieldReader([Classifier.open()])
    offered = infected = objects = fields = 0
    for truth in read_truth(real_data / "iml_fields")[::3]:
        result = reader.read(load_image(truth.path))
        cut = at_border(truth.boxes, result.field.size)
        wanted = truth.boxes[[kind in STAGES and not cut[k] for k, kind in enumerate(truth.types)]]
        boxed = overlaps(wanted, np.array([cell.box for cell in result.field.cells], float).reshape(-1, 4)) >= 0.5
        shown = _covers(wanted, np.array([item.box for item in result.objects], float).reshape(-1, 4))
        offered += int((boxed.any(1) | shown.any(1)).sum())
        infected, objects, fields = infected + len(wanted), objects + len(result.objects), fields + 1
    assert infected > 30 and offered >= 0.98 * infected
    assert objects <= 6 * fields


def _covers(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether half of the smaller of two boxes lies in the other, bool [n, m]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)
    smaller = np.minimum(first[:, 2:].prod(1)[:, None], second[:, 2:].prod(1)[None])
    return np.asarray(common >= 0.5 * smaller)
