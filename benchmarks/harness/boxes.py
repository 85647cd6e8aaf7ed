"""Boxes found in a field against annotated ones: overlap, and who belongs to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOUCHES = 1.0  # pixels from the border at which a box counts as cut by it


@dataclass(frozen=True)
class Matching:
    """One field's boxes against the truth.

    Attributes:
        pairs: (found, annotated) that overlap enough, best first.
        missed: annotated cells without a pair that are not cut by the border.
        extra: found boxes without a pair that are not cut by the border.
        counted: pairs whose annotated cell is not cut by the border.
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    counted: tuple[tuple[int, int], ...]


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of boxes [n, 4] and [m, 4] (x, y, width, height), float64 [n, m]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)
    union = first[:, 2:].prod(1)[:, None] + second[:, 2:].prod(1)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9))


def match(
    found: NDArray[np.float64], truth: NDArray[np.float64], size: tuple[int, int], threshold: float = 0.5
) -> Matching:
    """Pair boxes greedily by overlap, each at most once.

    A box cut by the border counts neither as missed nor as extra; a pair counts when its annotated box is whole.

    Args:
        found, truth: float64 [n, 4] and [m, 4]: x, y, width, height in pixels.
        size: (width, height) of the image.
        threshold: least intersection over union.
    """
    table = overlaps(found, truth)
    order = np.argsort(-table, axis=None, kind="stable")
    pairs: list[tuple[int, int]] = []
    used_found: set[int] = set()
    used_truth: set[int] = set()
    for place in order:
        i, j = (int(index) for index in np.unravel_index(place, table.shape))
        if table[i, j] < threshold:
            break
        if i not in used_found and j not in used_truth:
            pairs.append((i, j))
            used_found.add(i)
            used_truth.add(j)
    cut_found, cut_truth = at_border(found, size), at_border(truth, size)
    return Matching(
        pairs=tuple(pairs),
        missed=tuple(j for j in range(len(truth)) if j not in used_truth and not cut_truth[j]),
        extra=tuple(i for i in range(len(found)) if i not in used_found and not cut_found[i]),
        counted=tuple(pair for pair in pairs if not cut_truth[pair[1]]),
    )


def at_border(boxes: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes [n, 4] reach within a pixel of the edge of an image of (width, height), bool [n]."""
    low = (boxes[:, :2] <= _TOUCHES).any(1)
    high = (boxes[:, :2] + boxes[:, 2:] >= np.array(size) - _TOUCHES).any(1)
    return np.asarray(low | high)
