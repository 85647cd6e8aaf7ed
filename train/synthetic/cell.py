"""Red cells: their shape, their thickness, and one cell cut out on black like a crop of the NIH set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import WrongUsage
from train.synthetic import bystander, parasite
from train.synthetic.shapes import Map, ObjectGrid, cloud, outline, relative_radius
from train.synthetic.stain import STAGES, Layers, SyntheticPatient, expose

UNINFECTED = "uninfected"
REACH = 1.75  # a painted red cell stays within this many radii of its centre
_PAINTERS = {
    "ring": parasite.paint_ring,
    "trophozoite": parasite.paint_trophozoite,
    "schizont": parasite.paint_schizont,
    "gametocyte": parasite.paint_gametocyte,
}
# Swelling and what is left of the haemoglobin at each stage; vivax prefers young, large cells and swells them.
_SWELLING = {"ring": 1.0, "trophozoite": 1.12, "schizont": 1.18, "gametocyte": 1.2}
_FADING = {"ring": 1.0, "trophozoite": 0.85, "schizont": 0.75, "gametocyte": 0.7}
_FAINT_SHARE = 0.06  # parasites that barely took the stain, or lie out of focus
_DISTURBED_SHARE = 0.16  # cells, infected or not, with something on them that may be taken for a parasite


def paint_red_cell(
    rng: np.random.Generator,
    patient: SyntheticPatient,
    shape: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
    stage: str,
    disturbed: float,
) -> Layers:
    """One red cell with what is in it and on it.

    Args:
        shape: (height, width) of the canvas in pixels.
        centre: (x, y) of the cell in pixels.
        radius: of an uninfected cell, in pixels.
        stage: ``"uninfected"`` or one of ``STAGES``.
        disturbed: chance of something on the cell that may be taken for a parasite, 0 to 1.

    Returns:
        the layers of the whole canvas, all zero outside the cell.
    """
    layers, grid = _paint_clean_cell(rng, patient, shape, centre, radius, stage)
    if rng.random() < disturbed:
        _disturb(rng, layers, grid)
    return layers


def _paint_clean_cell(
    rng: np.random.Generator,
    patient: SyntheticPatient,
    shape: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
    stage: str,
) -> tuple[Layers, ObjectGrid]:
    """The red cell and what lives in it, with nothing on it yet; and its grid, for more to be laid on."""
    vivax = patient.species == "vivax" and stage != UNINFECTED
    swelling = _SWELLING.get(stage, 1.0) if vivax else 1.0
    grid = ObjectGrid(shape, centre, radius * swelling)
    layers = Layers.empty(shape)
    if stage == "gametocyte" and not vivax:
        # Only a pale bib of the red cell is left in the hollow of the crescent.
        _paint_body(rng, patient, layers, grid, size=float(rng.uniform(0.52, 0.64)), fading=0.55)
    else:
        _paint_body(rng, patient, layers, grid, size=1.0, fading=_FADING.get(stage, 1.0) if vivax else 1.0)
    if stage != UNINFECTED:
        strength = patient.strength * float(rng.uniform(0.85, 1.15))
        if stage == "ring" and rng.random() < _FAINT_SHARE:
            strength *= float(rng.uniform(0.2, 0.5))
        _PAINTERS[stage](rng, patient, layers, grid, strength)
    return layers, grid


def _paint_body(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, grid: ObjectGrid, size: float, fading: float
) -> None:
    long = float(np.exp(abs(rng.normal(0.0, 0.12))))
    axes = (size * long**0.5, size / long**0.5)
    edge = outline(rng, float(rng.choice((0.012, 0.02, 0.05), p=(0.4, 0.5, 0.1))))  # few are misshapen
    where, dx, dy = grid.window(0.0, 0.0, axes[0] * float(edge.max()) * 1.15)
    rho = relative_radius(dx, dy, axes, float(rng.uniform(0, np.pi)), edge)
    body = grid.cover(size * (1 - rho), 0.05)
    hollow = np.clip(patient.pallor + rng.normal(0.0, 0.1), 0.0, 0.75)
    width = np.float32(rng.uniform(0.38, 0.55))
    near = rho / width
    thickness = 1 - np.float32(hollow) * np.exp(-(near * near * near)) + 0.08 * np.exp(-(((rho - 0.8) / 0.15) ** 2))
    thickness *= np.float32(fading * rng.uniform(0.9, 1.1)) * (1 + 0.05 * cloud(rng, body.shape, 9))
    layers.body[where] = body
    layers.haemoglobin[where] = thickness * body
    # Light bends at the edge: a thin bright line just outside.
    layers.haemoglobin[where] -= np.float32(0.07) * np.exp(-(((rho - 1.07) / 0.04) ** 2))


def _disturb(rng: np.random.Generator, layers: Layers, grid: ObjectGrid) -> None:
    angle, away = rng.uniform(0, 2 * np.pi), float(np.sqrt(rng.uniform(0.0, 0.8)))
    x, y = away * float(np.cos(angle)), away * float(np.sin(angle))
    kind = rng.random()
    if kind < 0.25:
        bystander.paint_platelet(rng, layers, grid, x, y)
    elif kind < 0.5:
        bystander.paint_precipitate(rng, layers, grid, x, y, 0.12)
    elif kind < 0.62:
        bystander.paint_remnant(rng, layers, grid, x, y)
    else:
        for _ in range(int(rng.integers(1, 4))):
            bystander.paint_smudge(rng, layers, grid, x * rng.uniform(-1, 1), y * rng.uniform(-1, 1))


def draw_cell(rng: np.random.Generator, patient: SyntheticPatient, stage: str) -> NDArray[np.uint8]:
    """One cell cut out of a smear as in the NIH set: black outside a ragged outline, cropped tight.

    Args:
        stage: ``"uninfected"`` or one of ``STAGES``.

    Returns:
        uint8 [h, w, 3] RGB, about 90 to 200 pixels a side.

    Raises:
        WrongUsage: an unknown stage.
    """
    return draw_cell_and_parasite(rng, patient, stage)[0]


def draw_cell_and_parasite(
    rng: np.random.Generator, patient: SyntheticPatient, stage: str
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The same cell as :func:`draw_cell` for the same ``rng``, and where its parasite lies.

    Returns:
        uint8 [h, w, 3] RGB, and bool [h, w]: pixels with parasite dye (chromatin, cytoplasm or pigment) at 0.3 or
        more of its thickest point; stippling is thinner and does not count, nor does what merely lies on the cell.
        All false in an uninfected cell.

    Raises:
        WrongUsage: an unknown stage.
    """
    if stage != UNINFECTED and stage not in STAGES:
        raise WrongUsage(f'Stage "{stage}" is not known; use {UNINFECTED}, {", ".join(STAGES)}.')
    radius = float(np.clip(rng.normal(62, 6), 46, 78))
    side = int(2 * REACH * radius)
    middle = (side / 2, side / 2)
    layers, grid = _paint_clean_cell(rng, patient, (side, side), middle, radius, stage)
    dye = layers.chromatin + layers.cytoplasm + layers.pigment
    parasite = dye > max(0.3 * float(dye.max()), 1e-6)
    if rng.random() < _DISTURBED_SHARE:
        _disturb(rng, layers, grid)
    mask = layers.body > rng.uniform(0.05, 0.5)
    if rng.random() < 0.12:
        mask |= _add_neighbour(rng, patient, layers, radius)
    mask = _ragged(mask)
    box = bounds(mask)
    mask = mask[box]
    light = patient.background[:, None, None] * np.float32(rng.uniform(0.95, 1.04)) * _slope(rng, mask.shape)
    picture = expose(rng, layers.crop(box).density(patient), light, patient, radius)
    picture[~mask] = 0
    return picture, parasite[box] & mask


def bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest rectangle (rows, columns) that holds every true pixel of a mask that has one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _slope(rng: np.random.Generator, shape: tuple[int, int]) -> Map:
    """A gentle gradient of the light over a crop, float32 [h, w] around 1."""
    angle, steepness = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.04)
    down = np.linspace(-1, 1, shape[0], dtype=np.float32) * np.float32(steepness * np.sin(angle))
    across = np.linspace(-1, 1, shape[1], dtype=np.float32) * np.float32(steepness * np.cos(angle))
    return 1 + across[None, :] + down[:, None]


def _add_neighbour(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, radius: float
) -> NDArray[np.bool_]:
    """Lay a touching cell over ``layers``; returns the piece of it that the cut-out keeps."""
    shape = layers.body.shape
    angle, away = rng.uniform(0, 2 * np.pi), radius * float(rng.uniform(1.78, 1.98))
    centre = (shape[1] / 2 + away * float(np.cos(angle)), shape[0] / 2 + away * float(np.sin(angle)))
    other = paint_red_cell(rng, patient, shape, centre, radius, UNINFECTED, 0.0)
    touching = bool(((layers.body > 0.05) & (other.body > 0.05)).any())
    layers.add(other)
    _, dx, dy = ObjectGrid(shape, (shape[1] / 2, shape[0] / 2), radius).window(0, 0, 2 * REACH)
    return (other.body > 0.3) & (np.hypot(dx, dy) < rng.uniform(1.05, 1.3)) & touching


def _ragged(mask: NDArray[np.bool_], block: int = 3) -> NDArray[np.bool_]:
    """The mask as found on a smaller copy of the picture: its edge goes in steps of ``block`` pixels."""
    small = mask[::block, ::block]
    return small.repeat(block, 0).repeat(block, 1)[: mask.shape[0], : mask.shape[1]]
