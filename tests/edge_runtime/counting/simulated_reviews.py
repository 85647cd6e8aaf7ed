"""Slides with a ranking of known quality, reviewed from the top: what the statistics of a review are simulated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.counting import Batch, CaptureCurve, CurveSource, capture_curve, enough_clean, exact, ranked_count

# Depths of infected cells are Beta(0.105, 48.5 / f), f lognormal between slides: 93, 96, 98.5 and 99.7 % within the top
# 1, 2, 4 and 10 %, and of one slide in ten fewer than 86 % within its top 1 %.
_SHAPE, _RATE, _SPREAD = 0.105, 48.5, 0.8
PAGE = 24


@dataclass(frozen=True)
class Slide:
    """Healthy cells, and the depth of each infected one."""

    counted: int
    depths: np.ndarray

    @property
    def infected(self) -> int:
        return len(self.depths)


@dataclass(frozen=True)
class Outcome:
    """Of many reviewed slides of one prevalence."""

    coverage: float
    looked: float
    width: float


def slide(counted: int, infected: int, generator: np.random.Generator) -> Slide:
    rate = _RATE * np.exp(-_SPREAD * generator.standard_normal())
    healthy = counted - infected
    ahead = np.floor(generator.beta(_SHAPE, rate, infected) * (healthy + 1)).clip(0, healthy)
    return Slide(counted, np.sort(ahead) / max(healthy, 1))


def control_slides(slides: int, generator: np.random.Generator) -> CaptureCurve:
    """Reviewed completely: 2,000 cells each, 10 infected or more."""
    known = [slide(2_000, max(10, int(generator.binomial(2_000, 0.02))), generator).depths for _ in range(slides)]
    return capture_curve([depths.tolist() for depths in known], CurveSource.OWN)


def look(one: Slide, looked: int) -> Batch:
    """The review of its first cells."""
    healthy = one.counted - one.infected
    ranks = np.rint(one.depths * healthy).astype(int) + np.arange(one.infected)
    found = int(np.searchsorted(ranks, looked))
    return Batch(one.counted, looked, found, looked - (int(ranks[found - 1]) + 1 if found else 0))


def review(one: Slide) -> Batch:
    """Page by page until it is enough."""
    looked = 0
    while True:
        looked = min(looked + PAGE, one.counted)
        batch = look(one, looked)
        if enough_clean([batch]).reached:
            return batch


def simulate(prevalence: float, slides: int, seed: int, counted: int = 5_000, controls: int = 10) -> Outcome:
    generator = np.random.default_rng(seed)
    held, looked, width = 0, [], []
    for _ in range(slides):
        curve = control_slides(controls, generator)
        one = slide(counted, int(generator.binomial(counted, prevalence)), generator)
        batch = review(one)
        found, full = ranked_count([batch], curve), exact(one.infected, counted)
        held += found.low <= prevalence <= found.high
        looked.append(batch.looked)
        width.append((found.high - found.low) / (full.high - full.low))
    return Outcome(held / slides, float(np.median(looked)), float(np.median(width)))
