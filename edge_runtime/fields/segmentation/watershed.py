"""Watershed of a height map by steepest ascent, in NumPy: one basin a summit, and the passes between basins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_LEVELS = 2.0**26  # a little finer than float32
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
    flat = height.ravel()
    inside = np.flatnonzero(flat > 0).astype(np.int32)
    if not len(inside):
        return np.zeros((rows, columns), np.int32), np.zeros(1, np.float32)
    # Height in the upper bits, the way there in the lowest four: one maximum then finds the highest neighbour.
    level = np.maximum(height, 0) * np.float32(_LEVELS / flat.max())
    wide = np.zeros((rows + 2, columns + 2), np.int32)
    np.left_shift(level.astype(np.int32), 4, out=wide[1:-1, 1:-1])
    best = wide[1:-1, 1:-1] | 15  # of equals a pixel prefers itself
    other = np.empty_like(best)
    for code, (down, across) in enumerate(_NEIGHBOURS, start=1):
        np.bitwise_or(wide[1 + down : 1 + down + rows, 1 + across : 1 + across + columns], code, out=other)
        np.maximum(best, other, out=best)
    step = np.zeros(16, np.int32)
    step[1 : 1 + len(_NEIGHBOURS)] = [down * columns + across for down, across in _NEIGHBOURS]
    place = np.zeros(flat.size, np.int32)  # of a pixel in the list of inside pixels
    place[inside] = np.arange(len(inside), dtype=np.int32)
    pointer = place[inside + step[best.ravel()[inside] & 15]]
    while True:
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            break
        pointer = further
    summits = np.flatnonzero(pointer == np.arange(len(pointer), dtype=np.int32))
    number = np.zeros(len(inside), np.int32)
    number[summits] = np.arange(1, len(summits) + 1)
    labels = np.zeros(flat.size, np.int32)
    labels[inside] = number[pointer]
    heights = np.concatenate([np.zeros(1, np.float32), flat[inside[summits]]])
    return labels.reshape(rows, columns), heights.astype(np.float32)


def find_passes(labels: NDArray[np.int32], height: NDArray[np.float32]) -> Passes:
    """The highest pass between each two basins that touch (corners count)."""
    columns = labels.shape[1]
    keys, levels = [], []
    flat, ground = labels.ravel(), height.ravel()
    for down, across in _STEPS:
        offset = down * columns + across
        here, there = flat[: flat.size - offset], flat[offset:]
        meet = np.flatnonzero((here != there) & (np.minimum(here, there) > 0))
        column = meet % columns + across
        meet = meet[(column >= 0) & (column < columns)]  # a step over the side ends in the next row
        first, second = here[meet], there[meet]
        keys.append(np.minimum(first, second).astype(np.int64) << 32 | np.maximum(first, second))
        levels.append(np.minimum(ground[meet], ground[meet + offset]))
    return _highest(np.concatenate(keys), np.concatenate(levels))


def renumber_passes(passes: Passes, number: NDArray[np.int32]) -> Passes:
    """The passes after basins were joined: ``number`` gives each old label its new one."""
    first, second = number[passes.first], number[passes.second]
    apart = first != second
    low, high = np.minimum(first, second)[apart], np.maximum(first, second)[apart]
    return _highest(low.astype(np.int64) << 32 | high, passes.height[apart])


def _highest(key: NDArray[np.int64], level: NDArray[np.float32]) -> Passes:
    """One pass a pair of labels (first << 32 | second): its highest one; highest of all first."""
    order = np.lexsort((-level, key))
    key, level = key[order], level[order]
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    key, level = key[begins], level[begins]
    order = np.argsort(-level, kind="stable")
    key, level = key[order], level[order]
    return Passes(key >> 32, key & 0xFFFFFFFF, level)
