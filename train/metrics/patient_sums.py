"""What a test set adds up to per patient, so that any resampling of patients is a few sums away from every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from train.metrics.metrics import BINS, METRICS, Confusion, bin_of, ece_of_bins, explain_undefined, rates_of_counts
from train.metrics.ranking import (
    Ranking,
    auc_of_counts,
    average_precision_of_counts,
    best_sensitivity_of_counts,
    best_specificity_of_counts,
    cumulative_counts,
    rank,
    ratio,
)

# The figures the project promises: one rate while the other is held.
HELD_SPECIFICITY = 0.975
HELD_SENSITIVITY = 0.965
AT_SPECIFICITY = f"sensitivity_at_specificity_{HELD_SPECIFICITY}"
AT_SENSITIVITY = f"specificity_at_sensitivity_{HELD_SENSITIVITY}"
POOLED = (*METRICS, AT_SPECIFICITY, AT_SENSITIVITY)
# Enough cells at once to keep NumPy busy, few enough to stay in the cache and small on a Pi.
_CHUNK = 1_000_000


@dataclass(frozen=True)
class PatientSums:
    """Sums per patient of one model's answers.

    Attributes:
        names: the patients, u of them, sorted.
        patient: int [n], index into ``names`` of each cell.
        labels: int [n], 1 parasitized.
        counts: float [u, 4]: tp, fp, tn, fn.
        squared: float [u], sum of squared errors of P.
        bins: float [u, 3, bins]: cells, sum of P, parasitized cells.
        ranking: of the n scores.
    """

    names: tuple[str, ...]
    patient: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    squared: np.ndarray
    bins: np.ndarray
    ranking: Ranking

    @property
    def table(self) -> Confusion:
        """The confusion counts of all cells."""
        return Confusion(*(int(total) for total in self.counts.sum(axis=0)))

    def pooled(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Micro metrics, every cell counting alike.

        Args:
            weights: [r, u], how often each patient was drawn in each of r resamplings.

        Returns:
            :data:`POOLED` names to float [r], NaN where undefined.
        """
        drawn = np.asarray(weights, dtype=float)
        result = self.rates(drawn)
        result["brier"] = ratio(drawn @ self.squared, drawn @ self.cells)
        sums = np.tensordot(drawn, self.bins, axes=1)
        result["ece"] = ece_of_bins(sums[:, 0], sums[:, 1], sums[:, 2])
        ranked = [self._ranked(part) for part in _chunks(drawn, len(self.labels))]
        for name in ranked[0]:
            result[name] = np.concatenate([part[name] for part in ranked])
        return {name: result[name] for name in POOLED}

    def rates(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The threshold metrics alone, without the ranking: cheap. Weights and result as in :meth:`pooled`."""
        return rates_of_counts(*(np.asarray(weights, dtype=float) @ self.counts).T)

    def macro(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Patient-macro metrics: the mean over the drawn patients in whom a metric is defined.

        Args:
            weights: [r, u], as in :meth:`pooled`.
        """
        drawn = np.asarray(weights, dtype=float)
        result = {}
        for name, values in self.per_patient.items():
            defined = np.isfinite(values)
            result[name] = ratio(drawn @ np.where(defined, values, 0.0), drawn @ defined)
        return result

    @cached_property
    def cells(self) -> np.ndarray:
        """float [u], cells per patient."""
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def per_patient(self) -> dict[str, np.ndarray]:
        """:data:`train.metrics.metrics.METRICS` of each patient alone, float [u], NaN where undefined.

        Precision is left undefined in patients without parasitized cells: it could only be 0, whatever the model.
        """
        result = rates_of_counts(*self.counts.T)
        result["precision"][np.isnan(result["sensitivity"])] = np.nan
        result["brier"] = ratio(self.squared, self.cells)
        result["ece"] = ece_of_bins(self.bins[:, 0], self.bins[:, 1], self.bins[:, 2])
        areas = np.full((2, len(self.names)), np.nan)
        position = np.empty(len(self.labels))
        # Places in the ranking, ties sharing one, stand in for the scores.
        position[self.ranking.order] = -np.searchsorted(self.ranking.ends, np.arange(len(self.labels)))
        by_patient = np.argsort(self.patient, kind="stable")
        borders = np.cumsum(np.bincount(self.patient, minlength=len(self.names)))[:-1]
        for i, members in enumerate(np.split(by_patient, borders)):
            tp, fp = cumulative_counts(self.labels[members], rank(position[members]))
            areas[:, i] = auc_of_counts(tp, fp), average_precision_of_counts(tp, fp)
        result["auc"], result["average_precision"] = areas
        return {name: result[name] for name in METRICS}

    def reasons(self) -> dict[str, str | None]:
        """Why a pooled metric is undefined, None where it is not."""
        values = {name: float(value[0]) for name, value in self.pooled(np.ones((1, len(self.names)))).items()}
        return {name: measure.reason for name, measure in explain_undefined(values, self.table).items()}

    def _ranked(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        tp, fp = cumulative_counts(self.labels, self.ranking, weights[:, self.patient[self.ranking.order]])
        return {
            "auc": auc_of_counts(tp, fp),
            "average_precision": average_precision_of_counts(tp, fp),
            AT_SPECIFICITY: best_sensitivity_of_counts(tp, fp, HELD_SPECIFICITY),
            AT_SENSITIVITY: best_specificity_of_counts(tp, fp, HELD_SENSITIVITY),
        }


def sum_by_patient(
    labels: np.ndarray,
    probabilities: np.ndarray,
    patients: Sequence[str] | None,
    scores: np.ndarray | None = None,
    threshold: float = 0.5,
) -> PatientSums:
    """Add a test set up.

    Args:
        labels: int [n], n at least 1, 1 parasitized.
        probabilities: P(parasitized) [n].
        patients: n names; when None every image stands for itself.
        scores: what to rank by [n]; the probabilities when None.
        threshold: a cell is called parasitized at or above this P.

    Raises:
        ValueError: no cells, or lengths that differ.
    """
    truth, p = np.asarray(labels).astype(int), np.asarray(probabilities, dtype=float)
    ranked = p if scores is None else np.asarray(scores, dtype=float)
    if not len(truth) or not len(truth) == len(p) == len(ranked) == len(patients if patients is not None else truth):
        raise ValueError(f"Labels, probabilities, scores and patients must be equally many; {len(truth)} labels came.")
    if patients is None:
        names, patient = np.arange(len(truth)).astype(str), np.arange(len(truth))
    else:
        names, patient = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    called = (p >= threshold).astype(int)
    outcome = np.where(truth == 1, np.where(called == 1, 0, 3), np.where(called == 1, 1, 2))
    units = len(names)
    counts = np.bincount(patient * 4 + outcome, minlength=units * 4).reshape(units, 4)
    cell = patient * BINS + bin_of(p)
    bins = [np.bincount(cell, weights=w, minlength=units * BINS).reshape(units, BINS) for w in (None, p, truth)]
    return PatientSums(
        names=tuple(str(name) for name in names),
        patient=patient,
        labels=truth,
        counts=counts.astype(float),
        squared=np.bincount(patient, weights=(p - truth) ** 2, minlength=units),
        bins=np.stack(bins, axis=1).astype(float),
        ranking=rank(ranked),
    )


def _chunks(weights: np.ndarray, cells: int) -> list[np.ndarray]:
    return np.array_split(weights, max(1, -(-len(weights) * cells // _CHUNK)))
