"""The two thresholds of a model: a sensitive one that sends cells to a person, a strict one that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.core.card import OperatingPoints
from edge_runtime.core.decision import probability
from edge_runtime.counting import between_slide_sds, exact
from edge_runtime.errors import NotConclusive
from train.metrics.blank_rate import HEALTHY, BlankRate, blank_rate

REVIEW_SENSITIVITY = 0.99
# A count of 5,000 red cells (WHO) is what the strict threshold is made for.
COUNTED_CELLS = 5_000
# Even steps of the log-odds, from 0.5 to 0.99999.
_CANDIDATES = probability(np.arange(0, 11.6, 0.1))
_Z = 1.6449  # 5 % false alarms, 5 % missed (Currie 1968)
# Limits this close to the best are not told apart by a few healthy patients; the laxest of them finds most cells.
_AS_GOOD = 4 / 3
# Patients differ in how well their parasites are found. The limit is that of a patient whom only one in 20 falls short
# of, where there are enough patients with enough infected cells to tell.
_SHORT = 0.05
_ENOUGH_CELLS, _ENOUGH_PATIENTS = 10, 20


@dataclass(frozen=True)
class ReviewPoint:
    """The highest threshold that still finds enough.

    Attributes:
        threshold: on P(parasitized).
        sensitivity: share of parasitized validation cells at or above it.
        low: lower end of the exact 95 % interval of that share (independent cells).
        high: upper end.
        specificity: share of uninfected validation cells below it.
        parasitized: validation cells it was chosen on.
    """

    threshold: float
    sensitivity: float
    low: float
    high: float
    specificity: float
    parasitized: int


@dataclass(frozen=True)
class CountPoint:
    """The threshold for counting: nearly the lowest limit of detection, and of those the most infected cells found.

    Attributes:
        threshold: on P(parasitized).
        sensitivity: share of parasitized cells at or above it.
        low_sensitivity: the same in a patient whom one in 20 falls short of; the pooled share where patients are too
            few to tell.
        detection_limit: share of infected cells that a count of 5,000 detects with 95 % confidence in such a patient; 1
            when no threshold detects anything there (the laxest allowed one is taken then).
        blank: blank rate with every healthy patient judged by the threshold that the others would have chosen, so
            that the choice does not flatter the rate.
        blank_at_threshold: blank rate of all healthy patients at the threshold itself.
        source: where the healthy cells come from.
    """

    threshold: float
    sensitivity: float
    low_sensitivity: float
    detection_limit: float
    blank: BlankRate
    blank_at_threshold: BlankRate
    source: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the card and the report."""
        return asdict(self)


def review_point(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float = REVIEW_SENSITIVITY) -> ReviewPoint:
    """Highest threshold with at least ``sensitivity`` on validation cells.

    Args:
        labels: int [n], 1 parasitized.
        probabilities: calibrated P(parasitized) [n].
        sensitivity: 0..1.

    Raises:
        NotConclusive: there is no parasitized cell.
    """
    truth, p = np.asarray(labels) == 1, np.asarray(probabilities, dtype=float)
    falling = np.sort(p[truth])[::-1]
    if not len(falling):
        raise NotConclusive("The review threshold needs parasitized cells among the validation patients, found none.")
    threshold = float(falling[int(np.ceil(sensitivity * len(falling) - 1e-9)) - 1])
    found = int(np.sum(p[truth] >= threshold))
    healthy = p[~truth]
    sure = exact(found, len(falling))
    return ReviewPoint(
        threshold=threshold,
        sensitivity=found / len(falling),
        low=sure.low,
        high=sure.high,
        specificity=float(np.mean(healthy < threshold)) if len(healthy) else float("nan"),
        parasitized=len(falling),
    )


