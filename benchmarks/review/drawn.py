"""Slides drawn again: so many cells, a share of them infected, ranked; and a person who looks down the ranking."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.review.slides import ReviewSlide
from edge_runtime.counting import Batch, CaptureCurve, KnownSlides, enough_clean
from edge_runtime.counting.enough import allowed_rest
from edge_runtime.counting.melding import NODES
from edge_runtime.counting.next_slide import next_slide, node_weights
from edge_runtime.counting.rest import rest_within

PAGE = 24  # verdicts on a page of a phone; a review ends with a page


@dataclass(frozen=True)
class DrawnSlide:
    """A ranked slide.

    Attributes:
        counted: cells.
        ranks: places of its infected cells in the ranking, from 1; int [x], ascending.
        flagged: cells at or above the review point.
    """

    counted: int
    ranks: np.ndarray
    flagged: int

    def found(self, looked: int) -> int:
        """Infected cells among the first ``looked``."""
        return int(np.searchsorted(self.ranks, looked, side="right"))

    def to_find(self, share: float) -> int | None:
        """Cells to look at until this share of the infected ones is found; None where there is none."""
        if not len(self.ranks):
            return None
        return int(self.ranks[math.ceil(share * len(self.ranks) - 1e-9) - 1])

    def looked_at(self, looked: int) -> Batch:
        """The slide when its first ``looked`` cells were looked at."""
        found = self.found(looked)
        return Batch(self.counted, looked, found, looked - (int(self.ranks[found - 1]) if found else 0))

    @property
    def whole(self) -> Batch:
        """The slide when all of it was looked at."""
        return self.looked_at(self.counted)

    def by_clean_run(self) -> Batch:
        """Where the default rule ends the review."""
        return next(batch for batch in self._pages() if enough_clean([batch]).reached)

    def by_strict_rule(self, curve: CaptureCurve) -> Batch:
        """Where the strict rule ends it, by what this curve says of the rest."""
        return next(batch for batch in self._pages() if enough_clean([batch]).reached and _strict(batch, curve))

    def _pages(self) -> Iterator[Batch]:
        for looked in range(PAGE, self.counted + PAGE, PAGE):
            yield self.looked_at(min(looked, self.counted))


def draw_slide(
    slide: ReviewSlide, counted: int, share: float, review_point: float, generator: np.random.Generator
) -> DrawnSlide:
    """Cells of a slide drawn with replacement; equal scores in any order.

    Args:
        slide: where the cells come from.
        counted: cells.
        share: of all cells in the blood that are infected, 0..1; the slide's own share follows by chance.
        review_point: P from which the machine asks for a verdict.
    """
    infected = int(generator.binomial(counted, share))
    scores = np.concatenate(
        [generator.choice(slide.infected, infected), generator.choice(slide.healthy, counted - infected)]
    )
    order = np.lexsort((generator.random(counted), -scores))
    return DrawnSlide(counted, np.flatnonzero(order < infected) + 1, int((scores >= review_point).sum()))


@lru_cache(maxsize=4096)
def _nodes(known: KnownSlides, widening: float) -> np.ndarray:
    """As :func:`edge_runtime.counting.ranked.captured_nodes` of one batch; the same few come again and again."""
    return next_slide(known, widening).nodes(NODES)


def _strict(batch: Batch, curve: CaptureCurve) -> bool:
    if batch.complete:
        return True
    nodes = _nodes(curve.at(batch.depth), curve.source.widening)
    return rest_within(allowed_rest(batch.infected), batch.infected, nodes, node_weights(NODES))
