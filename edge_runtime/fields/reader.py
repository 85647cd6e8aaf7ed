"""One field from end to end: find the cells, say what is left out and why, cut the cells out, classify them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.preprocess import resize
from edge_runtime.fields.crops import Box, colour_table, cut_out, to_image
from edge_runtime.fields.segmentation.exclusions import BORDER, CLUMP, WHITE_CELL, gate
from edge_runtime.fields.segmentation.mask import cell_mask, pale_patches
from edge_runtime.fields.segmentation.overlaps import settle_overlaps
from edge_runtime.fields.segmentation.scale import WorkingPicture, working_picture
from edge_runtime.fields.segmentation.scale_bar import without_bar
from edge_runtime.fields.segmentation.split import split_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.fields.quality import Quality

_FAINT = 0.05  # darkness of the usual cell below which there is nothing but glass
_FAINT_NOISE = 6.0  # and in standard deviations of the noise of glass
_TOGETHER = 64  # cells cut out before they are classified


@dataclass(frozen=True)
class Cell:
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
    """

    box: Box
    reason: str


@dataclass(frozen=True)
class Field:
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
    cells: tuple[Cell, ...]
    excluded: tuple[Excluded, ...]
    diameter: float
    stain: NDArray[np.float32]
    crowded: float
    covered: float
    work: WorkingPicture

    def excluded_counts(self) -> dict[str, int]:
        """How many were excluded for each reason; border, clump and white-cell are always there."""
        return {BORDER: 0, CLUMP: 0, WHITE_CELL: 0, **Counter(item.reason for item in self.excluded)}


@dataclass(frozen=True)
class FieldResult:
    """A field, read.

    Attributes:
        field: what was found.
        verdicts: one for each of ``field.cells``.
        quality: whether the field may count.
    """

    field: Field
    verdicts: tuple[CellResult, ...]
    quality: Quality

    def to_json(self) -> dict[str, Any]:
        """The document of ``classify --field --json`` without its source."""
        cells = [
            {
                "box": list(cell.box),
                "probability": verdict.probability,
                "review": verdict.review,
                "count": verdict.count,
            }
            for cell, verdict in zip(self.field.cells, self.verdicts, strict=True)
        ]
        return {"cells": cells, "excluded": self.field.excluded_counts(), "quality": self.quality.to_json()}


def segment(image: NDArray[np.uint8]) -> Field:
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
        return Field((width, height), (), (), 0.0, np.zeros(3, np.float32), 0.0, 0.0, work)
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
            cells.append(Cell(box, region.mask))
        else:
            excluded.append(Excluded(box, region.reason))
    stained = sum(areas.values())
    return Field(
        size=(width, height),
        cells=tuple(cells),
        excluded=tuple(excluded),
        diameter=work.diameter * factor[0],
        stain=_stain(work, labels, [label for label, reason in verdicts.items() if reason is None]),
        crowded=areas[CLUMP] / stained if stained else 0.0,
        covered=stained / labels.size,
        work=work,
    )


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


def cell_pixels(image: NDArray[np.uint8], cell: Cell, colours: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """The cell cut out of its field, black outside it: uint8 [height, width, 3].

    Args:
        colours: ``colour_table(field.stain)`` for the classifier; None for the colours of the image.
    """
    return cut_out(image, cell.box, cell.mask, colours)


class FieldReader:
    """Reads fields with one or several classifiers.

    Args:
        classifiers: each is used by one thread; with several, the cells of a field are shared out among them.
    """

    def __init__(self, classifiers: Sequence[Classifier]) -> None:
        self._classifiers = list(classifiers)

    def read(self, image: NDArray[np.uint8]) -> FieldResult:
        """Segment a field, judge its quality on its own, and classify its cells.

        Args:
            image: uint8 [h, w, 3], RGB.
        """
        from edge_runtime.fields.quality import measure_quality

        field = segment(image)
        return FieldResult(field, self.classify(image, field), measure_quality(image, field))

    def classify(self, image: NDArray[np.uint8], field: Field) -> tuple[CellResult, ...]:
        """Verdicts on the cells of a field, in their order."""
        from edge_runtime.core.pool import ordered_map

        count = len(self._classifiers)
        cells, colours = field.cells, colour_table(field.stain)
        image = without_bar(image, field.work.bar)
        shares = [cells[k::count] for k in range(count)]
        found: list[CellResult | None] = [None] * len(cells)

        def work(classifier: Classifier, share: int) -> list[CellResult]:
            contract = classifier.contract
            verdicts: list[CellResult] = []
            # Cut some out, then classify them: taking turns would push each other's data out of the cache.
            for start in range(0, len(shares[share]), _TOGETHER):
                some = shares[share][start : start + _TOGETHER]
                pixels = np.stack([resize(cell_pixels(image, cell, colours), contract) for cell in some])
                verdicts += [classifier.decide(logit) for logit in classifier.logits(pixels)]
            return verdicts

        for share, verdicts in enumerate(ordered_map(work, self._classifiers, range(count))):
            found[share::count] = verdicts
        return tuple(verdict for verdict in found if verdict is not None)


def classify_field(classifier: Classifier, image: NDArray[np.uint8]) -> FieldResult:
    """Read one field, uint8 [h, w, 3] RGB, with one classifier on one thread."""
    return FieldReader([classifier]).read(image)