def count_point(
    labels: np.ndarray, probabilities: np.ndarray, patients: Sequence[str] | None, at_least: float = 0.5
) -> CountPoint:
    """Choose the strict threshold from the blank rate on healthy patients.

    Of thresholds in even steps of the log-odds the laxest is taken whose limit of detection is at most a third above
    the lowest one (near the minimum the limit is flat, while the share of cells found falls steeply); Currie 1968:
    ``(2 z s + z^2 / N) / (sensitivity - blank)`` with ``s^2 = b (1 - b) (1 / N + 1 / n) + d^2 (1 + 1 / k)``; b the
    blank rate from n cells of k healthy patients, (x + 0.5) / (n + 1) so that no rate is taken for zero, d its
    standard deviation between patients, N the 5,000 cells of a count, and the sensitivity ``low_sensitivity``: a
    strict threshold that finds most cells on the whole can miss nearly all of one patient's.

    Args:
        labels: int [n], 1 parasitized.
        probabilities: calibrated, out-of-fold P(parasitized) [n].
        patients: n names; healthy is who has no parasitized cell. Without such patients (or None) the uninfected
            cells of everybody serve, and ``source`` says so.
        at_least: no threshold below this one (the review threshold, or 0.5).

    Raises:
        NotConclusive: a class is missing.
    """
    truth, p = np.asarray(labels) == 1, np.asarray(probabilities, dtype=float)
    if truth.all() or not truth.any():
        raise NotConclusive("The counting threshold needs parasitized and uninfected cells; one class is missing.")
    called, cells, source = _healthy(truth, p, patients)
    floor = min(at_least, float(_CANDIDATES[-1]))
    too_lax: np.ndarray = np.less(_CANDIDATES, floor)
    found = np.array([np.mean(p[truth] >= threshold) for threshold in _CANDIDATES])
    low = _low_sensitivity(truth, p, patients, found)

    def choose(people: np.ndarray) -> tuple[int, float]:
        limits = np.where(too_lax, np.inf, _detection_limit(called[people], cells[people], low))
        if not np.isfinite(limits).any():  # nothing is detected in such a patient, whatever the threshold
            return int(np.argmin(too_lax)), float("inf")
        best = int(np.argmax(limits <= _AS_GOOD * np.min(limits)))
        return best, float(limits[best])

    everybody = np.arange(len(cells))
    best, limit = choose(everybody)
    # With one group nobody can be left out; the rate then is the flattering one, and both are shown.
    left_out = [best if len(cells) < 2 else choose(np.delete(everybody, i))[0] for i in everybody]
    return CountPoint(
        threshold=float(_CANDIDATES[best]),
        sensitivity=float(found[best]),
        low_sensitivity=float(low[best]),
        detection_limit=min(limit, 1.0),
        blank=blank_rate(called[everybody, left_out], cells, source),
        blank_at_threshold=blank_rate(called[:, best], cells, source),
        source=source,
    )


def operating_points(review: ReviewPoint, count: CountPoint) -> OperatingPoints:
    """What goes on the card; counting is never laxer than review."""
    return OperatingPoints(review=review.threshold, count=max(count.threshold, review.threshold))


def _healthy(truth: np.ndarray, p: np.ndarray, patients: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Cells called infected [k, thresholds] and cells [k] of each healthy patient, and who they are."""
    names = np.zeros(len(p), dtype="<U1") if patients is None else np.asarray(patients).astype(str)
    infected = np.unique(names[truth])
    chosen, source = ~np.isin(names, infected), HEALTHY
    if not chosen.any():
        chosen, source = ~truth, "uninfected cells of infected patients, for lack of healthy ones"
    people, index = np.unique(names[chosen], return_inverse=True)
    cells = np.bincount(index)
    called = [np.bincount(index, weights=p[chosen] >= threshold, minlength=len(people)) for threshold in _CANDIDATES]
    return np.stack(called, axis=1).astype(int), cells, source


def _low_sensitivity(
    truth: np.ndarray, p: np.ndarray, patients: Sequence[str] | None, pooled: np.ndarray
) -> np.ndarray:
    """Sensitivity at each candidate that all but one in 20 patients reach; ``pooled`` where too few can tell."""
    if patients is None:
        return pooled
    people, index = np.unique(np.asarray(patients).astype(str)[truth], return_inverse=True)
    cells = np.bincount(index)
    enough = cells >= _ENOUGH_CELLS
    if enough.sum() < _ENOUGH_PATIENTS:
        return pooled
    found = [np.bincount(index, weights=p[truth] >= threshold, minlength=len(people)) for threshold in _CANDIDATES]
    return np.asarray(np.quantile((np.stack(found) / cells)[:, enough], _SHORT, axis=1))


def _detection_limit(called: np.ndarray, cells: np.ndarray, found: np.ndarray) -> np.ndarray:
    n, k = cells.sum(), len(cells)
    blank = (called.sum(axis=0) + 0.5) / (n + 1)
    spread = between_slide_sds(called, cells)
    variance = blank * (1 - blank) * (1 / COUNTED_CELLS + 1 / n) + spread**2 * (1 + 1 / k)
    signal = 2 * _Z * np.sqrt(variance) + _Z**2 / COUNTED_CELLS
    gain = found - blank
    return np.where(gain > 0, signal / np.where(gain > 0, gain, 1), np.inf)
