"""Fields drawn with known cells: found, left out with a reason, boxed in image pixels, cut out black."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import EnvironmentLacks

cv2 = pytest.importorskip("cv2")

from edge_runtime.fields import FieldReader, SegmentedField, segment  # noqa: E402
from edge_runtime.fields.crops import cell_pixels, colour_table, cut_out  # noqa: E402
from edge_runtime.fields.segmentation.mask import cell_mask  # noqa: E402
from edge_runtime.fields.segmentation.scale import working_picture  # noqa: E402
from edge_runtime.fields.segmentation.split import split_cells  # noqa: E402

GLASS, CELL, PALE = (214, 222, 210), (186, 140, 150), (202, 186, 190)
WIDTH, HEIGHT, RADIUS = 640, 480, 17

# Centres of cells that stand free, two that touch, and one that the border cuts.
FREE = [(60 + 70 * column, 60 + 70 * row) for row in range(5) for column in range(7)]
TOUCHING = [(560, 100), (560 + 2 * RADIUS - 3, 100)]
CUT = (2, 250)


def draw(scale: float = 1.0, slope: float = 0.0) -> np.ndarray:
    """Discs on glass, lightly grained: uint8 [480 * scale, 640 * scale, 3]."""
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    picture = np.full((height, width, 3), GLASS, np.float32)
    for x, y in [*FREE, *TOUCHING, CUT]:
        disc(picture, x * scale, y * scale, RADIUS * scale, CELL)
    disc(picture, 600 * scale, 300 * scale, 1.25 * RADIUS * scale, PALE)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8 * scale)
    picture *= 1 - slope * np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    picture += np.random.default_rng(4).normal(0, 1.5, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def disc(picture: np.ndarray, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    cv2.circle(picture, (round(x), round(y)), round(radius), colour, -1, cv2.LINE_AA)


def centres(field: SegmentedField) -> np.ndarray:
    """Middles of the boxes, [n, 2]."""
    return np.array([(x + w / 2, y + h / 2) for x, y, w, h in (cell.box for cell in field.cells)])


def found(field: SegmentedField, x: float, y: float) -> bool:
    return bool((np.hypot(*(centres(field) - (x, y)).T) < 5).any())


@pytest.fixture(scope="module")
def field() -> SegmentedField:
    return segment(draw())


def test_every_free_cell_is_found_once(field: SegmentedField) -> None:
    assert all(found(field, x, y) for x, y in FREE)
    assert len(field.cells) == len(FREE) + len(TOUCHING) + 1


def test_touching_cells_are_split(field: SegmentedField) -> None:
    assert all(found(field, x, y) for x, y in TOUCHING)


def test_a_large_pale_cell_is_kept(field: SegmentedField) -> None:
    assert found(field, 600, 300)


def test_a_cell_cut_by_the_border_is_left_out_and_counted(field: SegmentedField) -> None:
    assert field.excluded_counts() == {"border": 1, "clump": 0, "white-cell": 0}


def test_boxes_are_tight(field: SegmentedField) -> None:
    sides = np.array([cell.box[2:] for cell in field.cells if cell.box[0] < 500])
    assert np.abs(sides - 2 * RADIUS).max() <= 4


@pytest.mark.parametrize("scale", [0.6, 2.0, 4.0])
def test_the_same_cells_at_other_magnifications(scale: float) -> None:
    other = segment(draw(scale))
    assert all(found_at(other, x * scale, y * scale, 5 * scale) for x, y in FREE)
    assert len(other.cells) == len(FREE) + len(TOUCHING) + 1
    assert other.diameter == pytest.approx(2 * RADIUS * scale, rel=0.15)


def found_at(field: SegmentedField, x: float, y: float, reach: float) -> bool:
    return bool((np.hypot(*(centres(field) - (x, y)).T) < reach).any())


def test_uneven_light_changes_nothing(field: SegmentedField) -> None:
    assert len(segment(draw(slope=0.25)).cells) == len(field.cells)


def test_a_scale_bar_does_not_hide_the_cells_under_it(field: SegmentedField) -> None:
    image = draw()
    image[125:129, 55:135] = 0
    assert len(segment(image).cells) == len(field.cells)


def test_pallor_is_filled_but_the_gap_between_four_cells_is_not() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), GLASS, np.float32)
    for x, y in FREE:
        disc(picture, x, y, RADIUS, CELL)
        disc(picture, x, y, 5, GLASS)
    quartet = [(520 + dx, 420 + dy) for dx in (0, 2 * RADIUS - 1) for dy in (0, 2 * RADIUS - 1)]
    for x, y in quartet:
        disc(picture, x, y - 20, RADIUS, CELL)
    field = segment(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 255).astype(np.uint8))
    assert len(field.cells) == len(FREE) + 4
    assert all(cell.mask[cell.mask.shape[0] // 2, cell.mask.shape[1] // 2] for cell in field.cells)


def test_a_crop_is_black_outside_the_cell_and_untouched_inside() -> None:
    image = draw()
    cell = segment(image).cells[0]
    pixels = cell_pixels(image, cell)
    inside = pixels.any(2)
    assert not inside[0, 0] and not inside[-1, -1]
    assert 0.7 < inside.mean() < 0.85  # a disc fills 0.785 of its box
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    assert np.abs(middle.astype(int) - CELL).max() < 8


def test_crops_touch_all_four_sides_of_their_box() -> None:
    mask = np.zeros((20, 20), np.uint8)
    cv2.circle(mask, (10, 10), 9, 1, -1)
    crop = cut_out(np.full((100, 100, 3), 200, np.uint8), (30, 30, 40, 40), mask.astype(bool))
    inside = crop.any(2)
    assert inside[:3].any() and inside[-3:].any() and inside[:, :3].any() and inside[:, -3:].any()


def test_the_colour_table_sends_the_usual_cell_to_the_training_colour() -> None:
    table = colour_table(np.array([95.0, 65.0, 70.0], np.float32))
    assert table[[95], 0, 0] == 190 and table[[65], 0, 1] == 130 and table[[70], 0, 2] == 140
    assert table[255].tolist() == [[255, 255, 255]]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.random.default_rng(0).normal(200, 3, (480, 640, 3)).astype(np.uint8),
        np.full((1, 1, 3), 90, np.uint8),
        np.full((3, 500, 3), 90, np.uint8),
    ],
    ids=["black", "white", "glass", "one pixel", "a line"],
)
def test_a_picture_without_cells_has_none(image: np.ndarray) -> None:
    assert segment(image).cells == ()


def test_without_opencv_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_runtime.fields import opencv as loader

    def missing(name: str) -> None:
        raise ImportError(name)

    loader.opencv.cache_clear()
    monkeypatch.setattr(loader, "import_module", missing)
    with pytest.raises(EnvironmentLacks, match=r'apt install python3-opencv.*pip install "thinsmear\[field\]"'):
        loader.opencv()


@pytest.fixture(scope="module")
def reader() -> FieldReader:
    """With the model that comes along."""
    from edge_runtime.core.classifier import Classifier

    return FieldReader([Classifier.open()])


class TestReading:
    def test_json_has_what_the_contract_says(self, reader: FieldReader) -> None:
        document = reader.read(draw()).to_json()
        assert document.keys() == {"cells", "excluded", "quality", "objects"}
        assert document["cells"][0].keys() == {"box", "probability", "review", "count"}
        assert all(isinstance(value, int) for value in document["cells"][0]["box"])
        assert {"focus", "saturated", "density", "accepted"} <= document["quality"].keys()

    def test_two_classifiers_answer_as_one(self, reader: FieldReader) -> None:
        from edge_runtime.core.classifier import Classifier

        image = draw()
        two = FieldReader([Classifier.open(), Classifier.open()])
        assert two.read(image).verdicts == reader.read(image).verdicts

    def test_a_field_without_cells_is_refused_not_counted(self, reader: FieldReader) -> None:
        result = reader.read(np.full((480, 640, 3), 200, np.uint8))
        assert result.verdicts == () and not result.quality.accepted

    def test_the_overlay_numbers_suspected_cells_and_adds_a_legend(self, reader: FieldReader) -> None:
        from dataclasses import replace

        from edge_runtime.fields.overlay import draw_overlay, suspected

        image = draw()
        result = reader.read(image)
        verdicts = (replace(result.verdicts[0], probability=0.9, review=True), *result.verdicts[1:])
        result = replace(result, verdicts=verdicts)
        assert suspected(verdicts)[0] == 0
        sheet = draw_overlay(image, result)
        assert sheet.shape[0] > image.shape[0] and sheet.shape[1] == image.shape[1]
        x, y, _, _ = result.field.cells[0].box
        assert sheet[y, x].tolist() == [230, 140, 0]


def smear(seed: int) -> np.ndarray:
    """Cells at random, some on one another: uint8 [480, 640, 3]."""
    rng = np.random.default_rng(seed)
    density = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(70):
        layer = np.zeros_like(density)
        axes = tuple(round(RADIUS * factor) for factor in rng.uniform(0.85, 1.1, 2))
        centre = tuple(int(value) for value in rng.uniform((0, 0), (WIDTH, HEIGHT)))
        cv2.ellipse(layer, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
        density += layer
    passed = np.exp(-cv2.GaussianBlur(density, (0, 0), 1.0)[..., None] * np.array((0.14, 0.46, 0.34), np.float32))
    return np.clip(np.array(GLASS) * passed + rng.normal(0, 1.2, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)


TURNS = {
    "quarter": lambda image: np.rot90(image),
    "half": lambda image: np.rot90(image, 2),
    "left-right": lambda image: image[:, ::-1],
    "transposed": lambda image: image.transpose(1, 0, 2),
}


@pytest.mark.parametrize("seed", [1, 2])
def test_turning_and_mirroring_hardly_change_the_count(seed: int) -> None:
    image = smear(seed)
    straight = len(segment(image).cells)
    assert straight > 25
    turned = {name: len(segment(np.ascontiguousarray(turn(image))).cells) for name, turn in TURNS.items()}
    assert all(abs(count - straight) <= 0.04 * straight + 1 for count in turned.values()), (straight, turned)


@pytest.mark.parametrize("width", [480, 1280, 4000])
def test_the_count_hardly_depends_on_the_resolution(width: int) -> None:
    """From 0.17 to 12 megapixels."""
    image = smear(3)
    size = (width, width * HEIGHT // WIDTH)
    how = cv2.INTER_AREA if width < WIDTH else cv2.INTER_CUBIC
    here, there = len(segment(image).cells), len(segment(cv2.resize(image, size, interpolation=how)).cells)
    assert abs(here - there) <= 0.06 * here + 1, (here, there)


def test_cells_do_not_depend_on_where_the_mask_lies_in_memory() -> None:
    """OpenCV's exact distance transform does, in its last digit."""
    work = working_picture(smear(4))
    mask = cell_mask(work.darkness, work.level, work.light.noise, work.diameter)
    first, _ = split_cells(mask, np.zeros_like(mask), work.diameter)
    for shift in range(1, 64, 9):
        moved = np.empty(mask.size + shift, bool)[shift:].reshape(mask.shape)
        moved[:] = mask
        assert np.array_equal(split_cells(moved, np.zeros_like(mask), work.diameter)[0], first)


def overlapping(share: float) -> np.ndarray:
    """A pair of cells on one another, among free ones; each is as wide as the other."""
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    places = [*FREE[:14], (300, 300), (300 + round(2 * RADIUS * (1 - share)), 300)]
    for x, y in places:
        layer = np.zeros_like(picture)
        cv2.circle(layer, (x, y), RADIUS, 0.45, -1, cv2.LINE_AA)
        picture += layer
    passed = np.exp(-cv2.GaussianBlur(picture, (0, 0), 0.8)[..., None] * np.array((0.3, 1.0, 0.75), np.float32))
    return np.clip(np.array(GLASS) * passed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.25])
def test_cells_on_one_another_are_two(share: float) -> None:
    field = segment(overlapping(share))
    assert len(field.cells) == 16
    assert found(field, 300, 300) and found(field, 300 + 2 * RADIUS * (1 - share), 300)
