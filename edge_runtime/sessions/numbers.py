"""Figures as people read them: shares in percent, parasites per microlitre, counts of things."""

from __future__ import annotations

import math

from edge_runtime.counting import rounded_up


def percent(share: float) -> str:
    """A share of 1 as ``0.24 %``, two digits that count (three from 10 % up)."""
    value = 100 * share
    if value >= 99.95 or value == 0:
        return f"{value:.0f} %"
    if value >= 10:
        return f"{value:.1f} %"
    digits = 0
    while digits < 8 and value * 10**digits < 10:
        digits += 1
    return f"{value:.{digits}f} %"


def per_microlitre(value: float) -> str:
    """Cells per microlitre to two digits, for instance ``12,000/µL``."""
    if value >= 100:
        zeros = len(str(int(value))) - 2
        value = round(value / 10**zeros) * 10**zeros
    return f"{value:,.0f}/µL"


def percent_up(share: float) -> str:
    """An upper limit as :func:`percent` shows it, never lower than it is."""
    return percent(min(rounded_up(share, 3 if share >= 0.1 else 2), 1.0))


def per_microlitre_up(value: float) -> str:
    """An upper limit as :func:`per_microlitre` shows it, never lower than it is."""
    return per_microlitre(rounded_up(value) if value >= 10 else math.ceil(value))


def number(count: int, what: str) -> str:
    """A count of things, for instance ``1,200 cells`` or ``1 cell``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
