"""Evaluate logits on labelled cells: one JSON-able document with every figure, interval, curve and warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edge_runtime.core.card import OperatingPoints, OutputContract
from edge_runtime.errors import BadData, WrongUsage
from train.metrics.blank_rate import blank_rate
from train.metrics.bootstrap import LEVEL, REPLICATES, Estimate, bootstrap
from train.metrics.calibration import calibrated
from train.metrics.collapse import inspect_predictions
from train.metrics.curves import patient_rows, precision_recall, reliability, roc, thresholds, worst_patients
from train.metrics.metrics import METRICS, NO_CELLS, ece_floor
from train.metrics.patient_sums import (
    AT_SENSITIVITY,
    AT_SPECIFICITY,
    HELD_SENSITIVITY,
    HELD_SPECIFICITY,
    PatientSums,
    sum_by_patient,
)

THRESHOLD = 0.5
_RATES = ("sensitivity", "specificity", "precision")
_MACRO_REASON = "no patient has the cells it needs"


def evaluate(
    labels: np.ndarray,
    logits: np.ndarray,
    patients: Sequence[str] | None,
    output: OutputContract,
    points: OperatingPoints,
    replicates: int = REPLICATES,
    seed: int = 0,
    remedy: str | None = None,
) -> dict[str, Any]:
    """Measure everything there is to measure on one set of cells.

    Args:
        labels: int [n], 1 parasitized.
        logits: [n], before temperature and bias.
        patients: n names, or None when unknown; images are resampled then, which flatters the intervals.
        output: calibration to apply.
        points: the two operating points on the calibrated P.
        replicates: bootstrap resamplings.
        seed: of the bootstrap and of the ECE floor.
        remedy: what to do where the classes look exchanged, the end of a sentence.

    Returns:
        Plain JSON values, never NaN: an undefined figure is null with a ``reason``. Keys: ``cells``, ``patients``,
        ``calibration``, ``interval``, ``metrics``, ``patient_macro``, ``at_fixed``, ``confusion``,
        ``operating_points``, ``ece_floor``, ``blank_rate``, ``predictions``, ``curves``, ``per_patient``,
        ``worst_patients``, ``warnings``, ``notes``.

    Raises:
        WrongUsage: there are no cells.
        BadData: logits are not finite, or the lengths differ.
    """
    truth, z = np.asarray(labels).astype(int), np.asarray(logits, dtype=float)
    _check(truth, z, patients)
    p = calibrated(z, output)
    sums = sum_by_patient(truth, p, patients, z, THRESHOLD)
    metrics = _pooled(sums, replicates, seed)
    document: dict[str, Any] = {
        "cells": {"total": len(truth), "parasitized": int(truth.sum()), "uninfected": int((1 - truth).sum())},
        "patients": _patients(sums, patients),
        "threshold": THRESHOLD,
        "calibration": {"temperature": output.temperature, "bias": output.bias},
        "interval": _interval(patients, replicates, seed),
        "metrics": {name: metrics[name] for name in METRICS},
        "patient_macro": None if patients is None else _macro(sums, replicates, seed),
        "at_fixed": {
            "sensitivity": {"specificity": HELD_SPECIFICITY, **metrics[AT_SPECIFICITY]},
            "specificity": {"sensitivity": HELD_SENSITIVITY, **metrics[AT_SENSITIVITY]},
        },
        "confusion": asdict(sums.table),
        "operating_points": {
            name: _at_threshold(truth, p, patients, threshold, replicates, seed)
            for name, threshold in asdict(points).items()
        },
        "ece_floor": {
            "pooled": asdict(ece_floor(p, seed=seed)),
            "patient_macro": None if patients is None else asdict(ece_floor(p, sums.patient, seed=seed)),
        },
        "blank_rate": _blank(sums, p, points.count) if patients is not None else None,
        "predictions": asdict(inspect_predictions(truth, p, remedy)),
        "curves": _curves(truth, z, p),
        **_each_patient(sums, patients),
    }
    document["warnings"], document["notes"] = _warnings(document), _notes(document)
    plain: dict[str, Any] = _plain(document)
    return plain


def _check(truth: np.ndarray, z: np.ndarray, patients: Sequence[str] | None) -> None:
    if not len(truth):
        raise WrongUsage("There is nothing to evaluate: " + NO_CELLS + " in this part of the data.")
    if len(z) != len(truth) or (patients is not None and len(patients) != len(truth)):
        raise BadData(f"{len(truth)} labels came with {len(z)} logits; every cell needs one of each and a patient.")
    if not np.all(np.isfinite(z)):
        raise BadData(
            f"{int(np.sum(~np.isfinite(z)))} of {len(z)} logits are not finite; the model is broken, train it again."
        )


def _entry(estimate: Estimate, reason: str | None) -> dict[str, Any]:
    document = estimate.to_json()
    return {**document, "reason": reason} if estimate.value is None else document


def _interval(patients: Sequence[str] | None, replicates: int, seed: int) -> dict[str, Any]:
    """How the intervals come about."""
    return {
        "method": "percentile bootstrap",
        "resampled": "images" if patients is None else "patients",
        "level": LEVEL,
        "replicates": replicates,
        "seed": seed,
    }


def _pooled(sums: PatientSums, replicates: int, seed: int) -> dict[str, dict[str, Any]]:
    """The figures over all cells, by their names in :data:`train.metrics.patient_sums.POOLED`."""
    reasons = sums.reasons()
    estimates = bootstrap(sums.pooled, len(sums.names), replicates, seed)
    return {name: _entry(estimate, reasons[name]) for name, estimate in estimates.items()}


def _macro(sums: PatientSums, replicates: int, seed: int) -> dict[str, Any]:
    estimates = bootstrap(sums.macro, len(sums.names), replicates, seed)
    return {
        name: {
            **_entry(estimates[name], _MACRO_REASON),
            "patients": int(np.isfinite(sums.per_patient[name]).sum()),
        }
        for name in METRICS
    }


def _patients(sums: PatientSums, patients: Sequence[str] | None) -> dict[str, Any] | None:
    if patients is None:
        return None
    infected = sums.counts[:, 0] + sums.counts[:, 3] > 0
    return {
        "total": len(sums.names),
        "infected": int(infected.sum()),
        "healthy": int((~infected).sum()),
        "cells_min": int(sums.cells.min()),
        "cells_median": float(np.median(sums.cells)),
        "cells_max": int(sums.cells.max()),
    }


def _at_threshold(
    truth: np.ndarray, p: np.ndarray, patients: Sequence[str] | None, threshold: float, replicates: int, seed: int
) -> dict[str, Any]:
    sums = sum_by_patient(truth, p, patients, threshold=threshold)
    estimates = bootstrap(sums.rates, len(sums.names), replicates, seed)
    reasons = sums.reasons()
    return {
        "threshold": threshold,
        "confusion": asdict(sums.table),
        **{name: _entry(estimates[name], reasons[name]) for name in _RATES},
    }


def _blank(sums: PatientSums, p: np.ndarray, threshold: float) -> dict[str, Any] | None:
    """Blank rate of this model on the healthy patients of these cells, at the counting threshold."""
    healthy = sums.counts[:, 0] + sums.counts[:, 3] == 0
    if not healthy.any():
        return None
    called = np.bincount(sums.patient, weights=p >= threshold, minlength=len(sums.names)).astype(int)
    rate = blank_rate(called[healthy], sums.cells[healthy].astype(int))
    return {"threshold": threshold, **rate.to_json()}


def _curves(truth: np.ndarray, z: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    return {
        "roc": _dict(roc(truth, z)),
        "precision_recall": _dict(precision_recall(truth, z)),
        "reliability": _dict(reliability(truth, p)),
        "thresholds": _dict(thresholds(truth, p)),
    }


def _each_patient(sums: PatientSums, patients: Sequence[str] | None) -> dict[str, list[dict[str, Any]]]:
    rows = () if patients is None else patient_rows(sums)
    return {
        "per_patient": [asdict(row) for row in rows],
        "worst_patients": [asdict(row) for row in worst_patients(rows)],
    }


def _warnings(document: Mapping[str, Any]) -> list[str]:
    warnings = []
    if document["predictions"]["message"]:
        warnings.append(document["predictions"]["message"])
    if document["patients"] is None:
        warnings.append(
            "No patient is known for these images, so images were resampled: intervals are too narrow, and the figures "
            "are flattering if a patient also has images in training."
        )
    elif document["patients"]["total"] < 20:
        warnings.append(f"Patients are few ({document['patients']['total']}), so the intervals are rough.")
    error, floor = document["metrics"]["ece"]["value"], document["ece_floor"]["pooled"]
    if error > floor["p95"]:
        warnings.append(
            f"The calibration error {error:.4f} is above what chance gives a perfectly calibrated model on so many "
            f"cells (mean {floor['mean']:.4f}, 95th percentile {floor['p95']:.4f})."
        )
    return warnings


def _notes(document: Mapping[str, Any]) -> list[str]:
    floor = document["ece_floor"]
    notes = [
        f"By chance alone a perfectly calibrated model would show an ECE of {floor['pooled']['mean']:.4f} on these "
        f"cells (95th percentile {floor['pooled']['p95']:.4f})."
    ]
    if floor["patient_macro"]:
        notes.append(
            "As a mean over patients the ECE is raised by chance, because a patient has few cells a bin: the perfectly "
            f"calibrated model would show {floor['patient_macro']['mean']:.4f}."
        )
    return notes


def _dict(curve: Any) -> dict[str, Any] | None:
    return None if curve is None else asdict(curve)


def _plain(value: Any) -> Any:
    """Tuples to lists, so that the document equals its own JSON round trip."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
