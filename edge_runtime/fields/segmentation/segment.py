"""From an image of a field to its single whole cells, and to all that is left out, with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.segmentation.exclusions import BORDER, CLUMP, WHITE_CELL, gate
from edge_runtime.fields.segmentation.mask import cell_mask, pale_patches
from edge_runtime.fields.segmentation.overlaps import settle_overlaps
from edge_runtime.fields.segmentation.scale import WorkingPicture, working_picture
from edge_runtime.fields.segmentation.split import split_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[int, int, int, int]

_FAINT = 0.05  # darkness of the usual cell below which there is nothing but glass
_FAINT_NOISE = 6.0  # and in standard deviations of the noise of glass


@dataclass(frozen=True)
class SegmentedCell:
    """One whole single cell.

    Attributes:
        box: x, y, width, height in pixels of the image, tight.
        mask: the cell within its box, bool [rows, columns], on the scale at which it was found.
    """

    box: Box
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Excluded:
    """Something that is not counted as a cell.

    Attributes:
        box: x, y, width, height in pixels of the image.
        reason: one of :data:`edge_runtime.fields.segmentation.exclusions.REASONS`.
        mask: the region within its box, bool [rows, columns], on the scale at which it was found.
    """

    box: Box
    reason: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class SegmentedField:
    """What was found in a field.

    Attributes:
        size: (width, height) of the image.
        cells: from top to bottom.
        excluded: everything else of some size.
        diameter: of the usual cell in pixels of the image; 0 when there is none.
        stain: median colour of the cells, float32 [3], RGB, 0..255; black when there are none.
        crowded: part of what is stained that lies in clumps, 0..1.
        covered: part of the picture that is stained, 0..1.
        work: the picture on the scale at which cells were found.
    """

    size: tuple[int, int]
    cells: tuple[SegmentedCell, ...]
    excluded: tuple[Excluded, ...]
    diameter: float
    stain: NDArray[np.float32]
    crowded: float
    covered: float
    work: WorkingPicture

    def excluded_counts(self) -> dict[str, int]:
        """How many were excluded for each reason; border, clump and white-cell are always there."""
        return {BORDER: 0, CLUMP: 0, WHITE_CELL: 0, **Counter(item.reason for item in self.excluded)}


def segment(image: NDArray[np.uint8]) -> SegmentedField:
    """Find the single whole cells of a field of any magnification.

    Args:
        image: uint8 [h, w, 3], RGB.

    Raises:
        EnvironmentLacks: OpenCV is not installed.
    """
    height, width = image.shape[:2]
    work = working_picture(image)
    least = max(_FAINT, _FAINT_NOISE * work.light.noise)
    if not work.diameter or work.level < least:
        return SegmentedField((width, height), (), (), 0.0, np.zeros(3, np.float32), 0.0, 0.0, work)
    mask = cell_mask(work.darkness, work.level, work.light.noise, work.diameter)
    patches = pale_patches(work.darkness, mask, work.level, work.light.noise, work.diameter)
    labels, shapes = split_cells(mask, patches, work.diameter)
    verdicts = gate(work, labels, shapes)
    factor = (width / labels.shape[1], height / labels.shape[0])
    cells, excluded = [], []
    areas: dict[str | None, float] = defaultdict(float)
    for region in sorted(settle_overlaps(work, labels, shapes, verdicts), key=lambda region: region.box[1::-1]):
        box = to_image(region.box, factor, (width, height))
        areas[region.reason] += region.area
        if region.reason is None:
            cells.append(SegmentedCell(box, region.mask))
        else:
            excluded.append(Excluded(box, region.reason, region.mask))
    stained = sum(areas.values())
    return SegmentedField(
        size=(width, height),
        cells=tuple(cells),
        excluded=tuple(excluded),
        diameter=work.diameter * factor[0],
        stain=_stain(work, labels, [label for label, reason in verdicts.items() if reason is None]),
        crowded=areas[CLUMP] / stained if stained else 0.0,
        covered=stained / labels.size,
        work=work,
    )


def to_image(box: Box, factor: tuple[float, float], size: tuple[int, int]) -> Box:
    """A box of the working picture (left, top, right, bottom) in pixels of the image, as x, y, width, height.

    Args:
        factor: image pixels for each pixel of the working picture, (across, down).
        size: (width, height) of the image.
    """
    left, right = (min(round(edge * factor[0]), size[0]) for edge in (box[0], box[2]))
    top, bottom = (min(round(edge * factor[1]), size[1]) for edge in (box[1], box[3]))
    return left, top, max(right - left, 1), max(bottom - top, 1)


def _stain(work: WorkingPicture, labels: NDArray[np.int32], chosen: list[int]) -> NDArray[np.float32]:
    """Median colour of the pixels of the chosen labels."""
    if not chosen:
        return np.zeros(3, np.float32)
    wanted = np.zeros(int(labels.max()) + 1, bool)
    wanted[chosen] = True
    few = (slice(1, None, 3), slice(1, None, 3))
    pixels = work.picture[few][wanted[labels[few]]]
    if not len(pixels):
        pixels = work.picture[wanted[labels]]
    return np.asarray(np.median(pixels, axis=0), np.float32)
