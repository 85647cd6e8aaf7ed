"""Round outlines among cells that lie on one another: edges vote for the middle of their cell, and a curve is fitted.

Cells are translucent, so the edge of one shows inside the other, and both outlines can be followed where no cut of
the mask is right. Edge pixels vote along their gradient for centres at the radius of a cell (fast radial symmetry, Loy
and Zelinsky 2003); around each centre the radius is fitted as a short Fourier series of the angle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.segmentation.mask import disc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.scale import WorkingPicture

# Lengths in diameters of the usual cell.
_STEEP = 0.06  # gradient of an edge for each pixel, in parts of the usual darkness
_RADII = np.arange(0.36, 0.64, 0.03)  # at which edges vote
_SOFT, _APART = 0.07, 0.12  # spread of a vote; radius within which a centre is the best
_VOTES = 1.0  # least sum of votes, in those of a full circle of half a diameter over pi
_ASIDE = 0.22  # how far the normal of an edge may pass the centre
_NEAR, _FAR = 0.33, 0.85  # distance of edges from the centre
_TERMS = np.diag([0.0, 0.45, 0.45, 1.5, 1.5])  # reluctance to bend: of the mean, first and second order
_SECTORS = 24
_CLOSE = 0.08  # distance from the curve at which an edge supports it
_ROUNDS, _TUNING = 3, 0.05  # of reweighting, and the residual that halves a weight (Cauchy's loss)
_SMALLEST, _LARGEST = 0.25, 0.95  # radius anywhere
_CORNERS = 48


@dataclass(frozen=True)
class Outline:
    """One round thing.

    Attributes:
        box: left, top, right, bottom in pixels of the working picture, tight.
        mask: what of it is stained, bool [rows, columns].
        area: of ``mask`` in pixels.
        support: part of its sectors in which an edge lies on the curve, 0..1.
        rank: greater for the more certain of two.
    """

    box: tuple[int, int, int, int]
    mask: NDArray[np.bool_]
    area: float
    support: float
    rank: float


class _Edges(NamedTuple):
    """Edge pixels, row by row: their places, and the unit vector towards darkness; each [k]."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]


def find_outlines(
    work: WorkingPicture, stained: NDArray[np.bool_], where: NDArray[np.bool_], least: float, filled: float
) -> list[Outline]:
    """The round outlines whose middle lies in a part of the picture, the most certain first.

    Args:
        stained: bool [h, w], pixels of cells.
        where: bool [h, w], the part to look at.
        least: support that an outline must have.
        filled: part of an outline's inside that must be stained.
    """
    if not where.any():
        return []
    edges = _edges(work, where)
    x, y, votes = _centres(edges, work.diameter, where)
    found = []
    for corners, support, sure in zip(*_fit(edges, x, y, work.diameter), votes.tolist(), strict=True):
        drawn = _draw(corners, stained, filled) if support >= least else None
        if drawn is not None:
            box, mask, area = drawn
            found.append(Outline(box, mask, area, support, support + 0.1 * min(sure, 4.0)))
    return sorted(found, key=lambda outline: -outline.rank)


