"""Slides of known truth as a review sees them: scores of infected and of healthy cells, by slide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.counting import CaptureCurve, CurveSource, capture_curve, depths
from edge_runtime.errors import NotConclusive, WrongUsage

if TYPE_CHECKING:
    from benchmarks.harness.patient_scores import Score

RUN = 9  # neighbouring fields that make a pseudo slide, about
INFECTED = "infected"  # the kind of a cell of which no stage is known
LEAST_SLIDES = 3
# of a patient, as for a model's card (train.metrics.capture)
_LEAST_HEALTHY, _LEAST_INFECTED = 50, 10


@dataclass(frozen=True)
class ReviewSlide:
    """A slide whose every cell is known.

    Attributes:
        infected: P of its infected cells, float64 [k], 1 or more.
        kinds: their stages, k words.
        healthy: P of the others, float64 [h], 1 or more.
        unseen: infected cells that were annotated but not boxed: in no ranking, and in no count.
    """

    infected: np.ndarray
    kinds: tuple[str, ...]
    healthy: np.ndarray
    unseen: int = 0

    @property
    def depths(self) -> np.ndarray:
        """Of its infected cells, see :func:`edge_runtime.counting.capture.depths`; float64 [k]."""
        return depths(self.infected, self.healthy)


def curve_of(slides: Sequence[ReviewSlide], source: CurveSource) -> CaptureCurve:
    """The capture curve of slides."""
    return capture_curve([slide.depths.tolist() for slide in slides], source)


def runs(paths: Sequence[Path], length: int = RUN) -> list[list[int]]:
    """Neighbouring images, as pseudo slides of about ``length``; never over a gap in their numbers.

    Where the last number of a name rises by more than twice the usual step a new block begins. A block of less than
    half a slide joins the neighbour that is nearer; a long one is split evenly.

    Args:
        paths: images in the order of their names.

    Returns:
        Positions of the images of each slide, in order.
    """
    numbers = [re.findall(r"\d+", path.stem) for path in paths]
    steps = [int(b[-1]) - int(a[-1]) if a and b else 1 for a, b in pairwise(numbers)]
    usual = float(np.median(steps)) if steps else 1.0
    blocks = [[0]] if paths else []
    for place, step in enumerate(steps, start=1):
        if 0 < step <= 2 * usual:
            blocks[-1].append(place)
        else:
            blocks.append([place])
    _join_short(blocks, steps, length / 2)
    return [part.tolist() for block in blocks for part in np.array_split(block, max(1, int(len(block) / length + 0.5)))]


def grouped(paths: Sequence[Path], expression: str) -> list[list[int]]:
    """Images by what a regular expression finds in their names: its first group, or all that it matches.

    Raises:
        WrongUsage: it is no expression, or finds nothing in a name.
    """
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise WrongUsage(f"--by {expression!r} is no regular expression ({error}).") from error
    found: dict[str, list[int]] = {}
    for place, path in enumerate(paths):
        match = pattern.search(path.name)
        if match is None:
            raise WrongUsage(f"--by {expression!r} finds no slide in the name {printable(path.name)}.")
        found.setdefault(match[1] if pattern.groups else match[0], []).append(place)
    return list(found.values())


def patient_slides(scores: Sequence[Score]) -> list[ReviewSlide]:
    """A slide for each patient with 10 infected and 50 healthy cells or more."""
    cells: dict[str, tuple[list[float], list[float]]] = {}
    for name, label, p in scores:
        cells.setdefault(name, ([], []))[label].append(p)
    return [
        ReviewSlide(np.array(infected), (INFECTED,) * len(infected), np.array(healthy))
        for healthy, infected in cells.values()
        if len(healthy) >= _LEAST_HEALTHY and len(infected) >= _LEAST_INFECTED
    ]


def require_slides(slides: Sequence[ReviewSlide]) -> None:
    """NotConclusive where there are too few to take some for the control slides of another."""
    if len(slides) < LEAST_SLIDES:
        raise NotConclusive(
            f"A review is measured on {LEAST_SLIDES} slides or more with infected and healthy cells, found "
            f"{len(slides)}; of a list of scores, patients need {_LEAST_INFECTED} infected and {_LEAST_HEALTHY} "
            "healthy cells."
        )


def _join_short(blocks: list[list[int]], steps: Sequence[int], least: float) -> None:
    """Join blocks of fewer than ``least`` to a neighbour, in place."""
    place = 0
    while place < len(blocks) and len(blocks) > 1:
        block = blocks[place]
        if len(block) >= least:
            place += 1
            continue
        before = abs(steps[block[0] - 1]) if place else np.inf
        after = abs(steps[block[-1]]) if place + 1 < len(blocks) else np.inf
        first = place - 1 if before <= after else place
        blocks[first : first + 2] = [blocks[first] + blocks[first + 1]]
        place = first
