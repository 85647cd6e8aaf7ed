"""Malaria parasites inside a red cell: rings, trophozoites, schizonts and gametocytes under Giemsa."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.synthetic.shapes import Map, ObjectGrid, crescent, dot, outline, relative_radius
from train.synthetic.stain import Layers, SyntheticPatient


@dataclass(frozen=True)
class Grain:
    """A grain of chromatin on a cell; lengths in radii of a red cell.

    Attributes:
        x, y: its middle.
        radius: half its width.
        length: how many times as long as wide.
        tilt: of its long side, in radians.
    """

    x: float
    y: float
    radius: float
    length: float
    tilt: float


def paint_ring(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, grid: ObjectGrid, strength: float
) -> None:
    """One or two young rings: thin blue cytoplasm round a pale vacuole, with a red dot of chromatin or two."""
    twins = rng.random() < (0.2 if patient.species == "falciparum" else 0.05)
    start = rng.uniform(0, 2 * np.pi)
    for number in range(2 if twins else 1):
        angle = start + number * rng.uniform(1.6, 3.6)
        if patient.species == "falciparum" and rng.random() < 0.25:
            _applique(rng, layers, grid, angle, strength)
        else:
            big = 1.3 if patient.species == "vivax" else 1.0
            radius = float(rng.uniform(0.17, 0.29)) * big
            away = float(np.sqrt(rng.uniform(0.0, 1.0))) * (0.88 - radius)
            _ring(rng, layers, grid, away * np.cos(angle), away * np.sin(angle), radius, strength)


def _ring(
    rng: np.random.Generator, layers: Layers, grid: ObjectGrid, x: float, y: float, radius: float, strength: float
) -> None:
    where, dx, dy = grid.window(x, y, radius * 1.7)
    axes = (radius, radius * float(rng.uniform(0.68, 1.0)))
    tilt = float(rng.uniform(0, np.pi))
    rho = relative_radius(dx, dy, axes, tilt, outline(rng, 0.05))
    towards = float(rng.uniform(0, 2 * np.pi))  # of the chromatin; the cytoplasm is thickest opposite to it
    facing = np.cos(np.arctan2(dy, dx) - np.float32(towards))
    band = np.float32(rng.uniform(0.12, 0.2)) * (1.15 - 0.45 * facing)
    ring = np.exp(-(((rho - 0.85) / band) ** 2)) * (1 - np.float32(rng.uniform(0.1, 0.4)) * facing)
    layers.cytoplasm[where] += np.float32(0.85 * strength) * ring
    layers.haemoglobin[where] *= 1 - 0.22 * np.clip((0.85 - rho) / 0.3, 0, 1)
    chromatin = float(rng.uniform(0.075, 0.115))
    for shift in (0.0,) if rng.random() < 0.82 else (-0.45, 0.45):
        cx, cy = _on_ellipse(axes, tilt, towards + shift, 0.85)
        size = chromatin if shift == 0 else chromatin * 0.8
        grain = Grain(x + cx, y + cy, size, float(rng.uniform(1.0, 1.5)), towards + np.pi / 2)
        _lay_grain(rng, layers, grid, grain, strength)


def _on_ellipse(axes: tuple[float, float], tilt: float, angle: float, part: float) -> tuple[float, float]:
    turn = angle - tilt
    reach = part / float(np.hypot(np.cos(turn) / axes[0], np.sin(turn) / axes[1]))
    return reach * float(np.cos(angle)), reach * float(np.sin(angle))


def _applique(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, angle: float, strength: float) -> None:
    x, y = 0.93 * float(np.cos(angle)), 0.93 * float(np.sin(angle))
    where, dx, dy = grid.window(x, y, 0.45)
    # A sliver of cytoplasm along the edge, its chromatin a short bar.
    rho = relative_radius(dx, dy, (0.3, 0.11), angle + np.pi / 2, outline(rng, 0.08))
    layers.cytoplasm[where] += np.float32(0.8 * strength) * grid.cover(0.11 * (1 - rho), 0.08)
    grain = Grain(x, y, float(rng.uniform(0.07, 0.1)), float(rng.uniform(1.3, 2.2)), angle + np.pi / 2)
    _lay_grain(rng, layers, grid, grain, strength)


def _lay_grain(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, grain: Grain, strength: float) -> None:
    """Lay chromatin down: an irregular dense grain."""
    long = grain.radius * grain.length
    where, dx, dy = grid.window(grain.x, grain.y, long * 1.6)
    rho = relative_radius(dx, dy, (long, grain.radius), grain.tilt, outline(rng, 0.1))
    dye = np.float32(strength) * grid.cover(grain.radius * (1 - rho), grain.radius * 0.7)
    np.maximum(layers.chromatin[where], dye, out=layers.chromatin[where])


def _pigment(
    rng: np.random.Generator, layers: Layers, grid: ObjectGrid, spots: Map, size: float, amount: float
) -> None:
    """Haemozoin: brown grains at ``spots`` [n, 2]."""
    for x, y in spots:
        dot(layers.pigment, grid, float(x), float(y), size * float(rng.uniform(0.6, 1.3)), amount, soft=size)


def _scatter(rng: np.random.Generator, count: int, spread: float, x: float = 0.0, y: float = 0.0) -> Map:
    return (rng.normal(0.0, spread, (count, 2)) + np.array((x, y))).astype(np.float32)


def _stipple(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, strength: float) -> None:
    """Schueffner's dots: fine pink points over the whole cell, of vivax and ovale."""
    for angle, place in zip(rng.uniform(0, 2 * np.pi, 70), np.sqrt(rng.uniform(0, 0.85, 70)), strict=True):
        dot(layers.chromatin, grid, place * np.cos(angle), place * np.sin(angle), 0.022, 0.2 * strength, soft=0.03)


