"""Grouped cross-validation of a run's recipe: every cell is judged by a model that has not seen its patient."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.card import OutputContract
from edge_runtime.console import note
from edge_runtime.errors import BadData, WrongUsage
from train.calibration import calibrated, enough_for_bias, fit_calibration
from train.dataset import Cells
from train.metrics import auc
from train.run import Run, write_csv, write_json
from train.splits import patient_folds

if TYPE_CHECKING:
    from train.recipe import Recipe

_COLUMNS = ("path", "label", "patient", "fold", "logit", "probability")
# Of a fold's training patients so many in one give up training, to stop early and to calibrate on.
_VALIDATION = 7


@dataclass(frozen=True)
class Folded:
    """Out-of-fold scores.

    Attributes:
        cells: the cells, n of them.
        fold: int [n], the fold whose model judged each.
        logits: float64 [n], calibrated: temperature and bias of the fold's own validation patients are in them, so
            their sigmoid is the probability.
        folder: where they and what led to them are kept.
    """

    cells: Cells
    fold: np.ndarray
    logits: np.ndarray
    folder: Path

    def spread(self) -> list[dict[str, Any]]:
        """Fold by fold: cells, patients, accuracy, AUC."""
        assert self.cells.patients is not None
        found = []
        for number in range(int(self.fold.max()) + 1):
            rows = np.flatnonzero(self.fold == number)
            labels = self.cells.labels[rows]
            area = auc(labels, self.logits[rows])
            found.append(
                {
                    "fold": number,
                    "cells": len(rows),
                    "patients": len({self.cells.patients[i] for i in rows}),
                    "accuracy": float(((self.logits[rows] > 0) == (labels == 1)).mean()),
                    "auc": area if math.isfinite(area) else None,
                }
            )
        return found


def cross_validate(run: Run, folds: int, part: str = "all") -> Folded:
    """Train the run's recipe once for each fold and score the fold; a fold that is done is not trained again.

    Args:
        run: its network, recipe and data are taken; it need not have finished.
        folds: how many, at least 2 and at most one a patient.
        part: "all", or the part whose cells alone are folded ("train": scores that may teach another model without
            a look at the test patients).

    Raises:
        WrongUsage: patients are unknown, too many or too few folds, or the run was taught by a teacher, whose
            targets already hold what other folds know.
        BadData: the images have changed since the run was started.
    """
    from train.training import recipe_of

    if run.cells.patients is None:
        raise WrongUsage("Folds need patients: cells of one patient on both sides would flatter every figure.")
    if run.config.get("teacher_weight") is not None:
        raise WrongUsage(
            f"{run.path} learnt from a teacher that knows the other folds' labels; fold its teacher's run."
        )
    if run.cells.fingerprint != run.config["data"]["fingerprint"]:
        raise BadData(f"The images under {run.cells.root} have changed since {run.path} was started; start a new run.")
    rows = np.arange(len(run.cells)) if part == "all" else run.indices(part)
    cells = run.cells.subset(rows)
    assert cells.patients is not None
    recipe = recipe_of(run.config)
    fold = patient_folds(cells.labels, cells.patients, folds, recipe.seed)
    folder = run.path / "folds" / f"{part}-{folds}"
    folder.mkdir(parents=True, exist_ok=True)
    logits = np.full(len(cells), math.nan)
    for number in range(folds):
        kept, checkpoint = folder / f"fold-{number}.csv", folder / f"fold-{number}.npz"
        scored = np.flatnonzero(fold == number)
        if not kept.is_file():
            note(f"fold {number + 1} of {folds}: {len(scored)} cells to judge")
            _train_fold(run, cells, fold, number, recipe, checkpoint, kept)
        checkpoint.unlink(missing_ok=True)
        logits[scored] = _read(kept, [cells.paths[i] for i in scored])
    folded = Folded(cells, fold, logits, folder)
    _write(folder / "scores.csv", cells, fold, np.arange(len(cells)), logits)
    write_json(folder / "folds.json", {"folds": folds, "part": part, "spread": folded.spread()})
    return folded


def _train_fold(
    run: Run, cells: Cells, fold: np.ndarray, number: int, recipe: Recipe, checkpoint: Path, kept: Path
) -> None:
    import keras

    from train.cache import load_pixels
    from train.part import Part
    from train.replicas import strategy_for
    from train.scoring import keras_logits
    from train.training import Network, configure
    from train.two_phase import train_two_phases

    assert cells.patients is not None
    learnt = np.flatnonzero(fold != number)
    names = [cells.patients[i] for i in learnt]
    pieces = patient_folds(cells.labels[learnt], names, min(_VALIDATION, len(set(names))), recipe.seed)
    training, validation, scored = learnt[pieces != 0], learnt[pieces == 0], np.flatnonzero(fold == number)
    for name, rows in (("training", training), ("validation", validation)):
        if len(np.unique(cells.labels[rows])) < 2:
            raise WrongUsage(f"Fold {number + 1} would have one class in {name}; use fewer folds or more patients.")
    configure(recipe)
    keras.utils.set_random_seed(recipe.seed)
    network = Network(**run.config["network"])
    cache = run.config.get("cache")
    pixels = load_pixels(cells, run.contract, None if cache is None else Path(cache))
    targets = cells.labels.astype(np.float32)
    with strategy_for().scope():
        trained = train_two_phases(
            network.build(recipe.dropout),
            run.contract,
            Part(pixels, targets, training),
            Part(pixels, targets, validation),
            recipe,
            network.pretrained,
            checkpoint,
        )
    judged = keras_logits(trained.model, run.contract, pixels[np.concatenate([validation, scored])])
    many = enough_for_bias([cells.patients[i] for i in validation])
    fitted = fit_calibration(judged[: len(validation)], cells.labels[validation], many)
    output = OutputContract(temperature=fitted.temperature, bias=fitted.bias)
    probabilities = calibrated(judged[len(validation) :], output)
    logits = np.full(len(cells), math.nan)
    logits[scored] = np.log(probabilities) - np.log1p(-probabilities)
    _write(kept, cells, fold, scored, logits)


def _write(path: Path, cells: Cells, fold: np.ndarray, rows: np.ndarray, logits: np.ndarray) -> None:
    assert cells.patients is not None
    patients = cells.patients
    write_csv(
        path,
        _COLUMNS,
        (
            (
                cells.paths[i],
                int(cells.labels[i]),
                patients[i],
                int(fold[i]),
                float(logits[i]),
                float(1 / (1 + math.exp(-logits[i]))),
            )
            for i in rows
        ),
    )


def _read(path: Path, paths: list[str]) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            found = {row["path"]: float(row["logit"]) for row in csv.DictReader(stream)}
        return np.array([found[one] for one in paths])
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"{path} is damaged or of other folds ({error}); delete it to train this fold again.") from error


def point_warnings(run: Run, part: str) -> tuple[str, ...]:
    """What a reader of figures at the run's thresholds on its own folds must know."""
    if not run.finished:
        return ("The run has not finished, so it has no thresholds of its own; review and count stand at P 0.5.",)
    if part in ("all", "val"):
        return ("Review and count were chosen on the run's validation patients, who are among these cells.",)
    return ()
