"""How well whole fields are read: cells found, infected cells found, and how these rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness.annotations import RED_CELL, STAGES, Truth
from benchmarks.harness.boxes import at_border, match

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ReadField:
    """A field as the device reads it.

    Attributes:
        size: (width, height), pixels.
        boxes: float64 [n, 4] of its cells: x, y, width, height.
        logits: float64 [n].
        accepted: whether the field's quality lets it count.
    """

    size: tuple[int, int]
    boxes: NDArray[np.float64]
    logits: NDArray[np.float64]
    accepted: bool


@dataclass(frozen=True)
class FieldScore:
    """One field, read and compared.

    Attributes:
        name: of the image.
        inner: (true positives, found in excess, missed), cells cut by the border left aside on both sides.
        whole: the same with all annotated cells.
        infected: (stage, found) for each infected cell that the border does not cut.
        scores: (type, logit) of each cell found that is annotated.
        accepted: whether the field's quality lets it count.
    """

    name: str
    inner: tuple[int, int, int]
    whole: tuple[int, int, int]
    infected: tuple[tuple[str, bool], ...]
    scores: tuple[tuple[str, float], ...]
    accepted: bool


def score_field(truth: Truth, read: ReadField, threshold: float = 0.5) -> FieldScore:
    """Compare one read field with its truth."""
    matched = match(read.boxes, truth.boxes, read.size, threshold)
    paired = {j for _, j in matched.pairs}
    cut = at_border(truth.boxes, read.size)
    return FieldScore(
        name=truth.path.name,
        inner=(len(matched.counted), len(matched.extra), len(matched.missed)),
        whole=(len(matched.pairs), len(read.boxes) - len(matched.pairs), len(truth.boxes) - len(matched.pairs)),
        infected=tuple((kind, j in paired) for j, kind in enumerate(truth.types) if kind in STAGES and not cut[j]),
        scores=tuple((truth.types[j], float(read.logits[i])) for i, j in matched.pairs),
        accepted=read.accepted,
    )


@dataclass(frozen=True)
class Rates:
    """Precision, recall and their harmonic mean F1, each 0..1; nan where nothing defines them."""

    precision: float
    recall: float
    f1: float


def rates(counts: Sequence[tuple[int, int, int]]) -> Rates:
    """Of (true positives, extra, missed) summed over fields."""
    right, extra, missed = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)

    def part(of: int) -> float:
        return right / of if of else math.nan

    both = 2 * right + extra + missed
    return Rates(part(right + extra), part(right + missed), 2 * right / both if both else math.nan)


def ranking(scores: Sequence[tuple[str, float]], stage: str | None = None) -> float:
    """AUC of infected cells (of one stage, or all) against red cells; nan when either is missing."""
    from train.metrics.metrics import auc

    infected = [value for kind, value in scores if (kind in STAGES if stage is None else kind == stage)]
    healthy = [value for kind, value in scores if kind == RED_CELL]
    if not infected or not healthy:
        return math.nan
    labels = np.array([1] * len(infected) + [0] * len(healthy))
    return float(auc(labels, np.array(infected + healthy)))
