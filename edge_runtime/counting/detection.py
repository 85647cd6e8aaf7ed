"""How many called cells exceed the blank, and the parasitaemia that would be seen: Currie's threshold and limit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting.corrected import paired_draws, shares_behind
from edge_runtime.counting.intervals import checked_counts, normal_quantile
from edge_runtime.counting.known_slides import DRAWS, SEED, KnownSlides


@dataclass(frozen=True)
class CurrieCounts:
    """Net counts above the expected blank, in cells, not rounded.

    Attributes:
        threshold: decision threshold L_C; a net count above it is called detected.
        limit: limit of detection L_D; a true net count that large is called detected with probability 1 - beta.
    """

    threshold: float
    limit: float

    def to_json(self) -> dict[str, float]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class DetectionLimit:
    """What the cells counted so far can detect.

    Attributes:
        counted: red cells counted.
        threshold: called cells (gross, blanks included) from which parasites count as detected.
        limit: true share of infected cells that reaches the threshold with probability 1 - beta, 0..1; None when
            not even a slide full of parasites would.
        floor: limit that no number of cells can beat, because slides differ in their blank rate and the blank and the
            sensitivity are known from few slides; 0..1, None as for ``limit``.
        alpha: probability at most to call parasites detected on a slide without any.
        beta: probability to miss a slide at the limit.
        blank_source: where the blank rate was measured.
    """

    counted: int
    threshold: int
    limit: float | None
    floor: float | None
    alpha: float
    beta: float
    blank_source: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def currie_counts(
    blank: float, spread: float = 0.0, paired: bool = False, alpha: float = 0.05, beta: float = 0.05
) -> CurrieCounts:
    """Currie's closed formulae (1968) in the overdispersed Poisson form, a normal approximation.

    ``L_C = z_a s0`` and ``L_D = L_C + z_b sqrt(L_D + s0^2)``, with ``s0^2 = B + spread^2`` for a blank known well and
    ``2 B + spread^2`` for one counted once beside the sample (paired). Without spread and at 5 % these are his 1.645
    sqrt(B) and 2.71 + 3.29 sqrt(B), or 2.33 sqrt(B) and 2.71 + 4.65 sqrt(B). Below about 5 expected blanks the
    approximation fails (it would detect at any cell when B = 0): use :func:`detection_limit`.

    Args:
        blank: expected false cells B, 0 or more.
        spread: standard deviation of the expected false cells between slides, in cells.
        paired: the blank was counted on as many cells as the sample.
        alpha: false detections tolerated, above 0, up to 0.5.
        beta: misses tolerated at the limit, above 0, up to 0.5.

    Raises:
        ValueError: a figure out of range.
    """
    if not (blank >= 0 and spread >= 0 and math.isfinite(blank + spread)):
        raise ValueError(f"A blank of {blank} cells with a spread of {spread} is out of range; both are 0 or more.")
    z_a, z_b = (normal_quantile(1 - _risk(risk)) for risk in (alpha, beta))
    variance = blank * (2 if paired else 1) + spread * spread
    threshold = z_a * math.sqrt(variance)
    # Larger root of (L_D - L_C)^2 = z_b^2 (L_D + s0^2).
    half = threshold + z_b * z_b / 2
    limit = half + math.sqrt(max(half * half - threshold * threshold + z_b * z_b * variance, 0.0))
    return CurrieCounts(threshold, limit)


def detection_limit(
    counted: int,
    blank: KnownSlides,
    sensitivity: KnownSlides | None = None,
    alpha: float = 0.05,
    beta: float = 0.05,
    draws: int = DRAWS,
    seed: int = SEED,
) -> DetectionLimit:
    """Currie's decision threshold and limit of detection without the normal approximation.

    The called cells of a slide are binomial around that slide's own blank rate, which is drawn from what the known
    slides say about the next one (see :mod:`edge_runtime.counting.known_slides`), so the spread between slides and the
    finite blank data both raise the threshold. It is the least count that a slide without parasites reaches with
    probability alpha at most; the limit is the share that falls short of it with probability beta.

    Args:
        counted: red cells, 1 or more.
        blank: parasite-free slides.
        sensitivity: infected cells of known truth; None takes it as 1.
        alpha: above 0, up to 0.5.
        beta: above 0, up to 0.5.

    Raises:
        ValueError: a figure out of range.
        NotConclusive: infected cells are called no more often than blank ones.
    """
    _, counted = checked_counts(0, counted)
    alpha, beta = _risk(alpha), _risk(beta)
    blanks, found = paired_draws(blank, sensitivity, draws, seed)
    generator = np.random.default_rng([seed, 3])
    called = np.sort(generator.binomial(counted, blanks))
    threshold = int(called[math.ceil((1 - alpha) * draws) - 1]) + 1
    limit = None
    if threshold <= counted:
        # P(X < c | p) = P(Beta(c, n - c + 1) > p), so the limit is a quantile of the share behind such a rate.
        rates = generator.beta(threshold, counted - threshold + 1, draws)
        limit = _share_or_none(shares_behind(rates, blanks, found), beta)
    return DetectionLimit(
        counted=counted,
        threshold=threshold,
        limit=limit,
        floor=_floor(blanks, found, alpha, beta),
        alpha=alpha,
        beta=beta,
        blank_source=blank.source,
    )


def _floor(blanks: np.ndarray, found: np.ndarray, alpha: float, beta: float) -> float | None:
    """The limit for endless counting: each slide's rate is seen exactly, its blank rate still is not."""
    high = np.full(len(blanks), np.quantile(blanks, 1 - alpha, method="higher"))
    return _share_or_none(shares_behind(high, blanks, found), beta)


def _share_or_none(shares: np.ndarray, beta: float) -> float | None:
    share = float(np.quantile(shares, 1 - beta, method="higher"))
    return max(share, 0.0) if share <= 1 else None


def _risk(risk: float) -> float:
    if not 0 < risk <= 0.5:
        raise ValueError(f"A risk of {risk} is out of range; it lies above 0 and up to 0.5.")
    return risk
