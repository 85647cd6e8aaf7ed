"""What slides of known truth say about the next slide: its blank rate, or the sensitivity, with their spread.

A slide's rate is taken as gamma distributed around a mean, so its count of called cells is negative binomial (the rare
event form of the beta-binomial). Mean and spread are both weighed on a grid by their likelihood, because a handful of
slides fixes neither; what comes out is a sample of rates the *next* slide may have, not an estimate of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from edge_runtime.counting.intervals import checked_counts

DRAWS = 20_000
SEED = 20_260
# Coefficients of variation between slides, 0 (no spread) first; weights make the squared coefficient uniform, the
# choice under which the share of next slides beyond the 2.5 % points came closest to 2.5 % in simulation.
_SPREADS = np.array([0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0])
_SPREAD_WEIGHTS = np.gradient(_SPREADS) * (_SPREADS + 0.05)
_STEPS = np.linspace(-8.0, 6.0, 57)  # of the logarithm of the mean, in its standard errors


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


@lru_cache(maxsize=16)
def next_slide_rates(known: KnownSlides, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Rates that the next slide may have, given the known ones: float64 [draws], 0..1, in random order, read-only.

    Without spread they follow Beta(x + 1/2, n - x + 1/2), Jeffreys' distribution of one common rate. With spread, of
    whatever is rarer (called or not called): mean and coefficient of variation from their joint weights (Jeffreys'
    prior of the negative binomial mean; squared coefficient uniform up to 9), then a gamma distributed rate.
    """
    generator = np.random.default_rng([seed, 1])
    if not known.spread:
        x, n = sum(known.positives), sum(known.cells)
        rates = generator.beta(x + 0.5, n - x + 0.5, draws)
    elif known.rate > 0.5:
        missed = tuple(n - x for x, n in zip(known.positives, known.cells, strict=True))
        rates = 1 - _gamma_rates(missed, known.cells, draws, generator)
    else:
        rates = _gamma_rates(known.positives, known.cells, draws, generator)
    rates.setflags(write=False)
    return rates


def _gamma_rates(
    positives: Sequence[int], cells: Sequence[int], draws: int, generator: np.random.Generator
) -> np.ndarray:
    total, looked, slides = sum(positives), sum(cells), len(cells)
    (x, n), times = np.unique(np.array([positives, cells]), axis=1, return_counts=True)
    widths = np.sqrt(1 / (total + 0.5) + _SPREADS**2 / slides)
    means = (total + 0.5) / looked * np.exp(widths[:, None] * _STEPS)
    logs = np.stack([_log_likelihood(x, n, times, mean, cv) for mean, cv in zip(means, _SPREADS, strict=True)])
    # Prior in the logarithm of the mean: mean^(1/2), less where the spread between slides outweighs chance.
    logs += 0.5 * np.log(means) - 0.5 * np.log1p(_SPREADS[:, None] ** 2 * means * looked / slides)
    logs += np.log(widths * _SPREAD_WEIGHTS)[:, None]
    logs[means > 1] = -np.inf
    edges = np.cumsum(np.exp(logs - logs.max()))
    # Evenly spaced points through the cumulated weights: less noise than independent draws of nodes.
    points = (np.arange(draws) + generator.random()) / draws * edges[-1]
    nodes = np.minimum(np.searchsorted(edges, points), edges.size - 1)
    generator.shuffle(nodes)
    row, column = np.divmod(nodes, len(_STEPS))
    within = (_STEPS[1] - _STEPS[0]) * (generator.random(draws) - 0.5)
    rates = means[row, column] * np.exp(widths[row] * within)
    spread = row > 0
    shape = 1 / _SPREADS[row[spread]] ** 2
    rates[spread] *= generator.gamma(shape) / shape
    return np.asarray(np.minimum(rates, 1.0))


def _log_likelihood(x: np.ndarray, n: np.ndarray, times: np.ndarray, mean: np.ndarray, cv: float) -> np.ndarray:
    """Of Poisson (cv = 0) or negative binomial counts, less the common ln x!: [means]."""
    expected = mean[:, None] * n
    if cv == 0:
        terms = x * np.log(expected) - expected
    else:
        shape = 1 / cv**2
        rising = np.array([math.lgamma(shape + v) - math.lgamma(shape) for v in x.tolist()])
        terms = rising + x * np.log(expected / (shape + expected)) - shape * np.log1p(expected / shape)
    return np.asarray((terms * times).sum(axis=1))


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
