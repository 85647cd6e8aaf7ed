"""The blank rate: how often healthy cells are called infected, how patients differ in it, and what that excludes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.counting import between_slide_sd, exact, exact_upper, red_cells, rounded_up

# Density for sentences only, where none was measured (WHO's convention).
_RED_CELLS = int(red_cells().per_microlitre)


@dataclass(frozen=True)
class BlankRate:
    """Share of uninfected cells called infected at one threshold.

    Attributes:
        rate: pooled share, 0..1.
        low: lower end of the exact 95 % interval (Clopper and Pearson 1934) for independent cells.
        high: upper end.
        upper: exact one-sided 95 % upper bound.
        between_patient_sd: standard deviation of the true rate between patients (beta-binomial, moments); 0 when
            the patients differ no more than chance makes them, None with fewer than two patients.
        positives: cells called infected.
        cells: cells looked at.
        patients: healthy patients they come from.
        worst_patient: highest share in one patient.
        per_patient: ``cells`` and ``called`` of each patient in the order of these counts, which names nobody; what a
            count's correction needs to carry the spread between patients.
        statement: in words, what so many patients and cells exclude, and what they do not.
    """

    rate: float
    low: float
    high: float
    upper: float
    between_patient_sd: float | None
    positives: int
    cells: int
    patients: int
    worst_patient: float
    per_patient: dict[str, list[int]]
    statement: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the card and the report."""
        return asdict(self)


HEALTHY = "healthy patients"


def blank_rate(positives: np.ndarray, cells: np.ndarray, source: str = HEALTHY) -> BlankRate:
    """Estimate the blank rate from healthy patients.

    Args:
        positives: int [k], cells called infected in each patient.
        cells: int [k], cells of each patient, at least 1.
        source: who they are; where not healthy patients, the statement says so and draws no conclusion about people.

    Raises:
        ValueError: no patients, or more positives than cells.
    """
    called, looked = np.asarray(positives, dtype=int), np.asarray(cells, dtype=int)
    if not len(looked) or np.any(looked < 1) or np.any(called > looked) or np.any(called < 0):
        raise ValueError("A blank rate needs at least one healthy patient, each with 0 to all of its cells called.")
    x, n, k = int(called.sum()), int(looked.sum()), len(looked)
    sure = exact(x, n)
    counts = sorted(zip(looked.tolist(), called.tolist(), strict=True))
    return BlankRate(
        rate=x / n,
        low=sure.low,
        high=sure.high,
        upper=exact_upper(x, n),
        between_patient_sd=None if k < 2 else between_slide_sd(called.tolist(), looked.tolist()),
        positives=x,
        cells=n,
        patients=k,
        worst_patient=float(np.max(called / looked)),
        per_patient={"cells": [cells for cells, _ in counts], "called": [found for _, found in counts]},
        statement=_statement(x, n, k) if source == HEALTHY else _for_want_of_healthy(x, n, source),
    )


def _statement(positives: int, cells: int, patients: int) -> str:
    seen = (
        f"{positives:,} of {cells:,} cells of {patients} healthy patients were called infected "
        f"({positives / cells:.2%}). If cells were independent, that would exclude a blank rate above "
        f"{_density(exact_upper(positives, cells))} with 95 % confidence."
    )
    limit = (
        " With no cell called, a spread between patients cannot be seen either."
        if positives == 0
        else f" Had no cell been called, so many would still exclude only more than {_density(exact_upper(0, cells))}."
    )
    unseen = 1 - 0.05 ** (1 / patients)
    return (
        f"{seen}{limit} {patients} patients cannot exclude that {unseen:.0%} of healthy people have a higher rate than "
        "any of them."
    )


def _for_want_of_healthy(positives: int, cells: int, source: str) -> str:
    return (
        f"{positives:,} of {cells:,} {source}, were called infected ({positives / cells:.2%}). No healthy patient was "
        "there to measure a blank rate on, so this stands in for it and excludes nothing."
    )


def _density(rate: float) -> str:
    """An upper limit and the false parasites it stands for, both rounded up."""
    share = math.ceil(rate * 1e4 - 1e-9) / 1e4  # hundredths of a percent
    return f"{share:.2%} ({rounded_up(rate * _RED_CELLS):,.0f} parasites per microlitre at {_RED_CELLS:,} red cells)"
