"""Paint red cells and what may sit in them, as colours and coverage of a small canvas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STAGES = ("ring", "trophozoite", "schizont", "gametocyte")
# How often each stage is drawn among infected cells: thin films of falciparum show rings above all.
STAGE_SHARES = (0.5, 0.28, 0.12, 0.10)
CONFUSERS = ("platelet", "precipitate", "howell-jolly")


@dataclass(frozen=True)
class Patient:
    """What all cells of a patient share: one slide, one stain, one microscope.

    Attributes:
        background: colour of the empty field, RGB in 0..1.
        cell: colour of a red cell.
        cytoplasm: blue of the parasite's cytoplasm.
        chromatin: red-purple of its nucleus.
        gain: brightness of each channel.
        blur: standard deviation of the defocus, pixels at a cell radius of 40.
        noise: standard deviation of the sensor noise, in 0..1.
    """

    background: np.ndarray
    cell: np.ndarray
    cytoplasm: np.ndarray
    chromatin: np.ndarray
    gain: np.ndarray
    blur: float
    noise: float


def draw_patient(generator: np.random.Generator) -> Patient:
    """A patient's slide: hue, strength of the stain, light, focus and noise vary between patients."""

    def near(colour: tuple[float, float, float], spread: float) -> np.ndarray:
        return np.clip(np.array(colour) + generator.normal(0, spread, 3), 0, 1)

    return Patient(
        background=near((0.93, 0.90, 0.91), 0.02),
        cell=near((0.83, 0.68, 0.71), 0.035),
        cytoplasm=near((0.50, 0.43, 0.68), 0.04),
        chromatin=near((0.47, 0.13, 0.45), 0.05),
        gain=generator.normal(1.0, 0.05) * generator.normal(1.0, 0.025, 3),
        blur=float(generator.uniform(0.5, 1.4)),
        noise=float(generator.uniform(0.006, 0.02)),
    )


class Canvas:
    """Coordinates in cell radii around a cell's middle, colours in 0..1, and what the cell covers (0..1)."""

    def __init__(self, side: int, radius: float, colour: np.ndarray, middle: tuple[float, float] | None = None) -> None:
        y, x = middle if middle is not None else ((side - 1) / 2, (side - 1) / 2)
        rows, columns = np.mgrid[:side, :side].astype(np.float32)
        self.y, self.x = (rows - y) / radius, (columns - x) / radius
        self.edge = 1.2 / radius  # how wide an outline is, in cell radii
        self.colour = np.broadcast_to(colour.astype(np.float32), (side, side, 3)).copy()
        self.cover = np.zeros((side, side), np.float32)

    def disc(self, y: float, x: float, radius: float, soft: float = 1.0) -> np.ndarray:
        """Coverage of a disc."""
        return self.step(radius - np.hypot(self.y - y, self.x - x), soft)

    def step(self, inside: np.ndarray, soft: float = 1.0) -> np.ndarray:
        """Coverage from the distance inside an outline (positive inside), cell radii."""
        return 1 / (1 + np.exp(-np.clip(inside / (self.edge * 0.6 * soft), -30, 30)))

    def lay(self, mask: np.ndarray, colour: np.ndarray, strength: float = 1.0) -> None:
        """Cover with a colour where the mask is."""
        weight = (mask * strength)[..., None]
        self.colour = self.colour * (1 - weight) + colour.astype(np.float32) * weight


def outline(canvas: Canvas, generator: np.random.Generator, wobble: float, waves: int = 4) -> np.ndarray:
    """Distance inside a rounded, slightly irregular outline of radius about 1."""
    angle = np.arctan2(canvas.y, canvas.x)
    edge = np.ones_like(angle)
    for wave in range(2, 2 + waves):
        edge += generator.normal(0, wobble / wave) * np.cos(wave * angle + generator.uniform(0, 2 * np.pi))
    return edge - np.hypot(canvas.y, canvas.x)


