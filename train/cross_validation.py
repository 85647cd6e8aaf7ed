"""Grouped cross-validation of a run's recipe: every cell is judged by a model that has not seen its patient."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.core.decision import probability
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.splits import patient_folds
from train.data.tables import read_csv, write_csv, write_json
from train.metrics.metrics import auc
from train.runs.run import Run
from train.trainer.one_fold import TEACHER_FOLDS, check_folds, teacher_folds, train_and_judge

if TYPE_CHECKING:
    from train.trainer.recipe import Recipe

_COLUMNS = ("path", "label", "patient", "fold", "logit", "probability")


@dataclass(frozen=True)
class CrossValidated:
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


def cross_validate(run: Run, folds: int, part: str = "all") -> CrossValidated:
    """Train the run's recipe once for each fold and score the fold; a fold that is done is not trained again.

    Args:
        run: its network, recipe and data are taken; it need not have finished.
        folds: how many, at least 2 and at most one a patient.
        part: "all", or the part whose cells alone are folded ("train": scores that may teach another model without
            a look at the test patients).

    A run with a teacher has one made for each fold, by cross-validating the recipe within the patients that the fold
    learns from: the run's own teacher knows the labels of those the fold is judged on.

    Raises:
        WrongUsage: patients are unknown, too many or too few folds, or a class is missing in one.
        BadData: the images have changed since the run was started.
    """
    from train.trainer.recipe import recipe_of

    if run.cells.patients is None:
        raise WrongUsage("Folds need patients: cells of one patient on both sides would flatter every figure.")
    if run.cells.fingerprint != run.config["data"]["fingerprint"]:
        raise BadData(f"The images under {run.cells.root} have changed since {run.path} was started; start a new run.")
    rows = np.arange(len(run.cells)) if part == "all" else run.indices(part)
    cells = run.cells.subset(rows)
    assert cells.patients is not None
    recipe, weight = recipe_of(run.config), run.config.get("teacher_weight")
    fold = patient_folds(cells.labels, cells.patients, folds, recipe.seed)
    check_folds(cells, fold, recipe.seed, weight is not None)
    folder = run.path / "folds" / f"{part}-{folds}"
    folder.mkdir(parents=True, exist_ok=True)
    logits = np.full(len(cells), math.nan)
    for number in range(folds):
        name = f"fold {number + 1} of {folds}"
        logits[fold == number] = judge_fold(run, cells, fold, number, recipe, folder, name, weight)
    judged = CrossValidated(cells, fold, logits, folder)
    _write(folder / "scores.csv", cells, fold, np.arange(len(cells)), logits)
    write_json(folder / "folds.json", {"folds": folds, "part": part, "spread": judged.spread()})
    return judged


def judge_fold(
    run: Run, cells: Cells, fold: np.ndarray, number: int, recipe: Recipe, folder: Path, name: str, weight: float | None
) -> np.ndarray:
    """Logits of one fold's cells, from its file or from a training on the other folds.

    Args:
        run: its network, input and cache are taken.
        cells: n cells with patients.
        fold: int [n], the fold of each cell, negative where it takes no part.
        number: the fold to judge.
        recipe: how the network is trained.
        folder: where the fold's scores and an interrupted training are kept.
        name: of the fold, for people.
        weight: of a teacher that is made anew from the other folds' cells; None for a training by labels alone.

    Returns:
        float64 [k], calibrated logits of the fold's cells in their order.

    Raises:
        BadData: the kept scores are of other cells, or damaged.
        WrongUsage: a class is missing among the cells learnt from.
    """
    kept, checkpoint = folder / f"fold-{number}.csv", folder / f"fold-{number}.npz"
    judged = np.flatnonzero(fold == number)
    if not kept.is_file():
        learnt = np.flatnonzero((fold >= 0) & (fold != number))
        targets = cells.labels.astype(np.float32)
        if weight is not None:
            teacher = _teach(run, cells, learnt, recipe, folder / f"fold-{number}-teacher", name)
            targets[learnt] = (1 - weight) * targets[learnt] + weight * teacher
        note(f"{name}: {len(judged)} cells to judge")
        logits = np.full(len(cells), math.nan)
        logits[judged] = train_and_judge(run, cells, learnt, judged, targets, recipe, checkpoint, name)
        _write(kept, cells, fold, judged, logits)
    checkpoint.unlink(missing_ok=True)
    return _read(kept, [cells.paths[i] for i in judged])


def _teach(run: Run, cells: Cells, learnt: np.ndarray, recipe: Recipe, folder: Path, name: str) -> np.ndarray:
    """Out-of-fold probabilities of the cells that a fold learns from, by models that saw no other cells."""
    fold = teacher_folds(cells, learnt, recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    logits = np.full(len(cells), math.nan)
    for number in range(TEACHER_FOLDS):
        called = f"{name}, teacher {number + 1} of {TEACHER_FOLDS}"
        logits[fold == number] = judge_fold(run, cells, fold, number, recipe, folder, called, None)
    return probability(logits[learnt])


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
                probability(float(logits[i])),
            )
            for i in rows
        ),
    )


def _read(path: Path, paths: list[str]) -> np.ndarray:
    try:
        found = {row["path"]: float(row["logit"]) for row in read_csv(path)}
        return np.array([found[one] for one in paths])
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadData(f"{path} is damaged or of other folds ({error}); delete it to train this fold again.") from error


def point_warnings(run: Run, part: str) -> tuple[str, ...]:
    """What a reader of figures at the run's thresholds on its own folds must know."""
    if not run.finished:
        return ("The run has not finished, so it has no thresholds of its own; review and count stand at P 0.5.",)
    if run.cells.patients is None:
        return ()
    # Folds and a teacher's scores are of training patients.
    parts = ("val",) if run.points_from == "validation patients" else ("train", "val")
    rows = range(len(run.cells)) if part == "all" else run.indices(part)
    common = {run.cells.patients[i] for i in run.indices(*parts)} & {run.cells.patients[i] for i in rows}
    if not common:
        return ()
    return (
        f"Review and count were chosen on scores of the run's patients ({run.points_from}), {len(common)} of whom are "
        "among these cells: figures at these points flatter.",
    )
