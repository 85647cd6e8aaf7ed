"""Cells that lie on one another: those whose whole outline shows are counted, what is left of the heap is not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_runtime.fields.segmentation.exclusions import CLUMP, DEBRIS
from edge_runtime.fields.segmentation.outlines import Outline, find_outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.scale import WorkingPicture
    from edge_runtime.fields.segmentation.shapes import Shape

# Areas in areas of the usual cell.
_DOUBTFUL = 1.45  # larger regions may be two cells
_PIECE = 0.2  # larger pieces may belong to a cell that another one covers
_AREA = (0.5, 1.6)  # of an outline
_FILLED = 0.9  # part of an outline that must be stained
_SEEN = 0.55  # support below which an outline is no cell
_CERTAIN = 0.8  # support of a cell in a heap
_SHARED = 0.5  # part of the smaller of two outlines beyond which they are one cell
_PAIR_AREA, _PAIR_SHARED = 0.85, 0.25  # of two cells that were taken for one: each at least, in common at most
_OWN = 0.6  # part of an outline (or of a piece) that must lie in the other
_EXPLAINED = 0.7  # part of a heap covered by its cells beyond which nothing of it is left


@dataclass(frozen=True)
class Region:
    """A part of the working picture with its verdict.

    Attributes:
        box: left, top, right, bottom in pixels, tight.
        mask: bool [rows, columns]; may overlap with other regions' masks.
        area: in pixels.
        reason: why it is no single whole cell; None for those that are.
    """

    box: tuple[int, int, int, int]
    mask: NDArray[np.bool_]
    area: float
    reason: str | None


def settle_overlaps(
    work: WorkingPicture,
    labels: NDArray[np.int32],
    shapes: Mapping[int, Shape],
    verdicts: Mapping[int, str | None],
) -> list[Region]:
    """All regions, heaps of cells taken apart where whole outlines show.

    Args:
        labels, shapes: of :func:`edge_runtime.fields.segmentation.split.split_cells`.
        verdicts: of :func:`edge_runtime.fields.segmentation.exclusions.gate`.
    """
    unit = math.pi / 4 * work.diameter**2
    regions: dict[int, Region] = {}
    doubtful = np.zeros(max(shapes, default=0) + 1, bool)
    for label, reason in verdicts.items():
        shape = shapes[label]
        left, top, right, bottom = shape.box
        regions[label] = Region(shape.box, labels[top:bottom, left:right] == label, shape.area, reason)
        area = shape.area / unit
        doubtful[label] = (
            reason == CLUMP or (reason is None and area > _DOUBTFUL) or (reason == DEBRIS and area > _PIECE)
        )
    settled = [region for label, region in regions.items() if not doubtful[label]]
    fixed = np.zeros(len(doubtful), bool)
    fixed[[label for label, region in regions.items() if region.reason is None and not doubtful[label]]] = True
    outlines: list[_Candidate] = []
    for outline in find_outlines(work, labels > 0, doubtful[labels], _SEEN, _FILLED):
        if not _AREA[0] * unit < outline.area < _AREA[1] * unit:
            continue
        left, top, right, bottom = outline.box
        counts = np.bincount(labels[top:bottom, left:right][outline.mask])
        touched = {int(label): int(counts[label]) for label in np.flatnonzero(counts)}
        taken = any(
            pixels > _SHARED * min(outline.area, regions[label].area)
            for label, pixels in touched.items()
            if fixed[label]
        )
        if not taken and all(_shared(outline, other.outline) <= _SHARED for other in outlines):
            outlines.append(_Candidate(outline, touched))
    for label in np.flatnonzero(doubtful).tolist():
        settled += _settle(label, regions[label], outlines, unit)
    return settled


class _Candidate(NamedTuple):
    """An outline and how many pixels it has in common with each label."""

    outline: Outline
    touched: dict[int, int]


def _settle(label: int, region: Region, candidates: list[_Candidate], unit: float) -> list[Region]:
    """What one doubtful region comes to; candidates that are used up leave the list."""
    piece = region.reason == DEBRIS
    own = [one for one in candidates if one.touched.get(label, 0) > _OWN * (region.area if piece else one.outline.area)]
    outlines = [one.outline for one in own]
    if region.reason is None:
        if (
            len(own) < 2
            or min(one.area for one in outlines) < _PAIR_AREA * unit
            or _most_shared(outlines) > _PAIR_SHARED
        ):
            return [region]
        rest = []
    else:
        own = [one for one in own if one.outline.support >= _CERTAIN]
        outlines = [one.outline for one in own]
        rest = [] if sum(one.area for one in outlines) > _EXPLAINED * region.area else [region]
    candidates[:] = [one for one in candidates if all(one is not other for other in own)]
    return [*rest, *(Region(one.box, one.mask, one.area, None) for one in outlines)]


def _most_shared(outlines: Sequence[Outline]) -> float:
    return max(_shared(first, second) for place, first in enumerate(outlines) for second in outlines[:place])


def _shared(first: Outline, second: Outline) -> float:
    """Part of the smaller of two outlines that lies in the other, 0..1."""
    left, top = max(first.box[0], second.box[0]), max(first.box[1], second.box[1])
    right, bottom = min(first.box[2], second.box[2]), min(first.box[3], second.box[3])
    if right <= left or bottom <= top:
        return 0.0

    def part(one: Outline) -> NDArray[np.bool_]:
        x, y = one.box[:2]
        return one.mask[top - y : bottom - y, left - x : right - x]

    return np.count_nonzero(part(first) & part(second)) / min(first.area, second.area)