def paint_red_cell(canvas: Canvas, generator: np.random.Generator, patient: Patient, stage: str | None) -> None:
    """A red cell with its central pallor, and the parasite of ``stage`` in it (None: a healthy cell)."""
    inside = outline(canvas, generator, 0.06)
    canvas.cover = canvas.step(inside)
    swollen = stage in ("trophozoite", "schizont")
    colour = patient.cell * 0.85 + patient.background * 0.15 if swollen else patient.cell
    canvas.lay(canvas.cover, colour)
    distance = np.hypot(canvas.y, canvas.x)
    pallor = float(generator.uniform(0.05, 0.45)) * (0.3 if swollen else 1.0)
    canvas.lay(canvas.cover * np.exp(-((distance / 0.42) ** 2)), patient.background, pallor)
    rim = canvas.cover * np.exp(-((inside - 0.12) ** 2) / 0.01)
    canvas.lay(rim, colour * np.array([0.93, 0.86, 0.90]), 0.55)
    mottle = generator.normal(0, 1, (6, 6)).astype(np.float32)
    canvas.colour += 0.012 * _enlarge(mottle, canvas.y.shape)[..., None] * canvas.cover[..., None]
    if stage is None:
        return
    {"ring": _ring, "trophozoite": _trophozoite, "schizont": _schizont, "gametocyte": _gametocyte}[stage](
        canvas, generator, patient
    )


def _ring(canvas: Canvas, generator: np.random.Generator, patient: Patient) -> None:
    for _ in range(1 + int(generator.random() < 0.15)):
        radius = generator.uniform(0.17, 0.28)
        # An applique form lies on the cell's edge.
        reach = 0.85 if generator.random() < 0.12 else generator.uniform(0, 0.6)
        y, x = _polar(generator, reach)
        distance = np.hypot(canvas.y - y, (canvas.x - x) * generator.uniform(0.85, 1.15))
        line = np.exp(-(((distance - radius) / 0.055) ** 2))
        canvas.lay(line * canvas.cover, patient.cytoplasm, 0.85)
        dy, dx = _polar(generator, radius)
        canvas.lay(canvas.disc(y + dy, x + dx, generator.uniform(0.075, 0.11)), patient.chromatin, 0.95)
        if generator.random() < 0.25:
            canvas.lay(canvas.disc(y - dy, x - dx, 0.06), patient.chromatin, 0.9)


def _trophozoite(canvas: Canvas, generator: np.random.Generator, patient: Patient) -> None:
    y, x = _polar(generator, generator.uniform(0, 0.3))
    angle = np.arctan2(canvas.y - y, canvas.x - x)
    reach = generator.uniform(0.32, 0.52) * (
        1
        + generator.normal(0, 0.14) * np.cos(2 * angle + generator.uniform(0, 6))
        + generator.normal(0, 0.12) * np.cos(3 * angle + generator.uniform(0, 6))
        + generator.normal(0, 0.09) * np.cos(5 * angle + generator.uniform(0, 6))
    )
    body = canvas.step(reach - np.hypot(canvas.y - y, canvas.x - x), 2) * canvas.cover
    vacuole = canvas.disc(*_around(generator, y, x, 0.12), generator.uniform(0.08, 0.14), 2)
    canvas.lay(body * (1 - 0.7 * vacuole), patient.cytoplasm, 0.75)
    nucleus = _around(generator, y, x, 0.12)
    canvas.lay(canvas.disc(*nucleus, generator.uniform(0.12, 0.18), 1.5) * canvas.cover, patient.chromatin, 0.92)
    _pigment(canvas, generator, y, x, 0.28, int(generator.integers(2, 7)))


