"""Soft-edged shapes on a pixel grid: the few geometric tools with which cells and parasites are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Window = tuple[slice, slice]
_ANGLES = 512


class ObjectGrid:
    """Pixels seen from one object: offsets from its centre, in radii of a red cell.

    Attributes:
        shape: (height, width) of the canvas in pixels.
        centre: (x, y) of the object in pixels; may lie outside the canvas.
        scale: pixels in one unit.
    """

    def __init__(self, shape: tuple[int, int], centre: tuple[float, float], scale: float) -> None:
        self.shape = shape
        self.centre = centre
        self.scale = scale

    def window(self, x: float, y: float, reach: float) -> tuple[Window, Map, Map]:
        """The pixels within ``reach`` of the point (x, y), all in units.

        Returns:
            Where they are, and their offsets from the point: dx float32 [1, w] and dy float32 [h, 1]. Empty
            when the point is far outside the canvas.
        """
        column, row = self.centre[0] + x * self.scale, self.centre[1] + y * self.scale
        half = reach * self.scale + 1.0
        left, right = _clip(column - half, self.shape[1]), _clip(column + half + 1, self.shape[1])
        top, bottom = _clip(row - half, self.shape[0]), _clip(row + half + 1, self.shape[0])
        dx = (np.arange(left, right, dtype=np.float32) - np.float32(column)) / np.float32(self.scale)
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(row)) / np.float32(self.scale)
        return (slice(top, bottom), slice(left, right)), dx[None, :], dy[:, None]

    def cover(self, depth: Map, soft: float = 0.0) -> Map:
        """How much of each pixel a shape covers, 0 to 1.

        Args:
            depth: distance inside the edge in units, negative outside.
            soft: width of the edge in units; never less than a pixel and a half.
        """
        width = np.float32(max(soft, 1.5 / self.scale))
        return np.clip(depth / width + np.float32(0.5), 0.0, 1.0)


def _clip(pixel: float, size: int) -> int:
    return int(min(max(np.floor(pixel), 0), size))


def outline(rng: np.random.Generator, roughness: float, waves: int = 5) -> Map:
    """A closed wavy outline around 1.0: radius float32 [512] for evenly spaced angles from -pi to pi.

    Args:
        roughness: standard deviation of the slowest wave; faster ones are weaker.
        waves: the fastest has ``waves`` + 1 periods round the outline.
    """
    angle = np.linspace(-np.pi, np.pi, _ANGLES, endpoint=False)
    radius = np.ones(_ANGLES)
    for order in range(2, waves + 2):
        radius += rng.normal(0.0, roughness * 2.0 / order) * np.cos(order * angle + rng.uniform(0.0, 2 * np.pi))
    return np.maximum(radius, 0.3).astype(np.float32)


def relative_radius(dx: Map, dy: Map, axes: tuple[float, float], tilt: float, edge: Map) -> Map:
    """Distance from the centre as a part of the way to the edge of a wavy ellipse: 0 centre, 1 edge."""
    cosine, sine = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    u = (cosine * dx + sine * dy) / np.float32(axes[0])
    v = (cosine * dy - sine * dx) / np.float32(axes[1])
    turn = (np.arctan2(v, u) + np.float32(np.pi)) * np.float32(_ANGLES / (2 * np.pi))
    relative: Map = (np.hypot(u, v) / np.take(edge, turn.astype(np.int32) % _ANGLES)).astype(np.float32)
    return relative


def dot(layer: Map, grid: ObjectGrid, x: float, y: float, radius: float, amount: float, soft: float = 0.04) -> None:
    """Lay a round soft dot over ``layer``: the larger of what was there and the dot stays."""
    where, dx, dy = grid.window(x, y, radius + soft)
    depth: Map = (radius - np.hypot(dx, dy)).astype(np.float32)
    np.maximum(layer[where], np.float32(amount) * grid.cover(depth, soft), out=layer[where])


def crescent(
    grid: ObjectGrid, x: float, y: float, arc: float, half_length: float, half_width: float, tilt: float
) -> tuple[Map, Map]:
    """A banana: an arc of radius ``arc`` through (x, y), widest there, with rounded ends.

    Returns:
        depth inside the edge in units, and the place along the banana from -1 to 1; both over the whole canvas.
    """
    _, dx, dy = grid.window(x, y, float(max(grid.shape)))
    cosine, sine = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    u = cosine * dx + sine * dy
    v = cosine * dy - sine * dx + np.float32(arc)
    along = np.arctan2(u, v) * np.float32(arc / half_length)
    width = np.float32(half_width) * np.sqrt(np.clip(1.0 - along**2, 0.0, 1.0)) ** np.float32(0.8)
    depth = width - np.abs(np.hypot(u, v) - np.float32(arc))
    return np.where(np.abs(along) < 1.0, depth, np.float32(-1.0)), along


def cloud(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> Map:
    """Smooth random texture, mean 0 and about -1 to 1, with features of ``cell`` pixels."""
    rows, columns = shape[0] // cell + 2, shape[1] // cell + 2
    knots = rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)
    return _stretch(_stretch(knots, shape[0], cell, 0), shape[1], cell, 1)


def _stretch(knots: Map, size: int, cell: int, axis: int) -> Map:
    place = np.arange(size, dtype=np.float32) / np.float32(cell)
    index = place.astype(np.int32)
    part = place - index
    part = part * part * (3 - 2 * part)
    part = part[:, None] if axis == 0 else part[None, :]
    return np.take(knots, index, axis) * (1 - part) + np.take(knots, index + 1, axis) * part


def blur(image: Map, sigma: float) -> Map:
    """Gaussian blur of float32 [..., h, w] with standard deviation ``sigma`` in pixels; the border is repeated."""
    reach = int(np.ceil(2.5 * sigma))
    if reach == 0:
        return image
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (image.ndim - 2, image.ndim - 1):
        size = image.shape[axis]
        padding = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        wide = np.pad(image, padding, mode="edge")
        parts = [wide[(slice(None),) * axis + (slice(k, k + size),)] for k in range(2 * reach + 1)]
        image = weights[reach] * parts[reach]
        for k in range(reach):  # both sides weigh the same
            image += weights[k] * (parts[k] + parts[-1 - k])
    return image
