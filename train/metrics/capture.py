"""Capture curve of patients: which part of their infected cells a ranking puts before most of their healthy ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.counting import CaptureCurve, CurveSource, capture_curve, depths

# A review by rank ends at a depth of about 2 %, which fewer healthy cells cannot tell from none; and fewer infected
# ones say nothing of how patients differ.
LEAST_HEALTHY, LEAST_INFECTED = 50, 10


def patient_depths(
    labels: np.ndarray, scores: np.ndarray, patients: Sequence[str], least: tuple[int, int] | None = None
) -> dict[str, np.ndarray]:
    """Depths of each patient's infected cells among the patient's own healthy cells.

    Args:
        labels: int [n], 1 parasitized.
        scores: float [n], higher is more suspicious; they need to compare within a patient only.
        patients: n names.
        least: healthy and infected cells below which a patient is left out; None for :data:`LEAST_HEALTHY` and
            :data:`LEAST_INFECTED`.

    Returns:
        By name, float64 [infected cells], 0..1; patients with too few cells of a class are missing.
    """
    healthy_least, infected_least = least or (LEAST_HEALTHY, LEAST_INFECTED)
    truth, values, names = np.asarray(labels) == 1, np.asarray(scores, dtype=float), np.asarray(patients, dtype=object)
    found: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(patients):
        own = names == name
        infected, healthy = values[own & truth], values[own & ~truth]
        if len(healthy) >= healthy_least and len(infected) >= infected_least:
            found[name] = depths(infected, healthy)
    return found


def patient_curve(found: Sequence[np.ndarray], source: CurveSource = CurveSource.CARD) -> CaptureCurve | None:
    """The curve of patients' depths in an order that does not say who they are; None without any."""
    if not found:
        return None
    return capture_curve(sorted((np.sort(one).tolist() for one in found), key=lambda one: (len(one), one)), source)
