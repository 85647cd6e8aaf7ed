"""How many called cells exceed the blank, and the parasitaemia that would be seen: Currie's threshold and limit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.counting.corrected import machine_optics
from edge_runtime.counting.intervals import checked_counts, normal_quantile
from edge_runtime.counting.known_slides import KnownSlides
from edge_runtime.counting.melding import Optics, rising_root
from edge_runtime.counting.next_slide import RateDistribution, next_slide
from edge_runtime.counting.tails import BetaTails, log_mean


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
) -> DetectionLimit:
    """Currie's decision threshold and limit of detection without the normal approximation.

    The called cells of a slide are binomial around that slide's own blank rate, averaged over what the known slides say
    about the next one (see :mod:`edge_runtime.counting.next_slide`), so the spread between slides and the finite blank
    data both raise the threshold. It is the least count that a slide without parasites reaches with probability alpha
    at most; the limit is the share that falls short of it with probability beta.

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
    seen = machine_optics(blank, sensitivity)
    threshold = _threshold(counted, next_slide(blank), alpha)
    return DetectionLimit(
        counted=counted,
        threshold=threshold,
        limit=_limit(counted, threshold, seen, beta) if threshold <= counted else None,
        floor=_floor(next_slide(blank).quantile(1 - alpha), seen, beta),
        alpha=alpha,
        beta=beta,
        blank_source=blank.source,
    )


def _threshold(counted: int, blank: RateDistribution, alpha: float) -> int:
    """Least count whose probability without parasites is alpha at most; counted + 1 where none is so rare."""
    bound = math.log(alpha)

    def rare(count: int) -> bool:
        # P(X >= c | p) = P(Beta(c, n - c + 1) < p)
        return log_mean(BetaTails(count, counted - count + 1).log_cdf(blank.rates), blank.weights) <= bound

    short, enough = 0, min(counted + 1, 1 + int(2 * counted * float(blank.rates @ blank.weights)))
    while enough <= counted and not rare(enough):
        short, enough = enough, min(2 * enough, counted + 1)
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if rare(middle) else (middle, enough)
    return enough


def _limit(counted: int, threshold: int, seen: Optics, beta: float) -> float | None:
    """Share that falls short of the threshold with probability beta; None where all cells infected would, too."""
    tails, bound = BetaTails(threshold, counted - threshold + 1), math.log(beta)

    def missed(share: float) -> float:
        return log_mean(tails.log_sf(seen.rates(share)), seen.weights) - bound

    if missed(1.0) > 0:
        return None
    return rising_root(lambda share: -missed(share), threshold / counted)


def _floor(high: float, seen: Optics, beta: float) -> float | None:
    """The limit for endless counting: each slide's rate is seen exactly, its blank rate still is not."""
    share = seen.quantile(high, 1 - beta)
    return max(share, 0.0) if share <= 1 else None


def _risk(risk: float) -> float:
    if not 0 < risk <= 0.5:
        raise ValueError(f"A risk of {risk} is out of range; it lies above 0 and up to 0.5.")
    return risk
