"""What lies on a smear besides red cells: white cells, platelets, stain precipitate, nuclear remnants, smudges."""

from __future__ import annotations

import itertools

import numpy as np

from train.synthetic.shapes import ObjectGrid, cloud, dot, outline, relative_radius
from train.synthetic.stain import Layers


def paint_platelet(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, x: float, y: float) -> None:
    """A platelet at (x, y): pale lilac with purple granules gathered in the middle, a third of a red cell wide."""
    radius = float(rng.uniform(0.2, 0.34))
    where, dx, dy = grid.window(x, y, radius * 2.0)
    axes = (radius, radius * float(rng.uniform(0.7, 1.0)))
    rho = relative_radius(dx, dy, axes, float(rng.uniform(0, np.pi)), outline(rng, 0.09, waves=7))
    inside = grid.cover(radius * (1 - rho), 0.1)
    np.maximum(layers.body[where], inside, out=layers.body[where])
    layers.cytoplasm[where] += np.float32(rng.uniform(0.2, 0.4)) * inside
    layers.chromatin[where] += np.float32(rng.uniform(0.2, 0.35)) * np.exp(-((rho / 0.6) ** 2))
    for dot_x, dot_y in rng.normal(0.0, radius * 0.4, (int(rng.integers(6, 14)), 2)):
        dot(layers.chromatin, grid, x + dot_x, y + dot_y, 0.04, float(rng.uniform(0.4, 0.7)), soft=0.05)


def paint_precipitate(
    rng: np.random.Generator, layers: Layers, grid: ObjectGrid, x: float, y: float, size: float
) -> None:
    """Stain that fell out: a few dark, sharp, angular purple-black specks within ``size`` of (x, y)."""
    for dot_x, dot_y in rng.normal(0.0, size, (int(rng.integers(1, 5)), 2)):
        radius = float(rng.uniform(0.03, 0.09))
        where, dx, dy = grid.window(x + dot_x, y + dot_y, radius * 2.5)
        rho = relative_radius(
            dx, dy, (radius * float(rng.uniform(1, 1.9)), radius), float(rng.uniform(0, np.pi)), outline(rng, 0.2)
        )
        speck = grid.cover(radius * (1 - rho))
        np.maximum(layers.body[where], speck, out=layers.body[where])
        layers.chromatin[where] += np.float32(rng.uniform(0.5, 0.9)) * speck
        layers.pigment[where] += np.float32(rng.uniform(0.3, 0.9)) * speck


def paint_remnant(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, x: float, y: float) -> None:
    """A Howell-Jolly body: one smooth round dense dot of old nucleus, without any cytoplasm."""
    dot(layers.chromatin, grid, x, y, float(rng.uniform(0.07, 0.11)), float(rng.uniform(0.7, 1.0)), soft=0.05)


def paint_smudge(rng: np.random.Generator, layers: Layers, grid: ObjectGrid, x: float, y: float) -> None:
    """A faint blotch of stain out of focus."""
    radius = float(rng.uniform(0.08, 0.2))
    where, dx, dy = grid.window(x, y, radius * 2.5)
    rho = relative_radius(
        dx, dy, (radius, radius * float(rng.uniform(0.4, 1))), float(rng.uniform(0, np.pi)), outline(rng, 0.1)
    )
    layers.chromatin[where] += np.float32(rng.uniform(0.12, 0.4)) * np.exp(-(rho**2))


def paint_white_cell(rng: np.random.Generator, layers: Layers, grid: ObjectGrid) -> None:
    """A white cell round the centre: a neutrophil with a lobed nucleus, or a lymphocyte with a round one."""
    lobed = rng.random() < 0.7
    radius = float(rng.uniform(1.45, 1.8) if lobed else rng.uniform(1.05, 1.35))
    where, dx, dy = grid.window(0, 0, radius * 1.25)
    rho = relative_radius(dx, dy, (radius, radius * float(rng.uniform(0.88, 1.0))), 0.4, outline(rng, 0.03))
    inside = grid.cover(radius * (1 - rho), 0.06)
    np.maximum(layers.body[where], inside, out=layers.body[where])
    layers.cytoplasm[where] += np.float32(0.14 if lobed else 0.6) * inside
    nucleus = np.zeros_like(inside)
    if lobed:
        layers.haemoglobin[where] += np.float32(0.2) * inside
        turn, away = float(rng.uniform(0, 2 * np.pi)), 0.46 * radius
        lobes = int(rng.integers(3, 6))
        path: list[tuple[float, float]] = []
        for _ in range(lobes):
            path.append((away * float(np.cos(turn)), away * float(np.sin(turn))))
            turn += float(rng.uniform(1.0, 1.35))
        for x, y in path:
            size = radius * float(rng.uniform(0.27, 0.36))
            lobe = relative_radius(
                dx - np.float32(x), dy - np.float32(y), (size, size * 0.85), turn, outline(rng, 0.06)
            )
            nucleus = np.maximum(nucleus, grid.cover(size * (1 - lobe), 0.08))
        for (ax, ay), (bx, by) in itertools.pairwise(path):  # the threads between the lobes
            for part in (0.35, 0.5, 0.65):
                px, py = np.float32(ax + part * (bx - ax)), np.float32(ay + part * (by - ay))
                nucleus = np.maximum(nucleus, grid.cover(0.13 * radius - np.hypot(dx - px, dy - py), 0.08))
        for x, y in rng.uniform(-0.8, 0.8, (60, 2)) * radius:
            if np.hypot(x, y) < 0.85 * radius:
                dot(layers.chromatin, grid, x, y, 0.03, 0.22, soft=0.03)
    else:
        size = radius * float(rng.uniform(0.78, 0.86))
        nucleus = grid.cover(size * (1 - relative_radius(dx - 0.08, dy, (size, size), 0.0, outline(rng, 0.03))), 0.08)
    clumped = nucleus * (1 + np.float32(0.2) * cloud(rng, nucleus.shape, max(int(0.18 * grid.scale), 2)))
    layers.cytoplasm[where] *= 1 - np.float32(0.8) * nucleus
    layers.chromatin[where] += np.float32(0.95) * clumped
    layers.cytoplasm[where] += np.float32(0.4) * clumped
