"""Binomial intervals without SciPy: Wilson, exact (Clopper and Pearson), and the rule of three."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from operator import index
from statistics import NormalDist

_TINY = 1e-300
_MOST_TERMS = 100_000
_MOST_STEPS = 1_100  # halving alone reaches the least float in so many


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval of a rate.

    Attributes:
        low: lower end, 0..1.
        high: upper end, low..1.
        level: confidence, for instance 0.95.
        method: "wilson", "exact" or "corrected".
    """

    low: float
    high: float
    level: float
    method: str

    def to_json(self) -> dict[str, float | str]:
        """Plain JSON values."""
        return asdict(self)


def wilson(infected: int, counted: int, level: float = 0.95) -> Interval:
    """Score interval (Wilson 1927): close to nominal on average, may fall below it at some rates.

    ``(p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)``

    Args:
        infected: cells counted as infected, 0..counted.
        counted: all red cells counted, 1 or more.
        level: confidence, above 0 and below 1.

    Raises:
        ValueError: a figure out of its range.
    """
    infected, counted = checked_counts(infected, counted)
    z = normal_quantile((1 + checked_level(level)) / 2)
    p = infected / counted
    middle = p + z * z / (2 * counted)
    half = z * math.sqrt(p * (1 - p) / counted + z * z / (4 * counted * counted))
    scale = 1 + z * z / counted
    # Rounding must not leave 1e-20 where the formula gives exactly 0 or 1.
    low = 0.0 if infected == 0 else (middle - half) / scale
    high = 1.0 if infected == counted else (middle + half) / scale
    return Interval(low, high, level, "wilson")


def exact(infected: int, counted: int, level: float = 0.95) -> Interval:
    """Exact interval (Clopper and Pearson 1934): covers at least ``level`` whatever the rate, usually more.

    Its ends are quantiles of Beta(x, n - x + 1) and Beta(x + 1, n - x). Arguments and errors as :func:`wilson`.
    """
    infected, counted = checked_counts(infected, counted)
    tail = (1 - checked_level(level)) / 2
    low = 0.0 if infected == 0 else beta_quantile(tail, infected, counted - infected + 1)
    return Interval(low, exact_upper(infected, counted, 1 - tail), level, "exact")


def exact_upper(infected: int, counted: int, level: float = 0.95) -> float:
    """Exact one-sided upper bound: the rate at which so few infected cells have probability ``1 - level``.

    The quantile of Beta(x + 1, n - x); arguments and errors as :func:`wilson`.
    """
    infected, counted = checked_counts(infected, counted)
    return 1.0 if infected == counted else beta_quantile(checked_level(level), infected + 1, counted - infected)


def rule_of_three(counted: int, level: float = 0.95) -> float:
    """Rate that no infected cell among ``counted`` excludes: ``1 - ((1 - level) / 2)^(1 / n)``, about 3.7 / n.

    The upper end of :func:`exact`, two-sided like every interval here, so that one zero has one upper limit. (The rule
    of three, Hanley and Lippman-Hand 1983, is its one-sided form, 3 / n.) It is about the share of positive cells:
    neither missed cells nor false ones are in it.

    Returns:
        A rate in 0..1.

    Raises:
        ValueError: nothing counted, or a level out of range.
    """
    _, counted = checked_counts(0, counted)
    return -math.expm1(math.log((1 - checked_level(level)) / 2) / counted)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8).

    Args:
        x: 0..1.
        a: above 0.
        b: above 0.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"I_x(a, b) needs x in 0..1 and a, b above 0, not x = {x}, a = {a}, b = {b}.")
    if x in (0.0, 1.0):
        return x
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The fraction converges fast on one side of the mean only; the other side is its mirror image.
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1 - x, b, a) / b)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """x with I_x(a, b) = probability: Newton's steps inside a bracket that is halved where they would leave it.

    Raises:
        ValueError: a probability outside 0..1, or a, b not above 0.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"A probability lies in 0..1, not {probability}.")
    if probability in (0.0, 1.0):
        return probability
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_MOST_STEPS):
        excess = beta_cdf(x, a, b) - probability
        if excess < 0:
            low = x
        else:
            high = x
        density = math.exp(min(constant + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x), 700.0))
        ahead = x - excess / density if density > 0 else 0.0
        if not low < ahead < high:
            ahead = (low + high) / 2
        if abs(ahead - x) <= 1e-14 * x or ahead in (0.0, 1.0):
            return ahead
        x = ahead
    return x


def gamma_quantile(probability: float, shape: float) -> float:
    """x with P(shape, x) = probability, of the gamma distribution of scale 1, to 1e-9, by halving.

    Args:
        probability: above 0, below 1.
        shape: above 0.
    """
    low, high = 0.0, shape + 1.0
    while gamma_cdf(high, shape) < probability:
        low, high = high, 2 * high
    while high - low > 1e-10 * high and high > 1e-300:
        middle = (low + high) / 2
        low, high = (middle, high) if gamma_cdf(middle, shape) < probability else (low, middle)
    return (low + high) / 2


def gamma_cdf(x: float, shape: float) -> float:
    """Regularised lower incomplete gamma function P(shape, x), by its series (Abramowitz and Stegun 6.5.29).

    The series has positive terms only and converges for every x, in about x terms beyond the shape.

    Args:
        x: 0 or more.
        shape: above 0.
    """
    if x <= 0:
        return 0.0
    term = total = 1.0
    n = 0
    while term > 1e-17 * total:
        n += 1
        term *= x / (shape + n)
        total += term
    return min(1.0, math.exp(shape * math.log(x) - x - math.lgamma(shape + 1) + math.log(total)))


def normal_quantile(probability: float) -> float:
    """z with Phi(z) = probability, above 0 and below 1."""
    return NormalDist().inv_cdf(probability)


def checked_counts(infected: int, counted: int) -> tuple[int, int]:
    """Both as plain ints.

    Raises:
        ValueError: not whole numbers with 0 <= infected <= counted and counted at least 1.
    """
    try:
        x, n = index(infected), index(counted)
    except TypeError as error:
        raise ValueError(f"Cells are whole numbers, not {infected!r} of {counted!r}.") from error
    if n < 1 or not 0 <= x <= n:
        raise ValueError(
            f"{x} infected of {n} cells is no count; it takes 0 <= infected <= counted and a cell at least."
        )
    return x, n


def checked_level(level: float) -> float:
    """The level as it is.

    Raises:
        ValueError: it does not lie above 0 and below 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"A confidence level lies above 0 and below 1, not at {level}.")
    return level


def _fraction(x: float, a: float, b: float) -> float:
    """Continued fraction of I_x(a, b) by Lentz's method."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 + term * d
            c = 1 + term / c
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value
    return value
