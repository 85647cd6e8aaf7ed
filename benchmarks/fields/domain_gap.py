"""What each step from a raw box to a crop like the training cells is worth: infected against red cells, by stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.fields.detection import ranking
from benchmarks.fields.normalisation import colour_tables
from benchmarks.harness.annotations import RED_CELL, STAGES, Truth
from benchmarks.harness.boxes import at_border, match
from edge_runtime.counting import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.fields import SegmentedField

STEPS = (
    ("raw", "annotated box as it is"),
    ("masked", "black outside the cell"),
    ("scaled", "and box tight, cell as large as in training"),
    ("stained", "and the field's median cell given the training colour"),
    ("shipped", "and the mixed rim taken off: what the program does"),
    ("plain", "as shipped, but in the colours of the image"),
    ("half", "as shipped, but half of the way to the training colour"),
    ("mean", "as shipped, but the mean optical density matched instead"),
    ("density", "as shipped, but mean and spread of optical density matched instead"),
)

HEADINGS = ("crop", "cells", "AUC", "reach the review point", "reach the counting point")


class Gap:
    """Collects the scores of the same cells cut out in each of :data:`STEPS`.

    Only cells that were found, are annotated and are not cut by the border take part, so that every step is judged on
    the same cells.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._scores: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)

    def add(self, image: NDArray[np.uint8], field: SegmentedField, truth: Truth) -> None:
        """Score the cells of one field.

        Args:
            image: uint8 [h, w, 3], RGB.
            field: what was found in it.
        """
        from edge_runtime.core.preprocess import resize
        from edge_runtime.fields.segmentation.scale_bar import without_bar

        found = np.array([cell.box for cell in field.cells], np.float64).reshape(-1, 4)
        cut = at_border(truth.boxes, field.size)
        kinds = (*STAGES, RED_CELL)
        clean = without_bar(image, field.work.bar)
        tables = colour_tables(clean, field) if field.cells else {}
        for i, j in match(found, truth.boxes, field.size).pairs:
            if cut[j] or truth.types[j] not in kinds:
                continue
            for step, crop in _crops(clean, field, i, truth.boxes[j], tables).items():
                pixels = resize(np.ascontiguousarray(crop), self._classifier.contract)
                self._scores[step].append((truth.types[j], float(self._classifier.logits(pixels[None])[0])))

    def table(self) -> list[dict[str, Any]]:
        """One entry a step: AUC by stage; how many infected and red cells reach the two operating points."""
        decide = self._classifier.decide
        table = []
        for step, says in STEPS:
            scores = self._scores[step]
            called = [(kind, decide(logit)) for kind, logit in scores]
            table.append(
                {
                    "step": step,
                    "says": says,
                    "auc": _number(ranking(scores)),
                    "infected": _reach(verdict for kind, verdict in called if kind != RED_CELL),
                    "red_cells": _reach(verdict for kind, verdict in called if kind == RED_CELL),
                    "stages": {
                        stage: {
                            "auc": _number(ranking(scores, stage)),
                            **_reach(verdict for kind, verdict in called if kind == stage),
                        }
                        for stage in STAGES
                    },
                }
            )
        return table


def _crops(
    image: NDArray[np.uint8],
    field: SegmentedField,
    index: int,
    annotated: NDArray[np.float64],
    tables: Mapping[str, NDArray[np.uint8] | None],
) -> Mapping[str, NDArray[np.uint8]]:
    """One cell in each of the steps; the annotated box is x, y, width, height in pixels of the image."""
    from edge_runtime.fields.crops import cut_out
    from edge_runtime.fields.opencv import opencv

    cell = field.cells[index]
    x, y, width, height = cell.box
    mask = opencv().resize(cell.mask.view(np.uint8), (width, height), interpolation=opencv().INTER_NEAREST)
    left, top = (max(int(value), 0) for value in annotated[:2])
    right, bottom = (round(float(annotated[k] + annotated[k + 2])) for k in (0, 1))
    black = np.zeros_like(image[top:bottom, left:right])
    # the cell in the annotated frame: where both boxes overlap
    x0, y0, x1, y1 = max(x, left), max(y, top), min(x + width, right), min(y + height, bottom)
    inside = mask[y0 - y : y1 - y, x0 - x : x1 - x, None]
    black[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1] * inside
    tight = image[y : y + height, x : x + width] * mask[..., None]
    return {
        "raw": image[top:bottom, left:right],
        "masked": black,
        "scaled": tight,
        "stained": opencv().LUT(tight, tables["shipped"]) * mask[..., None],
        **{way: cut_out(image, cell.box, cell.mask, colours) for way, colours in tables.items()},
    }


def _reach(verdicts: Iterable[CellResult]) -> dict[str, Any]:
    """How many cells there are and how many reach the review and the counting point, with intervals."""
    called = list(verdicts)
    return {
        "cells": len(called),
        "review": _share([verdict.review for verdict in called]),
        "count": _share([verdict.count for verdict in called]),
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    interval = wilson(sum(hits), len(hits)) if hits else None
    return {"cells": sum(hits), "interval": None if interval is None else [interval.low, interval.high]}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def gap_rows(table: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The table for people: AUC and cells at the operating points, by stage."""

    def auc(entry: Mapping[str, Any]) -> str:
        return "-" if entry["auc"] is None else f"{entry['auc']:.4f}"

    def reach(entry: Mapping[str, Any]) -> tuple[str, ...]:
        if not entry["cells"]:
            return ("-", "-")
        of = entry["cells"]
        return tuple(
            f"{entry[point]['cells']} of {of} ({entry[point]['interval'][0]:.3f} to {entry[point]['interval'][1]:.3f})"
            for point in ("review", "count")
        )

    rows: list[tuple[str, ...]] = []
    for entry in table:
        rows.append((entry["step"], "all infected", auc(entry), *reach(entry["infected"])))
        rows += [("", stage, auc(part), *reach(part)) for stage, part in entry["stages"].items() if part["cells"]]
        rows.append(("", "red cells", "", *reach(entry["red_cells"])))
    return rows
