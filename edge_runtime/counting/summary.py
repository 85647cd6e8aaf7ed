"""Everything one count supports, in one result: raw and corrected rate, per microlitre, and what it can detect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_runtime.counting.corrected import CorrectedRate, corrected_rate
from edge_runtime.counting.density import Density, RedCells, density
from edge_runtime.counting.detection import DetectionLimit, detection_limit
from edge_runtime.counting.intervals import Interval, checked_counts, exact, rule_of_three, wilson
from edge_runtime.counting.known_slides import KnownSlides


@dataclass(frozen=True)
class DensityRange:
    """An estimate with its interval in percent and per microlitre."""

    estimate: Density
    low: Density
    high: Density

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"estimate": self.estimate.to_json(), "low": self.low.to_json(), "high": self.high.to_json()}


@dataclass(frozen=True)
class CountSummary:
    """What ``infected`` of ``counted`` red cells say.

    Attributes:
        infected: cells.
        counted: cells.
        wilson: interval of the raw rate.
        exact: interval of the raw rate.
        raw: raw rate with the exact interval.
        excluded_by_zero: rate that seeing no infected cell excludes (:func:`rule_of_three`), 0..1; None when some were
            seen.
        corrected: None without a blank rate, and for reviewed counts.
        corrected_density: the same in percent and per microlitre.
        detection: None without a blank rate.
    """

    infected: int
    counted: int
    wilson: Interval
    exact: Interval
    raw: DensityRange
    excluded_by_zero: float | None
    corrected: CorrectedRate | None
    corrected_density: DensityRange | None
    detection: DetectionLimit | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {"infected": self.infected, "counted": self.counted, "excluded_by_zero": self.excluded_by_zero}
        parts = {
            name: getattr(self, name)
            for name in ("wilson", "exact", "raw", "corrected", "corrected_density", "detection")
        }
        return {**plain, **{name: None if part is None else part.to_json() for name, part in parts.items()}}


def summarise_count(
    infected: int,
    counted: int,
    cells: RedCells,
    blank: KnownSlides | None = None,
    sensitivity: KnownSlides | None = None,
    level: float = 0.95,
) -> CountSummary:
    """All figures of one count.

    Args:
        infected: cells called (or found by a reviewer) infected, 0..counted.
        counted: red cells, 1 or more.
        cells: see :func:`red_cells`.
        blank: parasite-free slides; None for reviewed counts, or when the blank rate was never measured: then nothing
            is corrected and no limit of detection is given.
        sensitivity: infected cells of known truth; used with a blank only.
        level: confidence of every interval.

    Raises:
        ValueError: a figure out of range.
        NotConclusive: infected cells are called no more often than blank ones.
    """
    infected, counted = checked_counts(infected, counted)
    sure = exact(infected, counted, level)
    corrected = None if blank is None else corrected_rate(infected, counted, blank, sensitivity, level)
    return CountSummary(
        infected=infected,
        counted=counted,
        wilson=wilson(infected, counted, level),
        exact=sure,
        raw=_range(infected / counted, sure.low, sure.high, cells),
        excluded_by_zero=None if infected else rule_of_three(counted, level),
        corrected=corrected,
        corrected_density=None if corrected is None else _range(corrected.rate, corrected.low, corrected.high, cells),
        detection=None if blank is None else detection_limit(counted, blank, sensitivity),
    )


def _range(rate: float, low: float, high: float, cells: RedCells) -> DensityRange:
    return DensityRange(density(rate, cells), density(low, cells), density(high, cells))
