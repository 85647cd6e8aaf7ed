"""How well whole fields are read: cells found, infected cells found, and how these rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fields.annotations import RED_CELL, STAGES, Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields import FieldResult

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


def score_field(truth: Truth, result: FieldResult, threshold: float = 0.5) -> FieldScore:
    """Compare one read field with its truth."""
    found = np.array([cell.box for cell in result.field.cells], np.float64).reshape(-1, 4)
    matched = match(found, truth.boxes, result.field.size, threshold)
    paired = {j for _, j in matched.pairs}
    cut = at_border(truth.boxes, result.field.size)
    return FieldScore(
        name=truth.path.name,
        inner=(len(matched.counted), len(matched.extra), len(matched.missed)),
        whole=(len(matched.pairs), len(found) - len(matched.pairs), len(truth.boxes) - len(matched.pairs)),
        infected=tuple((kind, j in paired) for j, kind in enumerate(truth.types) if kind in STAGES and not cut[j]),
        scores=tuple((truth.types[j], result.verdicts[i].logit) for i, j in matched.pairs),
        accepted=result.quality.accepted,
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
