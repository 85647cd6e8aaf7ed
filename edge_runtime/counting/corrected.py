"""Rogan and Gladen's correction for missed and false cells, with an interval that knows how little is known of both."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.intervals import checked_counts, checked_level, rule_of_three
from edge_runtime.counting.known_slides import DRAWS, SEED, KnownSlides, next_slide_rates
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
    draws: int = DRAWS,
    seed: int = SEED,
) -> CorrectedRate:
    """Correct a machine's count (Rogan and Gladen 1978): ``(p - b) / (s - b)`` with p = infected / counted.

    The interval is a seeded Monte Carlo inversion of a test. For a true share t the count is binomial with rate
    ``s t + b (1 - t)``; b is drawn from what the known slides say about the next slide, s likewise, and t is rejected
    when so few (or so many) called cells have mid-P probability below half of ``1 - level`` over these draws. Since a
    binomial tail is a beta tail, that is the quantile of ``(P - b) / (s - b)`` with P from Beta(x, n - x + 1) or
    Beta(x + 1, n - x) in equal parts (melding, Fay, Proschan and Brittain 2015; averaging over b and s, Cousins and
    Highland 1992). For the upper end the probability is divided by that at t = 0 (Read 2002), so a count below the
    expected blank never passes for proof of fewer parasites than the same count without any blank.

    Never apply it to cells that a person has reviewed: their blanks are gone already.

    Args:
        infected: cells called infected, 0..counted; a cell with several parasites counts once.
        counted: all red cells counted, 1 or more.
        blank: parasite-free slides.
        sensitivity: infected cells of known truth; None leaves missed cells uncorrected (taken as 1).
        level: confidence.
        draws: Monte Carlo draws; with 20,000 the standard error of an end is 0.5 to 3 % of the interval's width.
        seed: same seed, same interval.

    Raises:
        ValueError: counts or level out of range.
        NotConclusive: infected cells are called no more often than blank ones, so nothing can be said.
    """
    infected, counted = checked_counts(infected, counted)
    tail = (1 - checked_level(level)) / 2
    blanks, found = paired_draws(blank, sensitivity, draws, seed)
    called = 1.0 if sensitivity is None else sensitivity.rate
    unclipped = (infected / counted - blank.rate) / (called - blank.rate)
    positives = _positive_rates(infected, counted, draws, np.random.default_rng([seed, 2]))
    shares = shares_behind(positives, blanks, found)
    # Order statistics: the low one of all draws, the high one of those above 0 only, counted down from the top.
    rank = math.floor(tail * (draws - 1))
    above = math.floor(tail * max(0, int((shares > 0).sum()) - 1))
    ordered = np.partition(shares, (rank, draws - 1 - above))
    low, high = max(0.0, float(ordered[rank])), min(1.0, max(0.0, float(ordered[draws - 1 - above])))
    # With nearly every draw below zero too few are left for a quantile: then what no cell of so many excludes holds.
    high = max(high, min(1.0, rule_of_three(counted, level) / called))
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
        method=f"Rogan-Gladen, gamma spread between slides, mid-P by Monte Carlo ({draws} draws, seed {seed})",
    )


def paired_draws(
    blank: KnownSlides, sensitivity: KnownSlides | None, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Blank rate and sensitivity that the next slide may have: two float64 [draws].

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
    blanks = next_slide_rates(blank, draws, seed)
    found = np.ones(draws) if sensitivity is None else next_slide_rates(sensitivity, draws, seed + 1)
    return blanks, found


def shares_behind(positives: np.ndarray, blanks: np.ndarray, found: np.ndarray) -> np.ndarray:
    """True share of infected cells for each draw; infinite where the draw's model tells nothing apart."""
    excess, gain = positives - blanks, found - blanks
    return np.where(gain > 0, excess / np.where(gain > 0, gain, 1.0), np.where(excess > 0, np.inf, 0.0))


def _positive_rates(infected: int, counted: int, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Half from the lower, half from the upper exact confidence distribution of the raw rate (mid-P)."""
    half = draws // 2
    lower = generator.beta(infected, counted - infected + 1, half) if infected else np.zeros(half)
    rest = draws - half
    upper = generator.beta(infected + 1, counted - infected, rest) if infected < counted else np.ones(rest)
    return np.concatenate([lower, upper])
