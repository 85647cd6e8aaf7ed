"""Training on some patients and judging others: what one fold of a cross-validation does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import WrongUsage
from train.calibration import enough_for_bias, fit_calibration
from train.dataset import Cells
from train.run import Run
from train.splits import patient_folds

if TYPE_CHECKING:
    from train.recipe import Recipe

# Of a fold's training patients so many in one give up training, to stop early and to calibrate on.
_VALIDATION = 7


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

    from train.cache import load_pixels
    from train.part import Part
    from train.replicas import strategy_for
    from train.scoring import keras_logits
    from train.training import Network, configure
    from train.two_phase import train_two_phases

    assert cells.patients is not None
    names = [cells.patients[i] for i in learnt]
    pieces = patient_folds(cells.labels[learnt], names, min(_VALIDATION, len(set(names))), recipe.seed)
    training, validation = learnt[pieces != 0], learnt[pieces == 0]
    for part, rows in (("training", training), ("validation", validation)):
        if len(np.unique(cells.labels[rows])) < 2:
            raise WrongUsage(f"{name} would have one class in {part}; use fewer folds or more patients.")
    configure(recipe)
    keras.utils.set_random_seed(recipe.seed)
    network = Network(**run.config["network"])
    cache = run.config.get("cache")
    pixels = load_pixels(cells, run.contract, None if cache is None else Path(cache))
    with strategy_for().scope():
        trained = train_two_phases(
            network.build(recipe.dropout),
            run.contract,
            Part(pixels, targets, training),
            Part(pixels, cells.labels.astype(np.float32), validation),
            recipe,
            network.pretrained,
            checkpoint,
        )
    scores = keras_logits(trained.model, run.contract, pixels[np.concatenate([validation, judged])])
    many = enough_for_bias([cells.patients[i] for i in validation])
    fitted = fit_calibration(scores[: len(validation)], cells.labels[validation], many)
    return np.asarray(scores[len(validation) :] / fitted.temperature + fitted.bias)