def _edges(work: WorkingPicture, where: NDArray[np.bool_]) -> _Edges:
    """Edge pixels near ``where``: steeper than both neighbours along the gradient."""
    cv2 = opencv()
    near = cv2.dilate(where.view(np.uint8), disc(3)).view(bool)
    across = cv2.Sobel(work.darkness, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(work.darkness, cv2.CV_32F, 0, 1, scale=1 / 8)
    steep = cv2.magnitude(across, down)
    height, width = steep.shape
    place = np.flatnonzero(near & (steep > _STEEP * work.level))
    size = steep.ravel()[place]
    right = np.asarray(across.ravel()[place] / size, np.float64)
    below = np.asarray(down.ravel()[place] / size, np.float64)
    y, x = np.divmod(place, width)

    def beside(sign: int) -> NDArray[np.float32]:
        column = np.clip(x + np.rint(sign * right).astype(np.intp), 0, width - 1)
        row = np.clip(y + np.rint(sign * below).astype(np.intp), 0, height - 1)
        return np.asarray(steep[row, column])

    kept = (size >= beside(1)) & (size > beside(-1))
    return _Edges(x[kept].astype(float), y[kept].astype(float), right[kept], below[kept])


def _centres(
    edges: _Edges, diameter: float, where: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Where the votes gather within ``where``: x, y and their sum, each [n]."""
    cv2 = opencv()
    height, width = where.shape
    radii = _RADII[:, None] * diameter
    x = np.rint(edges.x + edges.across * radii).astype(np.int32)
    y = np.rint(edges.y + edges.down * radii).astype(np.int32)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    votes = np.bincount((y * width + x)[inside], minlength=height * width)
    spread = _SOFT * diameter
    dense = cv2.GaussianBlur(votes.reshape(height, width).astype(np.float32), (0, 0), spread)
    dense *= 2 * math.pi * spread**2 / (math.pi * diameter)
    best = (dense >= cv2.dilate(dense, disc(_APART * diameter))) & (dense > _VOTES) & where
    rows, columns = np.nonzero(best)
    return columns.astype(np.float64), rows.astype(np.float64), dense[rows, columns]


def _fit(
    edges: _Edges, x: NDArray[np.float64], y: NDArray[np.float64], diameter: float
) -> tuple[NDArray[np.float64], list[float]]:
    """The curve around each centre, corners [n, k, 2], and its support, 0 where there is no curve.

    All centres are fitted at once, in pairs of a centre and an edge near it; twice, as the first fit also says where
    the middle really is. The fewer edges in a sector, the more each weighs; then those far from the curve weigh less.
    """
    count = len(x)
    owner, edge = _pairs(edges, x, y, 1.2 * _FAR * diameter)
    for last in (False, True):
        right, below = edges.x[edge] - x[owner], edges.y[edge] - y[owner]
        across, down = edges.across[edge], edges.down[edge]
        radius = np.hypot(right, below)
        inward = -(right * across + below * down)
        kept = (np.abs(right * down - below * across) < _ASIDE * diameter) & (inward > _NEAR * diameter)
        kept &= radius < _FAR * diameter
        own, right, below, radius = owner[kept], right[kept], below[kept], radius[kept]
        angle = np.arctan2(below, right)
        sector = own * _SECTORS + ((angle / (2 * math.pi) + 0.5) * _SECTORS).astype(np.intp) % _SECTORS
        fair = 1 / np.bincount(sector, minlength=count * _SECTORS)[sector]
        series = _series(right / radius, below / radius)
        usual = _medians(own, radius, count)
        weight = fair / (1 + ((radius - usual[own]) / (0.15 * diameter)) ** 2)
        for _ in range(_ROUNDS):
            terms = _solve(own, series, radius, weight, count)
            off = radius - np.einsum("ki,ki->k", series, terms[own])
            weight = fair / (1 + (off / (_TUNING * diameter)) ** 2)
        if not last:
            x, y = x + terms[:, 1], y + terms[:, 2]
    turn = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    curve = terms @ _series(np.cos(turn), np.sin(turn)).T
    corners = np.stack([x[:, None] + curve * np.cos(turn), y[:, None] + curve * np.sin(turn)], 2)
    hit = np.zeros(count * _SECTORS, bool)
    hit[sector[np.abs(off) < _CLOSE * diameter]] = True
    round_ = (curve.min(1) > _SMALLEST * diameter) & (curve.max(1) < _LARGEST * diameter)
    support = np.where(round_, hit.reshape(count, _SECTORS).mean(1), 0.0)
    return corners, support.tolist()


def _pairs(
    edges: _Edges, x: NDArray[np.float64], y: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which edges lie in the square around each centre: centre and edge of each pair, [k]."""
    begin = np.searchsorted(edges.y, y - reach)
    end = np.searchsorted(edges.y, y + reach)
    found = [
        start + np.flatnonzero(np.abs(edges.x[start:stop] - middle) < reach)
        for start, stop, middle in zip(begin.tolist(), end.tolist(), x.tolist(), strict=True)
    ]
    sizes = [len(part) for part in found]
    return np.repeat(np.arange(len(x)), sizes), np.concatenate([np.zeros(0, np.intp), *found])


def _medians(own: NDArray[np.intp], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Median of the values of each owner (the upper of two), 0 where there are none; [count]."""
    order = np.lexsort((values, own))
    sizes = np.bincount(own, minlength=count)
    middle = np.cumsum(sizes) - sizes + sizes // 2
    return np.where(sizes > 0, values[order][np.minimum(middle, max(len(values) - 1, 0))] if len(values) else 0.0, 0.0)


def _solve(
    own: NDArray[np.intp],
    series: NDArray[np.float64],
    radius: NDArray[np.float64],
    weight: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """Weighted least squares of each owner by the normal equations, float64 [count, 5]."""
    size = series.shape[1]
    weighted = series * weight[:, None]
    square, side = np.empty((count, size, size)), np.empty((count, size))
    for i in range(size):
        side[:, i] = np.bincount(own, weighted[:, i] * radius, minlength=count)
        for j in range(i + 1):
            square[:, i, j] = square[:, j, i] = np.bincount(own, weighted[:, i] * series[:, j], minlength=count)
    return np.asarray(np.linalg.solve(square + _TERMS + 1e-6 * np.eye(size), side[..., None])[..., 0], np.float64)


def _series(cosine: NDArray[np.float64], sine: NDArray[np.float64]) -> NDArray[np.float64]:
    """1, cos a, sin a, cos 2a, sin 2a of angles given by their cosine and sine, [k, 5]."""
    return np.stack([np.ones_like(cosine), cosine, sine, cosine**2 - sine**2, 2 * cosine * sine], 1)


def _draw(
    corners: NDArray[np.float64], stained: NDArray[np.bool_], filled: float
) -> tuple[tuple[int, int, int, int], NDArray[np.bool_], float] | None:
    """Box, mask and area of what is stained inside a curve; None when it leaves the picture or is too empty."""
    cv2 = opencv()
    height, width = stained.shape
    (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    if corners.min() < 0 or corners[:, 0].max() > width - 1 or corners[:, 1].max() > height - 1:
        return None
    drawn = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(drawn, [np.rint((corners - (left, top)) * 16).astype(np.int32)], 1, shift=4)
    mask = drawn.view(bool) & stained[top:bottom, left:right]
    area = float(mask.sum())
    if area < filled * drawn.sum() or not area:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (int(left + columns[0]), int(top + rows[0]), int(left + columns[-1]) + 1, int(top + rows[-1]) + 1)
    return box, mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], area
