"""Whole synthetic fields with the true boxes of what lies in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from train.synthetic.cell import photograph
from train.synthetic.paint import STAGE_SHARES, STAGES, Canvas, Patient, outline, paint_confuser, paint_red_cell

_INFECTED = 0.06
_DENSITY = 110 / (1280 * 960)  # cells a pixel, at a radius of 38
_RADIUS = 38.0


def draw_field(
    generator: np.random.Generator, patient: Patient, size: tuple[int, int] = (1280, 960)
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """A field of a thin smear.

    Args:
        size: width and height, pixels; at least 200 each.

    Returns:
        uint8 [height, width, 3] RGB, and for each cell its type and tight box (x, y, w, h, border).
    """
    width, height = size
    colour = np.broadcast_to(patient.background.astype(np.float32), (height, width, 3)).copy()
    cells: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    kinds = ["white blood cell"] * int(generator.poisson(1)) + ["red blood cell"] * round(_DENSITY * width * height)
    kinds += ["platelet"] * int(generator.poisson(4))
    for kind in kinds:
        if kind == "red blood cell" and generator.random() < _INFECTED:
            kind = str(generator.choice(STAGES, p=STAGE_SHARES))
        scale = {"white blood cell": 1.7, "platelet": 0.32, "trophozoite": 1.12, "schizont": 1.15}.get(kind, 1.0)
        radius = _RADIUS * scale * float(generator.normal(1, 0.06))
        place = _free_place(generator, taken, radius, size)
        if place is None:
            continue
        taken.append((*place, radius))
        _put(colour, cells, generator, patient, kind, radius, place)
    _dirt(colour, generator, patient)
    pixels = photograph(_uneven(colour, generator), generator, patient, _RADIUS)
    return _scale_bar(pixels), cells


def _free_place(
    generator: np.random.Generator, taken: list[tuple[float, float, float]], radius: float, size: tuple[int, int]
) -> tuple[float, float] | None:
    """A middle (y, x) whose cell at most touches others; some overlap a little."""
    width, height = size
    closeness = 0.9 if generator.random() < 0.12 else 1.02
    for _ in range(60):
        y, x = generator.uniform(0, height), generator.uniform(0, width)
        if all(np.hypot(y - b, x - a) > closeness * (radius + r) for b, a, r in taken):
            return float(y), float(x)
    return None


def _put(
    colour: np.ndarray,
    cells: list[dict[str, Any]],
    generator: np.random.Generator,
    patient: Patient,
    kind: str,
    radius: float,
    place: tuple[float, float],
) -> None:
    side = int(2.6 * radius)
    top, left = round(place[0] - side / 2), round(place[1] - side / 2)
    canvas = Canvas(side, radius, patient.background)
    if kind == "white blood cell":
        _white_cell(canvas, generator, patient)
    elif kind == "platelet":
        canvas.cover = canvas.step(outline(canvas, generator, 0.15), 2)
        canvas.lay(canvas.cover, patient.chromatin * 0.4 + patient.cytoplasm * 0.6, 0.7)
        for _ in range(10):
            canvas.lay(canvas.disc(*generator.normal(0, 0.35, 2), 0.16), patient.chromatin, 0.5)
    else:
        paint_red_cell(canvas, generator, patient, None if kind == "red blood cell" else kind)
        if kind == "red blood cell" and generator.random() < 0.02:
            paint_confuser(canvas, generator, patient, "precipitate")
    height, width = colour.shape[:2]
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    ratio = np.where(canvas.cover[..., None] > 0.02, canvas.colour / patient.background, 1.0)[own]
    # Light passes through both cells where they overlap.
    colour[rows, columns] *= ratio.astype(np.float32)
    mask = canvas.cover > 0.5
    whole = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y0, y1 = top + whole[0][0], top + whole[0][-1] + 1
    x0, x1 = left + whole[1][0], left + whole[1][-1] + 1
    cut = (max(y0, 0), min(y1, height), max(x0, 0), min(x1, width))
    if cut[1] > cut[0] and cut[3] > cut[2]:
        cells.append(
            {"type": kind, "x": int(cut[2]), "y": int(cut[0]), "w": int(cut[3] - cut[2]), "h": int(cut[1] - cut[0]),
             "border": bool(cut != (y0, y1, x0, x1))}
        )  # fmt: skip


def _white_cell(canvas: Canvas, generator: np.random.Generator, patient: Patient) -> None:
    canvas.cover = canvas.step(outline(canvas, generator, 0.04))
    canvas.lay(canvas.cover, patient.background * 0.8 + patient.cytoplasm * 0.2)
    y, x = generator.normal(0, 0.25, 2)
    for _ in range(int(generator.integers(2, 5))):
        canvas.lay(canvas.disc(y, x, generator.uniform(0.28, 0.4), 2) * canvas.cover, patient.chromatin * 0.8, 0.95)
        turn = generator.uniform(0, 2 * np.pi)
        y, x = np.clip([y + 0.42 * np.sin(turn), x + 0.42 * np.cos(turn)], -0.5, 0.5)


def _dirt(colour: np.ndarray, generator: np.random.Generator, patient: Patient) -> None:
    height, width = colour.shape[:2]
    for _ in range(int(generator.poisson(12))):
        y, x = int(generator.integers(8, height - 8)), int(generator.integers(8, width - 8))
        spot = Canvas(15, 6.0, patient.background)
        mask = spot.disc(*generator.normal(0, 0.2, 2), generator.uniform(0.2, 0.7))[..., None]
        patch = colour[y - 7 : y + 8, x - 7 : x + 8]
        patch *= 1 - mask * (1 - patient.chromatin.astype(np.float32) * 0.6)


def _uneven(colour: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Light that falls off towards the corners and leans to one side."""
    height, width = colour.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    light = 1 - generator.uniform(0.05, 0.16) * (x**2 + y**2) / 2
    light = light + generator.normal(0, 0.03) * x + generator.normal(0, 0.03) * y
    return (colour * light[..., None]).astype(np.float32)


def _scale_bar(pixels: np.ndarray) -> np.ndarray:
    """Burn a scale bar in: 20 micrometres, a red cell being 7.5 across."""
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    length = round(20 / 7.5 * 2 * _RADIUS)
    pen = ImageDraw.Draw(image)
    pen.rectangle((width - 30 - length, height - 30, width - 30, height - 24), fill=(0, 0, 0))
    pen.text((width - 30 - length, height - 46), "20 um", fill=(0, 0, 0))
    return np.asarray(image)
