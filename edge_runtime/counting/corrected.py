"""Rogan and Gladen's correction for missed and false cells, with an interval that knows how little is known of both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from edge_runtime.counting.intervals import checked_counts, checked_level
from edge_runtime.counting.known_slides import KnownSlides
from edge_runtime.counting.melding import Optics, melded_ends, optics
from edge_runtime.counting.next_slide import RateDistribution, next_slide
from edge_runtime.errors import NotConclusive


@dataclass(frozen=True)
class CorrectedRate:
    """Share of infected cells after correction.

    Attributes:
        rate: corrected share, 0..1 (a negative estimate is given as 0).
        low: lower end of the interval, 0..1; 0 when blanks alone explain the count.
        high: upper end, low..1.
        level: confidence, for instance 0.95.
        unclipped: (raw - blank) / (sensitivity - blank); below 0 when fewer cells were called than blanks expected.
        infected: cells called infected.
        counted: all red cells counted.
        blank_rate: pooled blank rate used, 0..1.
        sensitivity: pooled share of infected cells called, 0..1; 1 when it was not given.
        false_expected: blank_rate x counted, in cells.
        blank_source: where the blank rate was measured.
        sensitivity_source: where the sensitivity was measured, or that none was given.
        method: in words.
    """

    rate: float
    low: float
    high: float
    level: float
    unclipped: float
    infected: int
    counted: int
    blank_rate: float
    sensitivity: float
    false_expected: float
    blank_source: str
    sensitivity_source: str
    method: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def corrected_rate(
    infected: int,
    counted: int,
    blank: KnownSlides,
    sensitivity: KnownSlides | None = None,
    level: float = 0.95,
) -> CorrectedRate:
    """Correct a machine's count (Rogan and Gladen 1978): ``(p - b) / (s - b)`` with p = infected / counted.

    The interval is that of :func:`~edge_runtime.counting.melding.melded_ends`, with blank rate and sensitivity as open
    as the known slides leave them for the next slide (:func:`~edge_runtime.counting.next_slide.next_slide`).

    Never apply it to cells that a person has reviewed: their blanks are gone already.

    Args:
        infected: cells called infected, 0..counted; a cell with several parasites counts once.
        counted: all red cells counted, 1 or more.
        blank: parasite-free slides.
        sensitivity: infected cells of known truth; None leaves missed cells uncorrected (taken as 1).
        level: confidence.

    Raises:
        ValueError: counts or level out of range.
        NotConclusive: infected cells are called no more often than blank ones, so nothing can be said.
    """
    infected, counted = checked_counts(infected, counted)
    seen = machine_optics(blank, sensitivity)
    called = 1.0 if sensitivity is None else sensitivity.rate
    unclipped = (infected / counted - blank.rate) / (called - blank.rate)
    low, high = melded_ends(infected, counted, seen, checked_level(level))
    rate = min(max(unclipped, 0.0), 1.0)
    return CorrectedRate(
        rate=rate,
        low=min(low, rate),
        high=max(high, rate),
        level=level,
        unclipped=unclipped,
        infected=infected,
        counted=counted,
        blank_rate=blank.rate,
        sensitivity=called,
        false_expected=blank.rate * counted,
        blank_source=blank.source,
        sensitivity_source="not given, taken as 1" if sensitivity is None else sensitivity.source,
        method="Rogan-Gladen, gamma spread between slides, mid-P averaged over blank rate and sensitivity",
    )


@lru_cache(maxsize=16)
def machine_optics(blank: KnownSlides, sensitivity: KnownSlides | None) -> Optics:
    """Blank rate and sensitivity that the next slide may have, on nodes.

    Raises:
        NotConclusive: pooled, infected cells are called no more often than blank ones.
    """
    if sensitivity is not None and sensitivity.rate <= blank.rate:
        raise NotConclusive(
            f"Infected cells are called infected at {sensitivity.rate:.3g}, blank ones at {blank.rate:.3g}; "
            "with such a model no count can be corrected, so take another threshold or model."
        )
    if blank.rate >= 1:
        raise NotConclusive("Every cell of the blank slides was called infected; check the slides and the model.")
    return optics(next_slide(blank), RateDistribution.fixed(1.0) if sensitivity is None else next_slide(sensitivity))
