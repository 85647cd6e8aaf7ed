"""A trained model of a run measured: calibration, operating points, scores, and the evaluation of the test patients."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.core.card import OperatingPoints, OutputContract
from train.data.tables import read_csv, write_csv, write_json
from train.evaluate.out_of_fold import out_of_fold, teacher_scores, together
from train.evaluate.report_header import run_header
from train.evaluate.results import evaluate_scores
from train.evaluate.scores import Scores, split_warnings
from train.metrics.calibration import calibrated, enough_for_bias, fit_calibration
from train.metrics.collapse import inspect_predictions
from train.metrics.operating_points import count_point, operating_points, review_point
from train.network.keras_logits import keras_logits
from train.runs.run import Run

if TYPE_CHECKING:
    import keras


def measure_run(run: Run, model: keras.Model, pixels: np.ndarray, warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    """Calibrate on validation patients, choose the operating points, score and evaluate the test patients.

    Args:
        warnings: what training found, for the metrics and the report.
    """
    rows = run.indices("val", "test")
    logits = np.full(len(run.cells), math.nan)
    logits[rows] = keras_logits(model, run.contract, pixels[rows])
    patients = run.cells.patients or ("",) * len(run.cells)
    write_csv(
        run.path / "scores.csv",
        ("path", "label", "patient", "part", "logit"),
        ((run.cells.paths[i], int(run.cells.labels[i]), patients[i], run.parts[i], float(logits[i])) for i in rows),
    )
    output, points, details = calibrate(run, logits)
    write_json(
        run.path / "calibration.json",
        {"output": asdict(output), "operating_points": asdict(points), **details},
    )
    test = run.indices("test")
    found = inspect_predictions(run.cells.labels[test], calibrated(logits[test], output))
    if found.message is not None:
        note(f"WARNING: {found.message}")
    cells, warnings = run.cells.subset(test), (*split_warnings(run), *warnings)
    scores = Scores(cells, logits[test], output, points, run_header(run, cells, "test"), warnings)
    return evaluate_scores(scores, run.path)


def calibrate(run: Run, logits: np.ndarray) -> tuple[OutputContract, OperatingPoints, dict[str, Any]]:
    """Temperature, bias and the two operating points of a model of the run.

    Temperature and bias come from the validation patients; the bias is left at 0 where these are too few to tell one
    (:func:`train.metrics.calibration.enough_for_bias`). The operating points come from them and from out-of-fold scores
    of the training patients, where the run has some: healthy patients are few. Of those without, what a teacher's
    models said joins for counting, which healthy patients decide.

    Args:
        logits: float64 [n] for all cells of the run; only those of validation patients are read.

    Returns:
        What goes on the card, and the details of how it was found.
    """
    rows = run.indices("val")
    chosen = run.cells.subset(rows)
    fitted = fit_calibration(logits[rows], chosen.labels, enough_for_bias(chosen.patients))
    output = OutputContract(temperature=fitted.temperature, bias=fitted.bias)
    labels, probabilities, patients = chosen.labels, calibrated(logits[rows], output), chosen.patients
    own = out_of_fold(run)
    sisters = teacher_scores(run, own)
    evidence = together(labels, probabilities, patients, own)
    review = review_point(*evidence[:2])
    count = count_point(*together(*evidence, sisters), at_least=review.threshold)
    points_from = "validation patients"
    if own is not None:
        points_from += " and the run's folds of training patients"
    if sisters is not None:
        points_from += ", counting also by the teacher's out-of-fold scores"
    details = {
        "calibration": asdict(fitted),
        "points_from": points_from,
        "review": asdict(review),
        "count": count.to_json(),
    }
    return output, operating_points(review, count), details


def read_scores(path: Path) -> dict[str, float]:
    """``scores.csv`` of a run: logit by image path."""
    return {row["path"]: float(row["logit"]) for row in read_csv(path)}