def _schizont(canvas: Canvas, generator: np.random.Generator, patient: Patient) -> None:
    y, x = _polar(generator, generator.uniform(0, 0.15))
    size = generator.uniform(0.55, 0.78)
    canvas.lay(canvas.disc(y, x, size, 3) * canvas.cover, patient.cytoplasm, 0.45)
    for number in range(int(generator.integers(8, 21))):
        angle, reach = number * 2.4 + generator.normal(0, 0.2), size * 0.82 * np.sqrt((number + 1.5) / 21)
        dot = (y + reach * np.sin(angle), x + reach * np.cos(angle))
        canvas.lay(canvas.disc(*dot, generator.uniform(0.08, 0.11)), patient.chromatin, 0.9)
    _pigment(canvas, generator, y, x, 0.1, 6)


def _gametocyte(canvas: Canvas, generator: np.random.Generator, patient: Patient) -> None:
    turn = generator.uniform(0, 2 * np.pi)
    v = canvas.y * np.cos(turn) - canvas.x * np.sin(turn)
    u = canvas.y * np.sin(turn) + canvas.x * np.cos(turn)
    bend, length = generator.uniform(0.25, 0.5), generator.uniform(0.85, 0.98)
    along = np.clip(u / length, -1, 1)
    width = generator.uniform(0.26, 0.34) * np.sqrt(np.maximum(1 - along**4, 0))
    body = canvas.step(np.minimum(width - np.abs(v + bend * (u**2 - 0.35)), length - np.abs(u)))
    canvas.cover = np.maximum(canvas.cover, body)
    canvas.lay(body, patient.cytoplasm * np.array([1.05, 0.95, 1.0]), 0.85)
    nucleus = np.exp(-((u / 0.28) ** 2) - ((v - bend * 0.3) / 0.2) ** 2)
    canvas.lay(nucleus * body, patient.chromatin, 0.7)
    _pigment(canvas, generator, 0.0, 0.0, 0.2, 8)


def _pigment(canvas: Canvas, generator: np.random.Generator, y: float, x: float, reach: float, grains: int) -> None:
    for _ in range(grains):
        dy, dx = generator.normal(0, reach / 2, 2)
        canvas.lay(canvas.disc(y + dy, x + dx, 0.03, 0.8), np.array([0.22, 0.14, 0.10]), 0.8)


def paint_confuser(canvas: Canvas, generator: np.random.Generator, patient: Patient, kind: str) -> None:
    """Something on a healthy cell that is no parasite."""
    y, x = _polar(generator, generator.uniform(0, 0.7))
    if kind == "platelet":
        radius = generator.uniform(0.2, 0.32)
        halo = canvas.disc(y, x, radius * 1.35, 3) * canvas.cover
        canvas.lay(halo, patient.background, 0.35)
        canvas.lay(canvas.disc(y, x, radius, 4) * canvas.cover, patient.chromatin * 0.6 + patient.cytoplasm * 0.4, 0.55)
        for _ in range(12):
            dot = _around(generator, y, x, radius * 0.5)
            canvas.lay(canvas.disc(*dot, 0.045) * canvas.cover, patient.chromatin, 0.6)
    elif kind == "precipitate":
        for _ in range(int(generator.integers(2, 7))):
            dot = _around(generator, y, x, 0.3)
            canvas.lay(canvas.disc(*dot, generator.uniform(0.02, 0.07), 0.7) * canvas.cover, patient.chromatin * 0.45, 0.95)
    else:
        canvas.lay(canvas.disc(y, x, generator.uniform(0.08, 0.12)) * canvas.cover, patient.chromatin * 0.75, 0.95)


def _polar(generator: np.random.Generator, reach: float) -> tuple[float, float]:
    angle = generator.uniform(0, 2 * np.pi)
    return float(reach * np.sin(angle)), float(reach * np.cos(angle))


def _around(generator: np.random.Generator, y: float, x: float, reach: float) -> tuple[float, float]:
    dy, dx = generator.normal(0, reach, 2)
    return float(y + dy), float(x + dx)


def _enlarge(coarse: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
