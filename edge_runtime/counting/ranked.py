"""The count of a slide that was reviewed by rank: the most suspicious cells looked at, the rest estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.capture import CaptureCurve
from edge_runtime.counting.intervals import checked_counts, checked_level, exact
from edge_runtime.counting.melding import NODES, Optics, melded_ends
from edge_runtime.counting.next_slide import next_slide, node_weights
from edge_runtime.counting.rest import RestBound, rest_bound
from edge_runtime.errors import NotConclusive

EVERYTHING = "everything was looked at"


@dataclass(frozen=True)
class Batch:
    """Cells that were ranked together, and the review of their top.

    Fields that come after a review are a batch of their own: it never takes back what was found before. Cells that a
    person added, and objects left out of the count that were looked at, go in as batches looked at to the last.

    Attributes:
        counted: cells, 1 or more.
        looked: cells looked at, from the top, 0..counted.
        infected: infected ones among them, 0..looked.
        clean: cells in a row without a parasite, up to the last one looked at; 0..looked - infected.
    """

    counted: int
    looked: int
    infected: int
    clean: int = 0

    def __post_init__(self) -> None:
        checked_counts(self.looked, self.counted)
        if self.looked:
            checked_counts(self.infected, self.looked)
        if not (self.infected >= 0 and 0 <= self.clean <= self.looked - self.infected):
            raise ValueError(
                f"{self.infected} infected and the last {self.clean} clean of {self.looked} cells is no review."
            )

    @property
    def complete(self) -> bool:
        """Whether every cell was looked at."""
        return self.looked == self.counted

    @property
    def depth(self) -> float:
        """Share of healthy cells looked at, (K - x) / (N - x), 0..1; 1 when complete."""
        return 1.0 if self.complete else (self.looked - self.infected) / (self.counted - self.infected)


@dataclass(frozen=True)
class RankedCount:
    """Share of infected cells of a slide reviewed by rank.

    Attributes:
        rate: estimated share, 0..1.
        low: lower end of the interval, 0..rate.
        high: upper end, rate..1.
        level: confidence, for instance 0.95.
        infected: cells found infected.
        counted: cells in all batches.
        looked: cells looked at.
        captured: estimated share of the slide's infected cells that are among those looked at, 0..1.
        source: value of the :class:`~edge_runtime.counting.capture.CurveSource` that ``captured`` rests on; None when
            everything was looked at.
        rests_on: the same in words, with the number of slides.
        slides: known slides behind it, 0 when everything was looked at.
        rest: what the cells not looked at hold at most.
    """

    rate: float
    low: float
    high: float
    level: float
    infected: int
    counted: int
    looked: int
    captured: float
    source: str | None
    rests_on: str
    slides: int
    rest: RestBound

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def ranked_count(batches: Sequence[Batch], curve: CaptureCurve | None, level: float = 0.95) -> RankedCount:
    """Estimate ``x / (N c(q))``, with x and ``N c(q)`` summed over the batches; each has its own q.

    The interval is :func:`~edge_runtime.counting.melding.melded_ends` without a blank (a person has looked), with the
    capture share in place of a sensitivity: as open as the curve's slides leave it for the next slide. Of one slide all
    batches are found well or badly together, so their capture shares are averaged at equal quantiles. When everything
    was looked at the interval is the exact one.

    It holds for a depth that does not hang on where the last infected cell stood; looking on until 96 in a row are
    clean (see :mod:`edge_runtime.counting.enough`) came near enough in simulation. While infected cells still turn up,
    take what was found for a lower bound.

    Args:
        batches: one or more.
        curve: None when there is none; then everything must have been looked at.
        level: confidence.

    Raises:
        ValueError: no batch, or a level out of range.
        NotConclusive: not everything was looked at, and there is no curve, or by it nothing is found so far down.
    """
    checked_level(level)
    if not batches:
        raise ValueError("A ranked count needs a batch of cells.")
    counted, looked, infected = (
        sum(getattr(batch, name) for batch in batches) for name in ("counted", "looked", "infected")
    )
    if looked == counted:
        sure = exact(infected, counted, level)
        none = RestBound(0, 0, counted, level)
        return RankedCount(
            infected / counted, sure.low, sure.high, level, infected, counted, looked, 1.0, None, EVERYTHING, 0, none
        )
    if curve is None:
        raise NotConclusive(
            f"{looked:,} of {counted:,} cells were looked at, and neither control slides nor the model's card say "
            "which part of the infected ones is among them; record positive control slides, or look at every cell."
        )
    shares = [curve.share(batch.depth) if batch.looked else 0.0 for batch in batches]
    captured = sum(batch.counted * share for batch, share in zip(batches, shares, strict=True)) / counted
    if captured == 0:
        raise NotConclusive(
            f"After {looked:,} of {counted:,} cells no infected cell of the known slides would have been seen; look on."
        )
    nodes, weights = captured_nodes(batches, curve), node_weights(NODES)
    low, high = melded_ends(infected, counted, Optics(np.zeros(NODES), nodes, weights), level)
    rate = min(infected / counted / captured, 1.0)
    slides = len(curve.found)
    return RankedCount(
        rate=rate,
        low=min(low, rate),
        high=max(high, rate),
        level=level,
        infected=infected,
        counted=counted,
        looked=looked,
        captured=captured,
        source=curve.source.value,
        rests_on=f"{slides} {curve.source.words}",
        slides=slides,
        rest=rest_bound(infected, counted, looked, nodes, weights, level),
    )


def captured_nodes(batches: Sequence[Batch], curve: CaptureCurve) -> np.ndarray:
    """Quantile nodes of the share of infected cells that are among those looked at; float64 [NODES], ascending.

    Args:
        batches: one or more.
        curve: of known slides; those of elsewhere widen it.
    """
    counted = sum(batch.counted for batch in batches)
    total = np.zeros(NODES)
    for batch in batches:
        if batch.complete:
            total += batch.counted
        elif batch.looked:
            total += batch.counted * next_slide(curve.at(batch.depth), curve.source.widening).nodes(NODES)
    return np.minimum(total / counted, 1.0)
