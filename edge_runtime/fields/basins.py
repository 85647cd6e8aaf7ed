"""Watershed of a height map by steepest ascent, in NumPy: one basin a summit, and the passes between basins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # each pair of neighbours once


class Passes(NamedTuple):
    """Where basins meet, highest pass first.

    Attributes:
        first, second: labels of the two basins, int [k], first < second.
        height: of the highest point at which they meet, float32 [k].
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    height: NDArray[np.float32]


def climb(height: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Send every pixel uphill to its summit: each points to its highest neighbour, and pointers are doubled.

    This is the topographic watershed without lines: OpenCV's own floods by colour difference and not by height.

    Args:
        height: float32 [h, w]; pixels at 0 or below belong to no basin.

    Returns:
        labels int32 [h, w], 0 for no basin and 1..n for the summits; and the summits' heights float32 [n + 1], the
        first one 0.
    """
    rows, columns = height.shape
    wide = np.pad(height, 1, constant_values=-1.0)
    inside = np.flatnonzero(wide.ravel() > 0)
    if not len(inside):
        return np.zeros((rows, columns), np.int32), np.zeros(1, np.float32)
    flat = wide.ravel()
    best = flat[inside]
    target = inside.copy()
    for down, across in _NEIGHBOURS:
        neighbour = inside + (down * (columns + 2) + across)
        value = flat[neighbour]
        higher = value > best
        np.copyto(best, value, where=higher)
        np.copyto(target, neighbour, where=higher)
    place = np.empty(wide.size, np.intp)  # of a pixel in the list of inside pixels
    place[inside] = np.arange(len(inside))
    pointer = place[target]
    while True:
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            break
        pointer = further
    summits = np.flatnonzero(pointer == np.arange(len(pointer)))
    number = np.zeros(len(inside), np.int32)
    number[summits] = np.arange(1, len(summits) + 1)
    labels = np.zeros(wide.size, np.int32)
    labels[inside] = number[pointer]
    heights = np.concatenate([np.zeros(1, np.float32), flat[inside[summits]]])
    return np.ascontiguousarray(labels.reshape(wide.shape)[1:-1, 1:-1]), heights.astype(np.float32)


def find_passes(labels: NDArray[np.int32], height: NDArray[np.float32]) -> Passes:
    """The highest pass between each two basins that touch (corners count)."""
    rows, columns = labels.shape
    keys, levels = [], []
    flat, ground = labels.ravel(), height.ravel()
    here = np.flatnonzero(flat)
    column = here % columns
    for down, across in _STEPS:
        fits = (here < (rows - down) * columns) & (column + across < columns) & (column + across >= 0)
        a = here[fits]
        b = a + (down * columns + across)
        first, second = flat[a], flat[b]
        meet = np.flatnonzero((first != second) & (second > 0))
        low, high = np.minimum(first[meet], second[meet]), np.maximum(first[meet], second[meet])
        keys.append(low.astype(np.int64) << 32 | high)
        levels.append(np.minimum(ground[a[meet]], ground[b[meet]]))
    key, level = np.concatenate(keys), np.concatenate(levels)
    order = np.lexsort((-level, key))
    key, level = key[order], level[order]
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    key, level = key[begins], level[begins]
    order = np.argsort(-level, kind="stable")
    key, level = key[order], level[order]
    return Passes(key >> 32, key & 0xFFFFFFFF, level)
