"""One field from end to end: its cells are found, its quality is judged, and each cell is cut out and classified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.pool import ordered_map
from edge_runtime.core.preprocess import resize
from edge_runtime.fields.crops import colour_table, cut_out
from edge_runtime.fields.objects import FieldObject, best_windows, windows
from edge_runtime.fields.quality import Quality, measure_quality
from edge_runtime.fields.segmentation.scale_bar import without_bar
from edge_runtime.fields.segmentation.segment import SegmentedField, segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.core.lines import Document
    from edge_runtime.fields.objects import Window
    from edge_runtime.fields.segmentation.segment import SegmentedCell

_TOGETHER = 64  # cells cut out before they are classified


@dataclass(frozen=True)
class FieldResult:
    """A field, read.

    Attributes:
        field: what was found.
        verdicts: one for each of ``field.cells``.
        quality: whether the field may count.
        objects: what was left out and looks like an infected cell, highest first; none in a field that may not count.
    """

    field: SegmentedField
    verdicts: tuple[CellResult, ...]
    quality: Quality
    objects: tuple[FieldObject, ...] = ()

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
        return {
            "cells": cells,
            "excluded": self.field.excluded_counts(),
            "quality": self.quality.to_json(),
            "objects": [found.to_json() for found in self.objects],
        }


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
        field = segment(image)
        quality = measure_quality(image, field)
        # a refused field counts nowhere, and the heaps for which it may be refused would cost more than its cells
        looked_at = windows(field) if quality.accepted else []
        verdicts = self._judge(image, field, [*field.cells, *looked_at])
        cells, others = verdicts[: len(field.cells)], verdicts[len(field.cells) :]
        objects = best_windows(field, looked_at, [verdict.probability for verdict in others])
        return FieldResult(field, cells, quality, objects)

    def classify(self, image: NDArray[np.uint8], field: SegmentedField) -> tuple[CellResult, ...]:
        """Verdicts on the cells of a field, in their order."""
        return self._judge(image, field, field.cells)

    def _judge(
        self, image: NDArray[np.uint8], field: SegmentedField, parts: Sequence[SegmentedCell | Window]
    ) -> tuple[CellResult, ...]:
        """Verdicts on parts of a field, each cut out as a cell is, in their order."""
        count = len(self._classifiers)
        colours = colour_table(field.stain)
        image = without_bar(image, field.work.bar)
        shares = [parts[k::count] for k in range(count)]
        found: list[CellResult | None] = [None] * len(parts)

        def work(classifier: Classifier, share: int) -> list[CellResult]:
            contract = classifier.contract
            verdicts: list[CellResult] = []
            # Cut some out, then classify them: taking turns would push each other's data out of the cache.
            for start in range(0, len(shares[share]), _TOGETHER):
                some = shares[share][start : start + _TOGETHER]
                pixels = np.stack([resize(cut_out(image, part.box, part.mask, colours), contract) for part in some])
                verdicts += [classifier.decide(logit) for logit in classifier.logits(pixels)]
            return verdicts

        for share, verdicts in enumerate(ordered_map(work, self._classifiers, range(count))):
            found[share::count] = verdicts
        return tuple(verdict for verdict in found if verdict is not None)


def field_line(source: str, result: FieldResult, model: str) -> Document:
    """A line of ``classify --field --json``.

    Args:
        source: name of the image, valid Unicode.
        model: its short hash.
    """
    return {"source": source, **result.to_json(), "model": model}


def classify_field(classifier: Classifier, image: NDArray[np.uint8]) -> FieldResult:
    """Read one field, uint8 [h, w, 3] RGB, with one classifier on one thread."""
    return FieldReader([classifier]).read(image)
