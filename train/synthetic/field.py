"""Whole fields of a thin smear with their ground truth: red cells, white cells, platelets, debris, a scale bar."""

from __future__ import annotations

import io
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from train.synthetic import bystander
from train.synthetic.cell import REACH, UNINFECTED, bounds, paint_red_cell
from train.synthetic.shapes import Map, ObjectGrid, cloud
from train.synthetic.stain import Layers, SyntheticPatient, expose

RADIUS = 36.0  # pixels of a usual red cell's radius, as at 100x with a common camera
_CELLS_PER_PIXEL = 118 / (1280 * 960)
_MICROMETRES = 7.6 / (2 * RADIUS)  # of one pixel; a red cell measures about 7.6 micrometres
_DISTURBED_SHARE = 0.03  # cells with debris, a platelet or a smudge on them
_VISIBLE = 0.5  # coverage from which a pixel belongs to a cell
_LEAST_PIXELS = 20  # less of an object than this is not annotated

_Taken = list[tuple[float, float, float]]  # x, y and radius in pixels of the cells so far


class Box(TypedDict):
    """One annotated object; x, y, w, h in whole pixels, ``border`` when the image's edge cuts it."""

    type: str
    x: int
    y: int
    w: int
    h: int
    border: bool


class _Place(NamedTuple):
    """A window of the canvas: its upper left pixel, and its own grid round the object to paint."""

    top: int
    left: int
    grid: ObjectGrid


class _Smear:
    """The canvas of a field: optical density so far, and what has been annotated."""

    def __init__(self, patient: SyntheticPatient, width: int, height: int) -> None:
        self.patient = patient
        self.shape = (height, width)
        self.density: Map = np.zeros((3, height, width), np.float32)
        self.boxes: list[Box] = []

    def place(self, x: float, y: float, reach: float) -> _Place:
        """The part of the canvas within ``reach`` pixels of (x, y)."""
        top, left = max(int(y - reach), 0), max(int(x - reach), 0)
        bottom, right = min(int(y + reach) + 1, self.shape[0]), min(int(x + reach) + 1, self.shape[1])
        return _Place(top, left, ObjectGrid((bottom - top, right - left), (x - left, y - top), RADIUS))

    def lay(self, layers: Layers, place: _Place, kind: str | None) -> None:
        """Add painted layers; annotate them as ``kind`` when enough of them can be seen."""
        height, width = place.grid.shape
        self.density[:, place.top : place.top + height, place.left : place.left + width] += layers.density(self.patient)
        body = layers.body > _VISIBLE
        if kind is None or body.sum() < _LEAST_PIXELS:
            return
        rows, columns = bounds(body)
        top, bottom = place.top + rows.start, place.top + rows.stop
        left, right = place.left + columns.start, place.left + columns.stop
        border = left == 0 or top == 0 or right == self.shape[1] or bottom == self.shape[0]
        self.boxes.append({"type": kind, "x": left, "y": top, "w": right - left, "h": bottom - top, "border": border})


def draw_field(
    rng: np.random.Generator, patient: SyntheticPatient, width: int = 1280, height: int = 960
) -> tuple[NDArray[np.uint8], list[Box]]:
    """One field of view of a patient's smear.

    Returns:
        the picture, uint8 [height, width, 3] RGB, and a box for every cell and platelet; types are
        ``red blood cell``, the stages, ``white blood cell`` and ``platelet``. Debris is not annotated.
    """
    smear = _Smear(patient, width, height)
    room = width * height / (1280 * 960)
    taken: _Taken = []
    for _ in range(rng.poisson(0.9 * room)):
        _lay_white_cell(rng, smear, taken)
    _lay_red_cells(rng, smear, taken, max(1, round(_CELLS_PER_PIXEL * width * height * rng.uniform(0.85, 1.15))))
    for _ in range(rng.poisson(4.5 * room)):
        place = _somewhere(rng, smear, taken, 0.9)
        layers = Layers.empty(place.grid.shape)
        bystander.paint_platelet(rng, layers, place.grid, 0.0, 0.0)
        smear.lay(layers, place, "platelet")
    for _ in range(rng.poisson(2.5 * room)):
        place = _somewhere(rng, smear, taken, 0.0)
        layers = Layers.empty(place.grid.shape)
        bystander.paint_precipitate(rng, layers, place.grid, 0.0, 0.0, 0.2)
        smear.lay(layers, place, None)
    picture = expose(rng, smear.density, _uneven_light(rng, patient, width, height), patient, RADIUS)
    return _burn_in(rng, picture), smear.boxes


