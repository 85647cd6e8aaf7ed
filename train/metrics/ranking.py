"""Ranking metrics from scores sorted once, for any number of weightings of the cells at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Scores sorted once, so that any number of weightings can be ranked cheaply.

    Attributes:
        order: int [n], cells by falling score.
        ends: int [g], position in ``order`` of the last cell of each group of equal scores.
    """

    order: np.ndarray
    ends: np.ndarray


def rank(scores: np.ndarray) -> Ranking:
    """Sort scores [n] from high to low and mark the ties."""
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    falling = np.asarray(scores, dtype=float)[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.empty(0, int)
    return Ranking(order, ends)


def cumulative_counts(
    labels: np.ndarray, ranking: Ranking, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives when the threshold is lowered past one distinct score after another.

    Args:
        labels: int [n], 1 parasitized.
        ranking: of the n scores.
        weights: [..., n], how often each cell counts, already in the ranking's order; 1 when None.

    Returns:
        (tp, fp), each float [..., g].
    """
    positive = np.asarray(labels, dtype=float)[ranking.order]
    weight = np.ones(len(positive)) if weights is None else weights
    hits = np.cumsum(weight * positive, axis=-1)
    total = np.cumsum(weight, axis=-1, dtype=float)
    if len(ranking.ends) < len(positive):
        hits, total = hits[..., ranking.ends], total[..., ranking.ends]
    return hits, total - hits


def auc_of_counts(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, ties counted half (Mann-Whitney U / (P N)); NaN where a class is missing.

    Args:
        tp: [..., g], from :func:`cumulative_counts`.
        fp: the same for false positives.
    """
    steps = np.diff(fp, axis=-1)
    area = fp[..., 0] * tp[..., 0] + np.einsum("...g,...g->...", steps, tp[..., 1:])
    area += np.einsum("...g,...g->...", steps, tp[..., :-1])
    return ratio(area / 2, _last(tp) * _last(fp))


def average_precision_of_counts(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Sum of precision times the gain in recall, no interpolation; NaN where a class is missing."""
    called = tp + fp
    precision = np.divide(tp, called, out=np.zeros_like(called), where=called > 0)
    gained = tp[..., 0] * precision[..., 0] + np.einsum("...g,...g->...", np.diff(tp, axis=-1), precision[..., 1:])
    return np.where(_last(fp) > 0, ratio(gained, _last(tp)), np.nan)


def best_sensitivity_of_counts(tp: np.ndarray, fp: np.ndarray, specificity: float) -> np.ndarray:
    """As :func:`train.metrics.metrics.sensitivity_at_specificity`, of counts [..., g]; NaN where a class is missing."""
    # Both counts only grow, so the allowed thresholds come first; 0 of them: nothing may be called parasitized.
    allowed = (fp <= _last(fp)[..., None] * (1 - specificity) + 1e-9).sum(axis=-1)
    best = np.take_along_axis(tp, np.maximum(allowed - 1, 0)[..., None], axis=-1)[..., 0]
    return ratio(np.where(allowed > 0, best, 0), np.where(_last(fp) > 0, _last(tp), 0))


def best_specificity_of_counts(tp: np.ndarray, fp: np.ndarray, sensitivity: float) -> np.ndarray:
    """As :func:`train.metrics.metrics.specificity_at_sensitivity`, of counts [..., g]; NaN where a class is missing."""
    first = (tp < _last(tp)[..., None] * sensitivity - 1e-9).sum(axis=-1)
    fewest = np.take_along_axis(fp, first[..., None], axis=-1)[..., 0]
    return ratio(_last(fp) - fewest, np.where(_last(tp) > 0, _last(fp), 0))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise quotient, NaN where the denominator is not above 0."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float))
    quotient: np.ndarray = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return quotient


def _last(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[..., -1])
