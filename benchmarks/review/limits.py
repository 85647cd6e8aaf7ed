"""What a slide of so many cells shows at all: reviewed by rank, above the review point, and by the machine's count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.review.slides import ReviewSlide
from edge_runtime.core.card import OperatingPoints
from edge_runtime.counting import KnownSlides, detection_limit
from edge_runtime.counting.enough import RUN
from edge_runtime.errors import NotConclusive

BETA = 0.05  # slides at the limit that show no parasite
TOPS = (0.01, 0.02, 0.04, 0.1)


def limits(slides: Sequence[ReviewSlide], points: OperatingPoints, counted: int) -> dict[str, Any]:
    """Shares of infected cells from which 95 % of slides show one, or are called positive.

    Reviewed, a slide shows a parasite when one of its infected cells is looked at: after 96 clean cells, or when all
    above the review point was looked at. The machine's count shows one when it exceeds what parasite-free slides
    explain (Currie, :func:`edge_runtime.counting.detection.detection_limit`); blanks and sensitivity are those of the
    slides.

    Returns:
        "review", "review_point" and "machine": shares, 0..1; None where not even a slide full of parasites would.
    """
    looked = np.array([float((slide.depths < RUN / counted).mean()) for slide in slides])
    flagged = np.array([float((slide.infected >= points.review).mean()) for slide in slides])
    blank = KnownSlides(
        tuple(int((slide.healthy >= points.count).sum()) for slide in slides),
        tuple(len(slide.healthy) for slide in slides),
    )
    known = KnownSlides(
        tuple(int((slide.infected >= points.count).sum()) for slide in slides),
        tuple(len(slide.infected) for slide in slides),
    )
    return {
        "counted": counted,
        "review": _shows_one(looked, counted),
        "review_point": _shows_one(flagged, counted),
        "machine": _machine(counted, blank, known),
    }


def capture(slides: Sequence[ReviewSlide]) -> dict[str, Any]:
    """Shares of infected cells that stand above all but so many of their slide's healthy ones, by stage."""
    at = np.concatenate([slide.depths for slide in slides])
    kinds = np.array([kind for slide in slides for kind in slide.kinds], dtype=object)
    groups = [("all", np.ones(len(at), dtype=bool)), *((kind, kinds == kind) for kind in dict.fromkeys(kinds))]
    return {
        "tops": list(TOPS),
        "kinds": [
            {"kind": kind, "cells": int(own.sum()), "shares": [float((at[own] < top).mean()) for top in TOPS]}
            for kind, own in groups
        ],
    }


def _machine(counted: int, blank: KnownSlides, known: KnownSlides) -> float | None:
    try:
        return detection_limit(counted, blank, known).limit
    except NotConclusive:  # infected cells are called no more often than healthy ones
        return None


def _shows_one(captured: np.ndarray, counted: int) -> float | None:
    """The share at which a twentieth of slides has none of its infected cells found.

    Args:
        captured: part of each slide's infected cells that is found, 0..1.
    """

    def missed(share: float) -> float:
        return float(np.mean((1 - share * captured) ** counted))

    if missed(1.0) > BETA:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if missed(middle) > BETA else (low, middle)
    return high
