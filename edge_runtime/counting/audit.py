"""Random cells of what a review by rank leaves out: an alarm for a slide, over many a check of the capture share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.intervals import checked_counts, checked_level, gamma_quantile

AUDITED = 24


@dataclass(frozen=True)
class AuditedSlide:
    """A slide's audit. For the slide's own count it is no estimator: nothing in 100 random cells excludes little.

    Attributes:
        found: infected cells that the review by rank had found when the audit was drawn.
        captured: the share of the slide's infected cells claimed to be among those looked at, above 0, up to 1.
        rest: cells not looked at, 1 or more.
        audited: of these, drawn at random and looked at, 1..rest.
        infected: infected ones among the audited.
    """

    found: int
    captured: float
    rest: int
    audited: int
    infected: int

    def __post_init__(self) -> None:
        checked_counts(self.audited, self.rest)
        checked_counts(self.infected, self.audited)
        if self.found < 0 or not 0 < self.captured <= 1:
            raise ValueError(f"{self.found} cells found at a capture share of {self.captured} is no review.")

    @property
    def alarm(self) -> bool:
        """Whether the ranking is not to be trusted on this slide: review on, to the review point."""
        return self.infected > 0

    @property
    def probability(self) -> float:
        """Inclusion probability of each cell of the rest."""
        return self.audited / self.rest


@dataclass(frozen=True)
class CaptureCheck:
    """What the audits of many slides say of the capture share.

    Attributes:
        captured: share of infected cells that the reviews found, 0..1; None without an infected cell.
        low: lower end of its interval, 0..1.
        high: upper end.
        level: confidence.
        claimed: the share that was claimed of the same slides, 0..1; None where none had a parasite.
        slides: slides audited.
        audited: cells audited.
        infected: infected ones among them.
    """

    captured: float | None
    low: float
    high: float
    level: float
    claimed: float | None
    slides: int
    audited: int
    infected: int

    @property
    def overstated(self) -> bool:
        """Whether more was claimed than the audits allow; then the curve is not to be trusted on this device."""
        return self.claimed is not None and self.claimed > self.high

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the finding included."""
        return {**asdict(self), "overstated": self.overstated}


def audit_keys(cells: int, seed: Sequence[int]) -> np.ndarray:
    """A random number for each cell of a field, by which audits are drawn; known as soon as the field is.

    So the pictures that an audit is likely to want can be kept when the field is captured, while its image is decoded.
    The numbers know nothing of scores and verdicts: the smallest ones of any set of cells are a fair draw from it.

    Args:
        cells: of the field, 0 or more.
        seed: whole numbers, 0 or more, of this field and no other; the same ones give the same numbers.

    Returns:
        float64 [cells], uniform in 0..1.
    """
    return np.random.default_rng(list(seed)).random(cells)


def audit_sample(keys: np.ndarray, size: int = AUDITED) -> tuple[int, ...]:
    """Positions of the cells that are audited, ascending; all of them where there are no more than the sample.

    Args:
        keys: of the cells not looked at, see :func:`audit_keys`; float64 [rest].
        size: cells to draw.
    """
    return tuple(sorted(np.argsort(keys, kind="stable")[:size].tolist()))


def capture_check(slides: Sequence[AuditedSlide], level: float = 0.95) -> CaptureCheck:
    """Pool audits: each infected cell of an audit stands for ``rest / audited`` (Horvitz and Thompson 1952).

    The interval of the missed cells is that of a weighted sum of Poisson counts (Fay and Feuer 1997, the gamma method);
    its upper end takes the largest weight for a cell that was not seen, and so is on the safe side. What the reviews
    found is taken as it is.

    Args:
        slides: audited slides, one or more.
        level: confidence.

    Raises:
        ValueError: no slide, or a level out of range.
    """
    tail = (1 - checked_level(level)) / 2
    if not slides:
        raise ValueError("A check of the capture share needs an audited slide.")
    # cells of a slide that was audited to the last stand for themselves only
    weights = [1 / slide.probability for slide in slides]
    missed = math.fsum(weight * slide.infected for weight, slide in zip(weights, slides, strict=True))
    variance = math.fsum(weight**2 * slide.infected for weight, slide in zip(weights, slides, strict=True))
    widest = max(weights)
    least = missed if not missed else variance / missed * gamma_quantile(tail, missed**2 / variance)
    mean, spread = missed + widest, variance + widest**2
    most = spread / mean * gamma_quantile(1 - tail, mean**2 / spread)
    found = sum(slide.found for slide in slides)
    behind = math.fsum(slide.found / slide.captured for slide in slides)
    return CaptureCheck(
        captured=found / (found + missed) if found + missed else None,
        low=found / (found + most),
        high=found / (found + least) if found + least else 1.0,
        level=level,
        claimed=found / behind if behind else None,
        slides=len(slides),
        audited=sum(slide.audited for slide in slides),
        infected=sum(slide.infected for slide in slides),
    )
