"""Capture curves: which part of a slide's infected cells lies within its own top q, from slides of known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import numpy as np

from edge_runtime.counting.known_slides import KnownSlides

# Shares of a slide's healthy cells: 0 (nothing looked at), then a quarter wider from step to step, to all of them.
GRID = (0.0, *(float(f"{10 ** (k / 10 - 4):.4g}") for k in range(41)))
FEW_SLIDES = 5  # with fewer the spread between slides is hardly known


class CurveSource(str, Enum):
    """Where a capture curve comes from, best first."""

    OWN = "own-slides"
    CARD = "model-card"
    OTHERS = "other-laboratories"

    @property
    def words(self) -> str:
        """For reports."""
        return _WORDS[self]

    @property
    def widening(self) -> float:
        """Factor by which the share missed here may differ from that of the curve's slides, in either direction (95 %).

        Between 28 patients of one laboratory that the models had not seen and 11 slides of another, the shares missed
        within the top 1, 2, 4 and 10 % differed by factors of 0.5 to 1.5. A factor of 3 leaves room for laboratories
        that are farther apart (docs/benchmarks.md).
        """
        return 1.0 if self is CurveSource.OWN else 3.0


_WORDS = {
    CurveSource.OWN: "positive control slides of this microscope",
    CurveSource.CARD: "held-out patients of the model card, not this microscope",
    CurveSource.OTHERS: "slides of other laboratories, not this microscope",
}


@dataclass(frozen=True)
class CaptureCurve:
    """What a ranking finds on slides whose infected cells are all known.

    A slide is ranked by score. The depth of one of its cells is the share of the slide's healthy cells that score
    higher; a review that looks at K cells and finds x among N goes to depth (K - x) / (N - x).

    Attributes:
        grid: depths, ascending from 0 to 1.
        found: for each slide, its infected cells of smaller depth than each of the grid; the last is all of them, 1 or
            more.
        source: where the slides come from.
    """

    grid: tuple[float, ...]
    found: tuple[tuple[int, ...], ...]
    source: CurveSource

    def __post_init__(self) -> None:
        grid = self.grid
        rising = all(a < b for a, b in pairwise(grid))
        if len(grid) < 2 or (grid[0], grid[-1]) != (0, 1) or not rising:
            raise ValueError(f"The depths of a capture curve rise from 0 to 1, not {list(grid)[:5]} ....")
        if not self.found:
            raise ValueError("A capture curve needs a slide with infected cells.")
        for counts in self.found:
            falls = any(a > b for a, b in pairwise(counts))
            if len(counts) != len(grid) or falls or counts[0] < 0 or counts[-1] < 1:
                raise ValueError(f"A slide of a capture curve has {len(grid)} counts that rise to 1 or more: {counts}.")

    @property
    def infected(self) -> tuple[int, ...]:
        """Infected cells of each slide."""
        return tuple(counts[-1] for counts in self.found)

    def at(self, depth: float) -> KnownSlides:
        """Found of infected cells, a slide each, when all looked to this depth (0..1).

        Between depths of the grid counts are interpolated and rounded.
        """
        if not 0 <= depth <= 1:
            raise ValueError(f"A depth lies in 0..1, not at {depth}.")
        step = int(np.searchsorted(self.grid, depth, side="right")) - 1
        counts = np.array(self.found)
        low, high = counts[:, step], counts[:, min(step + 1, len(self.grid) - 1)]
        part = (
            0.0 if step + 1 == len(self.grid) else (depth - self.grid[step]) / (self.grid[step + 1] - self.grid[step])
        )
        found = np.floor(low + part * (high - low) + 0.5).astype(int)
        return KnownSlides(tuple(found.tolist()), self.infected, source=self.source.words)

    def share(self, depth: float) -> float:
        """Pooled share of infected cells found at this depth, 0..1."""
        return self.at(depth).rate

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: of each slide its counts as steps of the grid, without the zeros at their end."""
        slides = []
        for counts in self.found:
            steps = np.diff(np.array(counts), prepend=0)
            slides.append(steps[: int(np.flatnonzero(steps)[-1]) + 1].tolist())
        return {"source": self.source.value, "grid": list(self.grid), "slides": slides}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CaptureCurve:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: something is missing, of another type, or no curve.
        """
        try:
            grid = tuple(float(depth) for depth in document["grid"])
            steps = [[_whole(step) for step in slide] for slide in document["slides"]]
            source = CurveSource(document["source"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"The capture curve lacks something or is malformed: {error!r}.") from error
        if any(len(slide) > len(grid) for slide in steps):
            raise ValueError(f"A slide of the capture curve has more steps than its grid of {len(grid)} depths.")
        found = tuple(
            tuple(np.cumsum([*slide, *[0] * (len(grid) - len(slide))]).astype(int).tolist()) for slide in steps
        )
        return cls(grid, found, source)


def capture_curve(slides: Sequence[Sequence[float]], source: CurveSource) -> CaptureCurve:
    """The curve of slides given by the depths of their infected cells.

    Args:
        slides: for each slide, the depths (0..1) of all its infected cells, see :func:`depths`.
        source: where the slides come from.

    Raises:
        ValueError: no slide, a slide without infected cells, or a depth out of range.
    """
    found = []
    for slide in slides:
        at = np.sort(np.asarray(slide, dtype=float))
        if not len(at) or not (at[0] >= 0 and at[-1] <= 1):
            raise ValueError(f"A slide needs infected cells with depths in 0..1, not {at[:5].tolist()}.")
        counts = np.searchsorted(at, GRID, side="left")
        counts[-1] = len(at)  # at depth 1 everything was looked at
        found.append(tuple(counts.tolist()))
    return CaptureCurve(GRID, tuple(found), source)


def depths(infected: Sequence[float] | np.ndarray, healthy: Sequence[float] | np.ndarray) -> np.ndarray:
    """Depth of each infected cell: the share of healthy cells that score higher, of equal ones half.

    Args:
        infected: scores of infected cells, any scale, higher is more suspicious; [k].
        healthy: scores of the healthy cells that they are ranked among, of the same slide; [h], 1 or more.

    Returns:
        float64 [k], 0..1.

    Raises:
        ValueError: no healthy cells, or a score that is not finite.
    """
    scores, others = np.asarray(infected, dtype=float), np.sort(np.asarray(healthy, dtype=float))
    if not len(others) or not (np.isfinite(scores).all() and np.isfinite(others).all()):
        raise ValueError(f"Ranks need finite scores and healthy cells, not {len(others)} healthy cells.")
    above = len(others) - np.searchsorted(others, scores, side="right")
    equal = len(others) - np.searchsorted(others, scores, side="left") - above
    return np.asarray((above + equal / 2) / len(others))


def chosen_curve(own: CaptureCurve | None, card: CaptureCurve | None) -> CaptureCurve | None:
    """The microscope's own curve once it rests on five slides, else the card's, else the own one as far as it goes."""
    if own is not None and (card is None or len(own.found) >= FEW_SLIDES):
        return own
    return card


def _whole(step: Any) -> int:
    if type(step) is not int or step < 0:
        raise ValueError(f"{step!r} is no count of cells")
    return step