def paint_trophozoite(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, grid: ObjectGrid, strength: float
) -> None:
    """A growing parasite: amoeboid blue cytoplasm (compact in falciparum), one chromatin mass, brown pigment."""
    amoeboid = patient.species == "vivax"
    if amoeboid:
        _stipple(rng, layers, grid, strength)
    radius = float(rng.uniform(0.44, 0.62) if amoeboid else rng.uniform(0.3, 0.42))
    angle, away = rng.uniform(0, 2 * np.pi), float(rng.uniform(0, 0.8 - radius))
    x, y = away * float(np.cos(angle)), away * float(np.sin(angle))
    where, dx, dy = grid.window(x, y, radius * 2.2)
    axes = (radius, radius * float(rng.uniform(0.7, 1.0)))
    rho = relative_radius(dx, dy, axes, float(angle), outline(rng, 0.14 if amoeboid else 0.06, waves=6))
    inside = grid.cover(radius * (1 - rho), 0.07)
    vacuole = np.zeros_like(inside)
    for _ in range(int(rng.integers(1, 4 if amoeboid else 2))):
        turn, part = rng.uniform(0, 2 * np.pi), radius * float(rng.uniform(0.05, 0.5))
        hole = np.hypot(dx - np.float32(part * np.cos(turn)), dy - np.float32(part * np.sin(turn)))
        vacuole = np.maximum(vacuole, grid.cover(radius * float(rng.uniform(0.18, 0.36)) - hole, 0.09))
    inside *= layers.body[where]  # pseudopods press against the cell's edge, never through it
    flesh = inside * (1 - 0.8 * vacuole)
    layers.cytoplasm[where] += np.float32(0.95 * strength) * flesh
    layers.haemoglobin[where] *= 1 - 0.35 * inside
    turn = float(rng.uniform(0, 2 * np.pi))
    cx, cy = x + 0.5 * radius * np.cos(turn), y + 0.5 * radius * np.sin(turn)
    grain = Grain(cx, cy, float(rng.uniform(0.11, 0.16)), float(rng.uniform(1.0, 1.5)), turn)
    _lay_grain(rng, layers, grid, grain, strength)
    if amoeboid:
        spots = _scatter(rng, int(rng.integers(10, 24)), radius * 0.42, x, y)
        _pigment(rng, layers, grid, spots, 0.028, 0.6 * strength)
    else:
        spots = _scatter(
            rng, int(rng.integers(4, 9)), 0.05, x - 0.2 * radius * np.cos(turn), y - 0.2 * radius * np.sin(turn)
        )
        _pigment(rng, layers, grid, spots, 0.045, 0.9 * strength)


