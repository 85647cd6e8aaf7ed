"""Training on some patients and judging others: what one fold of a cross-validation does, and whether it can."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import WrongUsage
from train.data.dataset import Cells
from train.data.splits import patient_folds
from train.metrics.calibration import enough_for_bias, fit_calibration
from train.runs.run import Run

if TYPE_CHECKING:
    from train.trainer.recipe import Recipe

# Of a fold's training patients so many in one give up training, to stop early and to calibrate on.
_VALIDATION = 7
TEACHER_FOLDS = 3  # of a fold's own teacher


def check_folds(cells: Cells, fold: np.ndarray, seed: int, taught: bool, numbers: Iterable[int] | None = None) -> None:
    """Refuse folds of which one could not be trained, before hours go into the others.

    Args:
        cells: n cells with patients.
        fold: int [n], the fold of each cell, negative where it takes no part.
        seed: of the recipe.
        taught: whether each fold makes a teacher of its own.
        numbers: the folds that are to be judged; None for all.

    Raises:
        WrongUsage: a class is missing among the cells one learns from, or stops and calibrates on.
    """
    folds = int(fold.max()) + 1
    for number in range(folds) if numbers is None else numbers:
        name = f"fold {number + 1} of {folds}"
        learnt = np.flatnonzero((fold >= 0) & (fold != number))
        divide(cells, learnt, seed, name)
        if taught:
            inner = teacher_folds(cells, learnt, seed)
            for one in range(TEACHER_FOLDS):
                called = f"{name}, teacher {one + 1} of {TEACHER_FOLDS}"
                divide(cells, np.flatnonzero((inner >= 0) & (inner != one)), seed, called)


def teacher_folds(cells: Cells, learnt: np.ndarray, seed: int) -> np.ndarray:
    """int [n], folds of the patients that a fold learns from, for its teacher; -1 for all other cells."""
    assert cells.patients is not None
    fold = np.full(len(cells), -1)
    fold[learnt] = patient_folds(cells.labels[learnt], [cells.patients[i] for i in learnt], TEACHER_FOLDS, seed)
    return fold


def divide(cells: Cells, learnt: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Cells of a fold to train on, and those of other patients to stop and calibrate on.

    Args:
        learnt: int [k], cells whose patients may be learnt from.
        seed: of the recipe.
        name: of the fold, for the error.

    Raises:
        WrongUsage: a class is missing in one of the two, or there is but one patient.
    """
    assert cells.patients is not None
    names = [cells.patients[i] for i in learnt]
    if len(set(names)) < 2:
        raise WrongUsage(f"{name} would learn from one patient and have none to stop on; give more patients.")
    pieces = patient_folds(cells.labels[learnt], names, min(_VALIDATION, len(set(names))), seed)
    training, validation = learnt[pieces != 0], learnt[pieces == 0]
    for part, rows in (("training", training), ("validation", validation)):
        for label, what in ((1, "parasitized"), (0, "uninfected")):
            if label not in cells.labels[rows]:
                raise WrongUsage(f"{name} would have no {what} cell in {part}; give more patients with such cells.")
    return training, validation


def train_and_judge(
    run: Run,
    cells: Cells,
    learnt: np.ndarray,
    judged: np.ndarray,
    targets: np.ndarray,
    recipe: Recipe,
    checkpoint: Path,
    name: str,
) -> np.ndarray:
    """Train the run's network on some patients' cells and score those of others.

    Args:
        run: whose network, input and cache are taken.
        cells: n cells with patients.
        learnt: int [k], cells whose patients may be learnt from; a seventh of these patients stop the training and
            calibrate.
        judged: int [m], cells to score; none of their patients is in ``learnt``.
        targets: float32 [n], what is learnt; validation and calibration go by the labels.
        recipe: how it is trained.
        checkpoint: where training keeps its state.
        name: of the fold, for errors.

    Returns:
        float64 [m], calibrated logits: their sigmoid is the probability.

    Raises:
        WrongUsage: a class is missing among the cells learnt from.
    """
    import keras

    from train.data.cache import load_pixels
    from train.network.keras_logits import keras_logits
    from train.network.network import Network
    from train.trainer.recipe import configure
    from train.trainer.replicas import strategy_for
    from train.trainer.training_set import TrainingSet, Untrained
    from train.trainer.two_phase import train_two_phases

    assert cells.patients is not None
    training, validation = divide(cells, learnt, recipe.seed, name)
    configure(recipe)
    keras.utils.set_random_seed(recipe.seed)
    network = Network(**run.config["network"])
    cache = run.config.get("cache")
    pixels = load_pixels(cells, run.contract, None if cache is None else Path(cache))
    with strategy_for().scope():
        trained = train_two_phases(
            Untrained(network.build(recipe.dropout), run.contract, network.pretrained),
            TrainingSet(pixels, targets, training),
            TrainingSet(pixels, cells.labels.astype(np.float32), validation),
            recipe,
            checkpoint,
        )
    scores = keras_logits(trained.model, run.contract, pixels[np.concatenate([validation, judged])])
    many = enough_for_bias([cells.patients[i] for i in validation])
    fitted = fit_calibration(scores[: len(validation)], cells.labels[validation], many)
    return np.asarray(scores[len(validation) :] / fitted.temperature + fitted.bias)
