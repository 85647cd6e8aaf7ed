"""What was left out of a field looked at all the same: windows of a cell's size over each region, the best ones kept.

The machine counts none of them. What scores high is offered to a person, who may confirm it: docs/left-out-objects.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.segment import Box, Excluded, SegmentedField

LEVEL = 0.5  # calibrated probability from which a window is an object; chosen in docs/left-out-objects.md
# Areas in areas, lengths in diameters of the usual cell.
_SPECK = 0.3  # smaller regions are no whole cell, whatever they are
_SINGLE, _DOUBLE = 1.2, 2.2  # smaller regions are looked at whole only, larger ones through windows only
_WINDOW = 1.1  # diameter of a window
_STEP = 0.55  # between the middles of windows
_FILLED = 0.5  # of a cell's area that a window must hold
_SHARED = 0.3  # part of the smaller of two windows beyond which they show one thing
_COUNTED = 0.5  # part of the smaller of a window and a counted cell's box beyond which that cell is what it shows
_RIM = 2  # pixels of the working picture: what reaches so near to the picture's rim is cut by it


@dataclass(frozen=True)
class FieldObject:
    """A place in a region that was left out which looks like an infected cell; never counted by the machine.

    Attributes:
        box: x, y, width, height in pixels of the image.
        reason: why its region was left out, one of :data:`edge_runtime.fields.segmentation.exclusions.REASONS`.
        probability: calibrated P(parasitized) of what the box shows, :data:`LEVEL` to 1.
    """

    box: Box
    reason: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"box": list(self.box), "reason": self.reason, "probability": self.probability}


@dataclass(frozen=True)
class Window:
    """A part of a region that was left out, to be classified as a cell is.

    Attributes:
        box: x, y, width, height in pixels of the image.
        mask: what of it belongs to the region, bool [rows, columns], on the scale at which cells are found.
        region: index in ``field.excluded``.
    """

    box: Box
    mask: NDArray[np.bool_]
    region: int


def windows(field: SegmentedField) -> list[Window]:
    """All windows of a field, region by region; none is cut by the picture's rim, none shows a counted cell.

    A cell that the rim cuts is counted by nobody, and half a cell is no cell to judge: only whole ones are looked at.
    """
    found: list[Window] = []
    for index, region in enumerate(field.excluded):
        # a heap keeps its whole outline when single cells of it are counted: they are not offered again
        near = [cell.box for cell in field.cells if _shared(cell.box, region.box) > 0]
        found += (
            Window(box, mask, index)
            for box, mask in _places(region, field)
            if all(_shared(box, other) <= _COUNTED for other in near)
        )
    return found


def best_windows(
    field: SegmentedField, looked_at: Sequence[Window], scores: Sequence[float]
) -> tuple[FieldObject, ...]:
    """The objects of a field, highest first: of windows that show the same thing the best one.

    Args:
        looked_at: of :func:`windows`.
        scores: calibrated P(parasitized) of each, 0..1.
    """
    kept: list[tuple[Window, float]] = []
    order = sorted((k for k, score in enumerate(scores) if score >= LEVEL), key=lambda k: (-scores[k], k))
    for window, score in ((looked_at[k], float(scores[k])) for k in order):
        if all(_shared(window.box, other.box) <= _SHARED for other, _ in kept):
            kept.append((window, score))
    return tuple(FieldObject(window.box, field.excluded[window.region].reason, score) for window, score in kept)


def _places(region: Excluded, field: SegmentedField) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """The windows of one region: box in the image, and mask."""
    diameter = field.work.diameter
    cell = math.pi / 4 * diameter**2
    x, y, width, height = region.box
    rows, columns = region.mask.shape
    across, down = width / columns, height / rows
    # how much of the region's own box lies too near to the rim, in pixels of the mask
    left, top = math.ceil(_RIM - x / across), math.ceil(_RIM - y / down)
    right = columns - max(0, math.ceil(_RIM - (field.size[0] - x - width) / across))
    bottom = rows - max(0, math.ceil(_RIM - (field.size[1] - y - height) / down))
    whole = left <= 0 and top <= 0 and right == columns and bottom == rows
    area = np.count_nonzero(region.mask) / cell
    if area < _SPECK:
        return
    if whole and area <= _DOUBLE:
        yield region.box, region.mask
    if area <= _SINGLE:
        return
    radius = _WINDOW * diameter / 2
    disc_rows, disc_columns = np.ogrid[:rows, :columns]
    for middle_down in _middles(max(top, 0), bottom, radius, _STEP * diameter):
        for middle in _middles(max(left, 0), right, radius, _STEP * diameter):
            first_row, last_row = max(round(middle_down - radius), 0), min(round(middle_down + radius), rows)
            first, last = max(round(middle - radius), 0), min(round(middle + radius), columns)
            part = np.s_[first_row:last_row, first:last]
            inside = (disc_rows[first_row:last_row] + 0.5 - middle_down) ** 2 + (
                disc_columns[:, first:last] + 0.5 - middle
            ) ** 2 <= radius**2
            mask = region.mask[part] & inside
            if np.count_nonzero(mask) < _FILLED * cell:
                continue
            filled_rows, filled = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            mask = mask[filled_rows[0] : filled_rows[-1] + 1, filled[0] : filled[-1] + 1]
            start, begin = first + int(filled[0]), first_row + int(filled_rows[0])
            box = (
                x + round(start * across),
                y + round(begin * down),
                max(round(mask.shape[1] * across), 1),
                max(round(mask.shape[0] * down), 1),
            )
            yield box, mask


def _middles(low: int, high: int, radius: float, step: float) -> NDArray[np.float64]:
    """Middles of windows evenly over a stretch, so near that half a cell lies between them at most."""
    room = high - low - 2 * radius
    if room <= 0:
        return np.array([(low + high) / 2])
    return np.linspace(low + radius, high - radius, math.ceil(room / step) + 1)


def _shared(first: Box, second: Box) -> float:
    """Part of the smaller of two boxes that lies in the other, 0..1."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / min(first[2] * first[3], second[2] * second[3])
