"""Slides of known truth: parasite-free ones for a blank rate, infected cells for a sensitivity, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.intervals import checked_counts


@dataclass(frozen=True)
class KnownSlides:
    """Counts on slides (or patients) whose truth is known.

    For a blank rate: parasite-free slides, and the cells called infected on them. For a sensitivity: infected cells
    only, and how many of them were called.

    Attributes:
        positives: cells called infected, one figure a slide.
        cells: cells looked at, 1 or more, one figure a slide.
        spread: False when slides are taken not to differ beyond chance; their cells are then pooled.
        source: in words, where the counts come from; reports say it.
    """

    positives: tuple[int, ...]
    cells: tuple[int, ...]
    spread: bool = True
    source: str = "this microscope"

    def __post_init__(self) -> None:
        if not self.positives or len(self.positives) != len(self.cells):
            raise ValueError(
                f"Known slides need as many counts of positives as of cells, not {len(self.positives)} and "
                f"{len(self.cells)}."
            )
        pairs = [checked_counts(x, n) for x, n in zip(self.positives, self.cells, strict=True)]
        object.__setattr__(self, "positives", tuple(x for x, _ in pairs))
        object.__setattr__(self, "cells", tuple(n for _, n in pairs))

    @property
    def rate(self) -> float:
        """Pooled share of cells called infected, 0..1."""
        return sum(self.positives) / sum(self.cells)

    @property
    def between_slide_sd(self) -> float | None:
        """See :func:`between_slide_sd`; None with fewer than two slides, or when no spread is assumed."""
        return between_slide_sd(self.positives, self.cells) if self.spread and len(self.cells) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, pooled rate and spread included."""
        return {**asdict(self), "rate": self.rate, "between_slide_sd": self.between_slide_sd}


def known_from_summary(
    positives: int, cells: int, slides: int, between_sd: float | None, source: str = "model card"
) -> KnownSlides:
    """Slides as a summary describes them, where the count of each slide was not kept.

    Every slide gets the same number of cells, and the rarer outcome is dealt out by powers of exponential quantiles,
    the power chosen so that :func:`between_slide_sd` comes closest to ``between_sd``. A reconstruction: it carries
    the pooled rate, the number of slides and their spread, nothing else.

    Args:
        positives: cells called infected on all slides together.
        cells: cells of all slides together, at least one a slide.
        slides: slides, 1 or more.
        between_sd: standard deviation of the rate between slides; None when it is not known (one slide is assumed
            then, the widest reading).

    Raises:
        ValueError: figures out of range.
    """
    positives, cells = checked_counts(positives, cells)
    if not 1 <= slides <= cells or (between_sd is not None and not 0 <= between_sd <= 1):
        raise ValueError(f"{cells} cells on {slides} slides with a spread of {between_sd} is no summary of slides.")
    if between_sd is None or slides == 1:
        return KnownSlides((positives,), (cells,), source=source)
    each = tuple(cells // slides + (i < cells % slides) for i in range(slides))
    rarer = min(positives, cells - positives)
    best = min(
        (_dealt(rarer, each, power / 10) for power in range(41)),
        key=lambda counts: abs(between_slide_sd(counts, each) - between_sd),
    )
    if rarer < positives:
        best = tuple(n - x for n, x in zip(each, best, strict=True))
    return KnownSlides(best, each, source=source)


def blank_from_card(blank_rate: Mapping[str, Any]) -> KnownSlides:
    """The healthy patients behind the ``blank_rate`` section of a model card.

    Counts of each patient (``per_patient``) are taken where the card has them; slides are rebuilt from the pooled
    figures of an older card. They stand for the data the model was trained near, not for a microscope; the source
    says so.

    Raises:
        ValueError: the section lacks a figure, has one out of range, or its patients do not add up to it.
    """
    try:
        positives, cells, slides = (blank_rate[name] for name in ("positives", "cells", "patients"))
        between_sd = blank_rate["between_patient_sd"]
        each = blank_rate.get("per_patient")
        counts = None if each is None else (tuple(each["called"]), tuple(each["cells"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"The card's blank_rate lacks something or is malformed: {error!r}.") from error
    source = "healthy patients of the model card, not this microscope"
    if counts is None:
        return known_from_summary(positives, cells, slides, between_sd, source)
    known = KnownSlides(*counts, source=source)
    if (sum(known.positives), sum(known.cells), len(known.cells)) != (positives, cells, slides):
        raise ValueError(f"The patients of the card's blank_rate do not add up to its {positives} of {cells} cells.")
    return known


def between_slide_sd(positives: Sequence[int], cells: Sequence[int]) -> float:
    """:func:`between_slide_sds` of one count a slide."""
    return float(between_slide_sds(np.asarray(positives), np.asarray(cells)))


def between_slide_sds(positives: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Standard deviation of the rate between slides beyond binomial chance (Kleinman 1973, weights = cells).

    Args:
        positives: [slides], or [slides, g] for g thresholds at once.
        cells: [slides].

    Returns:
        Shares [] or [g], 0 where chance alone spreads the slides as much, or fewer than two are given.
    """
    x = np.asarray(positives, dtype=float)
    n = np.asarray(cells, dtype=float).reshape(-1, *[1] * (x.ndim - 1))
    total, slides = n.sum(), len(n)
    if slides < 2 or total <= slides:
        return np.zeros(x.shape[1:])
    rates = x / n
    between = (n * (rates - x.sum(axis=0) / total) ** 2).sum(axis=0) / (slides - 1)
    within = (n * rates * (1 - rates)).sum(axis=0) / (total - slides)
    typical = (total - (n**2).sum() / total) / (slides - 1)
    return np.asarray(np.sqrt(np.maximum((between - within) / typical, 0.0)))


def _dealt(positives: int, cells: tuple[int, ...], power: float) -> tuple[int, ...]:
    """Positives dealt to slides in proportion to powers of exponential quantiles; power 0 deals evenly."""
    slides = len(cells)
    weights = (-np.log1p(-(np.arange(slides) + 0.5) / slides)) ** power
    counts = np.zeros(slides, dtype=int)
    left = positives
    while left:  # a slide cannot hold more positives than cells; what it refuses is dealt again
        room = np.asarray(cells) - counts
        share = np.where(room > 0, weights, 0.0)
        ideal = np.minimum(left * share / share.sum(), room)
        dealt = np.floor(ideal).astype(int)
        rest = min(left - int(dealt.sum()), int(((room - dealt) > 0).sum()))
        order = np.argsort(-np.where(room - dealt > 0, ideal - dealt, -1.0), kind="stable")
        dealt[order[:rest]] += 1
        counts += dealt
        left = positives - int(counts.sum())
    return tuple(counts.tolist())
