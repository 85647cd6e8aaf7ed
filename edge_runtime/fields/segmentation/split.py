"""Touching cells apart: basins of the distance to the edge, joined again where together they make one good cell."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.segmentation.shapes import Shape, measure_shapes
from edge_runtime.fields.segmentation.watershed import Passes, climb, find_passes, renumber_passes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# What speaks against a region being one cell, in areas and diameters of the usual cell. Set on fields of one
# laboratory; see docs/fields.md for what was varied.
_RIPPLE = 0.8  # pixels by which a summit must rise above its pass to be one
_DENT = 5.2  # for each cell area that its convex hull has more than the region itself
_SMALL, _SMALL_COST = 0.5, 0.8  # for each cell area below
_LARGE, _LARGE_COST = 1.35, 0.5  # for each squared cell area above
_LONG, _LONG_COST = 1.35, 1.0  # for each diameter of the long axis above
_NECK, _NECK_COST = 0.8, 0.6  # for each part of the smaller summit that the neck is narrower
_PATCH_NECK = 0.7  # of a pale patch, whose border with its neighbour is no neck
_NEVER_LARGER = 3.2  # no join makes a cell larger than this out of two that are no fragments
_FRAGMENT = 0.3


def split_cells(
    mask: NDArray[np.bool_], patches: NDArray[np.bool_], diameter: float
) -> tuple[NDArray[np.int32], dict[int, Shape]]:
    """One label for each cell.

    The mask is over-split at every neck of the distance to its edge; pale patches are pieces of their own. Then the
    pair of neighbours whose union costs least, compared with leaving the two apart, is joined, and so on until no
    join is worth it. A dent in the outline, a size far from the usual and a long shape cost; a narrow neck does too.

    Args:
        mask: bool [h, w], pixels of cells.
        patches: bool [h, w], pale patches outside ``mask``.
        diameter: of the usual cell in pixels.

    Returns:
        labels int32 [h, w], 0 outside cells; and the shape of each label.
    """
    cv2 = opencv()
    # Not DIST_MASK_PRECISE: its last digit depends on where the mask lies in memory, and ties then fall differently.
    distance = np.asarray(cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    labels, summits = climb(distance)
    passes = find_passes(labels, distance)
    labels, summits, passes = _without_ripples(labels, summits, passes)
    if patches.any():
        count, pieces = cv2.connectedComponents(patches.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        labels = np.where(pieces > 0, pieces + (len(summits) - 1), labels).astype(np.int32)
        summits = np.concatenate([summits, np.zeros(count - 1, np.float32)])
        passes = find_passes(labels, distance)
    if len(summits) > 65_000:
        return np.zeros_like(labels), {}
    return _join(labels, summits, passes, diameter)


def _without_ripples(
    labels: NDArray[np.int32], summits: NDArray[np.float32], passes: Passes
) -> tuple[NDArray[np.int32], NDArray[np.float32], Passes]:
    """Join summits that hardly rise above the pass to a higher one (h-maxima)."""
    parent = list(range(len(summits)))
    heights = summits.tolist()
    for first, second, height in zip(*(part.tolist() for part in passes), strict=True):
        a, b = _root(parent, first), _root(parent, second)
        if a != b and min(heights[a], heights[b]) - height < _RIPPLE:
            low, high = (a, b) if heights[a] < heights[b] else (b, a)
            parent[low] = high
    kept, number = _numbered(parent)
    return number[labels], summits[kept], renumber_passes(passes, number)


def _join(
    labels: NDArray[np.int32], summits: NDArray[np.float32], passes: Passes, diameter: float
) -> tuple[NDArray[np.int32], dict[int, Shape]]:
    shapes = measure_shapes(labels)
    heights = summits.tolist()
    costs = {label: _cost(shape, diameter) for label, shape in shapes.items()}
    necks = _necks(shapes, passes)
    parent = list(range(len(summits)))
    changes = dict.fromkeys(shapes, 0)  # joins so far; a waiting pair whose count has moved on is out of date
    waiting: list[tuple[float, int, int, int, int, Shape]] = []
    limit, fragment = (part * math.pi / 4 * diameter**2 for part in (_NEVER_LARGER, _FRAGMENT))

    def consider(a: int, b: int) -> None:
        a, b = min(a, b), max(a, b)
        one, other = shapes[a], shapes[b]
        if one.area + other.area > limit and min(one.area, other.area) > fragment:
            return
        lower = min(heights[a], heights[b])
        neck = necks[a][b] / lower if lower > 0 else _PATCH_NECK
        union = one.joined(other)
        gain = costs[a] + costs[b] - _cost(union, diameter) + _NECK_COST * (neck - _NECK)
        if gain > 0:  # the counts make every entry unique, so shapes are never compared
            heapq.heappush(waiting, (-gain, a, b, changes[a], changes[b], union))

    for a, b in [(a, b) for a, others in necks.items() for b in others if a < b]:
        consider(a, b)
    while waiting:
        _, a, b, seen_a, seen_b, union = heapq.heappop(waiting)
        if changes.get(a) != seen_a or changes.get(b) != seen_b:
            continue
        if heights[a] < heights[b]:
            a, b = b, a
        parent[b] = a
        shapes[a], costs[a] = union, _cost(union, diameter)
        changes[a] += 1
        del shapes[b], changes[b]
        _hand_over(necks, b, a)
        for other in necks[a]:
            consider(a, other)
    _, number = _numbered(parent)
    return number[labels], {int(number[label]): shape for label, shape in shapes.items()}


def _necks(labels: Iterable[int], passes: Passes) -> dict[int, dict[int, float]]:
    """For each label its neighbours, and how high the pass to each is."""
    necks: dict[int, dict[int, float]] = {label: {} for label in labels}
    for first, second, height in zip(*(part.tolist() for part in passes), strict=True):
        necks[first][second] = necks[second][first] = height
    return necks


def _hand_over(necks: dict[int, dict[int, float]], gone: int, kept: int) -> None:
    """Give the neighbours of a label that is joined to the one that is kept; of two passes the higher one counts."""
    for other, height in necks.pop(gone).items():
        del necks[other][gone]
        if other != kept:
            necks[kept][other] = necks[other][kept] = max(height, necks[kept].get(other, 0.0))


def _cost(shape: Shape, diameter: float) -> float:
    unit = math.pi / 4 * diameter**2
    area = shape.area / unit
    cost = _DENT * (shape.hull_area - shape.area) / unit
    cost += _SMALL_COST * max(_SMALL - area, 0.0) + _LARGE_COST * max(area - _LARGE, 0.0) ** 2
    if area > 1:
        cost += _LONG_COST * max(shape.axes[0] / diameter - _LONG, 0.0)
    return cost


def _root(parent: list[int], label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


def _numbered(parent: list[int]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """The roots in order, and for each label the place of its root among them; label 0 keeps number 0."""
    roots = np.array([_root(parent, label) for label in range(len(parent))])
    kept, number = np.unique(roots, return_inverse=True)
    return kept, number.astype(np.int32)
