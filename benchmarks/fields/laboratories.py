"""What a model does to the cells of one laboratory: infected ones and red ones above the points, false parasites.

Laboratories are never pooled: a model may be perfect on one and useless on the next, and the mean of both says neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.fields.detection import FieldScore, ranking
from benchmarks.harness.annotations import RED_CELL, STAGES
from edge_runtime.counting import red_cells, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import Classifier

KEPT = 0.98  # of the infected cells, by the point that is made for the laboratory itself
_DRAWS = 2000  # of a laboratory's fields
_SEED = 0


@dataclass(frozen=True)
class Healthy:
    """Cells without malaria of one field.

    Attributes:
        cells: how many.
        review, count: of them at or above the two operating points.
    """

    cells: int
    review: int
    count: int


def annotated_laboratory(name: str, scores: Sequence[FieldScore], classifier: Classifier) -> dict[str, Any]:
    """Figures of a laboratory whose cells are annotated: of those that were found, by their annotation.

    Args:
        name: of the laboratory.
        scores: one a field.
        classifier: whose points are applied.
    """
    of = [[classifier.decide(logit) for kind, logit in score.scores if kind in STAGES] for score in scores]
    verdicts = [verdict for some in of for verdict in some]
    found = [hit for score in scores for _, hit in score.infected]
    ranks = [entry for score in scores for entry in score.scores]
    red = [healthy_of([value for kind, value in score.scores if kind == RED_CELL], classifier) for score in scores]
    return {
        "laboratory": name,
        "malaria_free": False,
        "fields": len(scores),
        "accepted": sum(score.accepted for score in scores),
        "infected": {
            "cells": len(found),
            "found": sum(found),
            "review": sum(verdict.review for verdict in verdicts),
            "count": sum(verdict.count for verdict in verdicts),
            "count_interval": _wilson(sum(verdict.count for verdict in verdicts), len(verdicts)),
            "scored": len(verdicts),
        },
        "auc": _defined(ranking(ranks)),
        "red_above_kept": _defined(above_kept(ranks)),
        "red_cells": _shares(red),
        "false_parasites": None,
    }


def malaria_free_laboratory(name: str, fields: Sequence[Healthy], accepted: int) -> dict[str, Any]:
    """Figures of a laboratory whose fields hold no malaria: every cell that the machine counts is a false one.

    Args:
        fields: one a field, refused ones too.
        accepted: fields whose quality would let them count.
    """
    shares = _shares(fields)
    factor = red_cells().per_microlitre
    count = shares["count"]
    return {
        "laboratory": name,
        "malaria_free": True,
        "fields": len(fields),
        "accepted": accepted,
        "infected": None,
        "auc": None,
        "red_above_kept": None,
        "red_cells": shares,
        "false_parasites": None
        if count["share"] is None
        else {
            "per_microlitre": count["share"] * factor,
            "interval": [end * factor for end in count["interval"]],
            "red_cells_per_microlitre": factor,
        },
    }


def healthy_of(logits: Sequence[float] | NDArray[np.float64], classifier: Classifier) -> Healthy:
    """A field's healthy cells at the points of a model's card."""
    verdicts = [classifier.decide(float(logit)) for logit in logits]
    return Healthy(len(verdicts), sum(one.review for one in verdicts), sum(one.count for one in verdicts))


def above_kept(scores: Sequence[tuple[str, float]], kept: float = KEPT) -> float:
    """Share of the red cells at or above the highest score that this share of the infected ones reaches.

    Args:
        scores: (type, logit) of cells.

    Returns:
        0..1; nan without cells of both kinds.
    """
    infected = np.sort([value for kind, value in scores if kind in STAGES])
    red = np.array([value for kind, value in scores if kind == RED_CELL])
    if not len(infected) or not len(red):
        return math.nan
    least = infected[math.floor((1 - kept) * len(infected) + 1e-9)]
    return float((red >= least).mean())


def _shares(fields: Sequence[Healthy]) -> dict[str, Any]:
    """Cells at the points, each with a 95 % interval of fields drawn again: cells of one field are much alike."""
    table = np.array([(field.cells, field.review, field.count) for field in fields], float).reshape(-1, 3)
    cells = int(table[:, 0].sum())
    document: dict[str, Any] = {"cells": cells}
    for column, point in ((1, "review"), (2, "count")):
        hits = int(table[:, column].sum())
        interval = _by_field(table[:, 0], table[:, column]) if cells else None
        document[point] = {"cells": hits, "share": hits / cells if cells else None, "interval": interval}
    return document


def _by_field(cells: NDArray[np.float64], hits: NDArray[np.float64]) -> list[float]:
    """Bootstrap over fields; where nothing was hit, the exact upper limit of as many cells (95 %, two-sided)."""
    if not hits.any():
        return [0.0, 1 - 0.025 ** (1 / float(cells.sum()))]
    drawn = np.random.default_rng(_SEED).integers(0, len(cells), (_DRAWS, len(cells)))
    share = hits[drawn].sum(axis=1) / np.maximum(cells[drawn].sum(axis=1), 1)
    return [float(end) for end in np.quantile(share, (0.025, 0.975))]


def _wilson(hits: int, of: int) -> list[float] | None:
    interval = wilson(hits, of) if of else None
    return None if interval is None else [interval.low, interval.high]


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