def paint_schizont(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, grid: ObjectGrid, strength: float
) -> None:
    """A dividing parasite: merozoites, each a dot of chromatin in a little cytoplasm, round brown pigment."""
    radius = float(rng.uniform(0.6, 0.78))
    where, dx, dy = grid.window(0, 0, radius * 1.4)
    inside = grid.cover(radius * (1 - relative_radius(dx, dy, (radius, radius * 0.93), 0.0, outline(rng, 0.04))), 0.1)
    layers.cytoplasm[where] += np.float32(0.3 * strength) * inside
    layers.haemoglobin[where] *= 1 - 0.5 * inside
    count = int(rng.integers(10, 23) if patient.species == "vivax" else rng.integers(8, 19))
    spots: list[tuple[float, float]] = []
    for _ in range(count * 25):
        angle, place = rng.uniform(0, 2 * np.pi), radius * float(np.sqrt(rng.uniform(0.08, 0.85)))
        spot = (place * float(np.cos(angle)), place * float(np.sin(angle)))
        if len(spots) < count and all(np.hypot(spot[0] - a, spot[1] - b) > 0.16 for a, b in spots):
            spots.append(spot)
    for mx, my in spots:
        dot(layers.cytoplasm, grid, mx, my, 0.12, 0.65 * strength, soft=0.07)
        size, length = float(rng.uniform(0.05, 0.08)), float(rng.uniform(1.0, 1.6))
        _lay_grain(rng, layers, grid, Grain(mx, my, size, length, float(rng.uniform(0, np.pi))), strength)
    _pigment(rng, layers, grid, _scatter(rng, int(rng.integers(6, 11)), 0.06), 0.05, 1.1 * strength)


def paint_gametocyte(
    rng: np.random.Generator, patient: SyntheticPatient, layers: Layers, grid: ObjectGrid, strength: float
) -> None:
    """A sexual form: falciparum's crescent with what is left of the red cell, or vivax's large round body."""
    if patient.species == "falciparum":
        _crescent(rng, layers, grid, strength)
    else:
        _round_gametocyte(rng, layers, grid, strength)


def _crescent(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, strength: float) -> None:
    tilt = float(rng.uniform(0, 2 * np.pi))
    # Bowed away from the middle, so that what is left of the red cell shows in the hollow.
    x, y = -0.4 * float(np.sin(tilt)), 0.4 * float(np.cos(tilt))
    depth, along = crescent(
        grid,
        x,
        y,
        arc=float(rng.uniform(0.95, 1.5)),
        half_length=float(rng.uniform(1.05, 1.25)),
        half_width=float(rng.uniform(0.3, 0.39)),
        tilt=tilt,
    )
    banana = grid.cover(depth, 0.05)
    np.maximum(layers.body, banana, out=layers.body)
    layers.haemoglobin *= 1 - 0.75 * banana
    female = rng.random() < 0.6  # deeper blue, with a smaller nucleus
    core = np.exp(-((along / np.float32(0.26 if female else 0.42)) ** 2)) * grid.cover(depth - 0.08, 0.15)
    rim = 1 + 0.35 * np.exp(-((depth / 0.07) ** 2))
    layers.cytoplasm += np.float32((1.15 if female else 0.75) * strength) * banana * rim * (1 - 0.35 * core)
    layers.chromatin += np.float32((0.55 if female else 0.45) * strength) * core + np.float32(0.12) * banana
    long = _scatter(rng, int(rng.integers(12, 24)), 0.1)
    long[:, 0] *= 1.6 if female else 3.0
    turned = np.stack(
        [long[:, 0] * np.cos(tilt) - long[:, 1] * np.sin(tilt), long[:, 0] * np.sin(tilt) + long[:, 1] * np.cos(tilt)],
        1,
    )
    _pigment(rng, layers, grid, (turned + np.array((x, y))).astype(np.float32), 0.035, 0.9 * strength)


def _round_gametocyte(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, strength: float) -> None:
    radius = float(rng.uniform(0.78, 0.9))
    where, dx, dy = grid.window(0, 0, radius * 1.3)
    rho = relative_radius(dx, dy, (radius, radius * float(rng.uniform(0.88, 1.0))), 0.3, outline(rng, 0.02))
    inside = grid.cover(radius * (1 - rho), 0.06)
    layers.haemoglobin[where] *= 1 - 0.7 * inside
    layers.cytoplasm[where] += np.float32(rng.uniform(0.8, 1.15) * strength) * inside
    angle, away = rng.uniform(0, 2 * np.pi), radius * float(rng.uniform(0.2, 0.6))
    x, y = away * float(np.cos(angle)), away * float(np.sin(angle))
    nucleus = np.hypot(dx - np.float32(x), dy - np.float32(y))
    layers.chromatin[where] += np.float32(0.5 * strength) * grid.cover(0.3 - nucleus, 0.14) * inside
    _lay_grain(rng, layers, grid, Grain(x, y, float(rng.uniform(0.1, 0.14)), 1.4, float(angle)), strength)
    turns, places = rng.uniform(0, 2 * np.pi, 40), radius * 0.9 * np.sqrt(rng.uniform(0, 1, 40))
    spots = np.stack([places * np.cos(turns), places * np.sin(turns)], 1).astype(np.float32)
    _pigment(rng, layers, grid, spots, 0.03, 0.6 * strength)