def _somewhere(rng: np.random.Generator, smear: _Smear, taken: _Taken, clearance: float) -> _Place:
    """A small window at random, if possible ``clearance`` of the way out of every cell."""
    x = y = 0.0
    for _ in range(40):
        x, y = float(rng.uniform(0, smear.shape[1])), float(rng.uniform(0, smear.shape[0]))
        if all(np.hypot(x - a, y - b) > clearance * (r + 0.3 * RADIUS) for a, b, r in taken):
            break
    return smear.place(x, y, RADIUS)


def _lay_white_cell(rng: np.random.Generator, smear: _Smear, taken: _Taken) -> None:
    x, y = float(rng.uniform(0, smear.shape[1])), float(rng.uniform(0, smear.shape[0]))
    if any(np.hypot(x - a, y - b) < 4 * RADIUS for a, b, _ in taken):
        return
    place = smear.place(x, y, 2.4 * RADIUS)
    layers = Layers.empty(place.grid.shape)
    bystander.paint_white_cell(rng, layers, place.grid)
    smear.lay(layers, place, "white blood cell")
    taken.append((x, y, 1.65 * RADIUS))


def _lay_red_cells(rng: np.random.Generator, smear: _Smear, taken: _Taken, count: int) -> None:
    """Throw ``count`` cells: most lie apart, some touch or overlap a little, some are cut by the border."""
    margin = 0.7 * RADIUS
    patient = smear.patient
    placed = 0
    for _ in range(60 * count):
        if placed == count:
            break
        x = float(rng.uniform(-margin, smear.shape[1] + margin))
        y = float(rng.uniform(-margin, smear.shape[0] + margin))
        radius = RADIUS * float(np.clip(rng.normal(1.0, 0.07), 0.8, 1.25))
        # How near two cells may come, as a part of the sum of their radii.
        nearest = 0.8 if rng.random() < 0.12 else 1.0
        if any(np.hypot(x - a, y - b) < nearest * (r + radius) for a, b, r in taken):
            continue
        infected = not patient.healthy and rng.random() < patient.parasitaemia
        stage = patient.stage(rng) if infected else UNINFECTED
        place = smear.place(x, y, REACH * 1.2 * radius)
        layers = paint_red_cell(rng, patient, place.grid.shape, place.grid.centre, radius, stage, _DISTURBED_SHARE)
        smear.lay(layers, place, stage if infected else "red blood cell")
        taken.append((x, y, radius))
        placed += 1


def _uneven_light(rng: np.random.Generator, patient: SyntheticPatient, width: int, height: int) -> Map:
    """Light through empty glass, float32 [3, height, width]: vignetting off centre, and a veil of dried plasma."""
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] - np.float32(rng.normal(0, 0.15))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.15))
    falloff = 1 - np.float32(rng.uniform(0.05, 0.16)) * (across**2 + down**2) / 2
    veil = 1 + np.float32(0.012) * cloud(rng, (height, width), max(width // 6, 2))
    return patient.background[:, None, None] * np.float32(rng.uniform(0.96, 1.03)) * falloff * veil


def _burn_in(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Write the scale bar into the lower right corner as microscope software does, then compress as a camera does."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    brush = ImageDraw.Draw(image)
    length = round(10 / _MICROMETRES)
    size = 28
    left, top = max(width - length - 50, 0), max(height - 90, 0)
    for points in (
        (left, top, left + length, top),
        (left, top - 7, left, top + 7),
        (left + length, top - 7, left + length, top + 7),
    ):  # fmt: skip
        brush.line(points, fill=(0, 0, 0), width=3)
    brush.text(
        (left + length / 2, top + 28), "10 um", font=ImageFont.load_default(size), anchor="mm",
        fill=(0, 0, 0), stroke_width=2, stroke_fill=(255, 255, 255),
    )  # fmt: skip
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(rng.integers(84, 95)))
    return np.asarray(Image.open(stream))
