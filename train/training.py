"""One training from data folder to run directory: split, cache, two phases, calibration, scores, evaluation."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.core.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import BadData, WrongUsage
from train.architectures import Architecture, find
from train.data.cache import UnreadableCells, load_pixels
from train.data.dataset import note_contradictions, scan
from train.data.splits import split_cells
from train.data.teacher import TEACHER, read_teacher, soft_targets
from train.evaluate.out_of_fold import out_of_fold, teacher_scores, together
from train.metrics.calibration import calibrated, enough_for_bias, fit_calibration
from train.metrics.collapse import collapses_of, inspect_predictions
from train.metrics.operating_points import count_point, operating_points, review_point
from train.runs.provenance import require_images
from train.runs.run import Run, read_csv, versions, write_csv, write_json
from train.runs.starting import check_vacant, describe, lay_run
from train.trainer.augment import Augmentation
from train.trainer.recipe import Recipe
from train.trainer.replicas import check_compiled

if TYPE_CHECKING:
    import keras

_HISTORY = ("phase", "epoch", "loss", "val_loss", "val_auc", "called", "collapsed", "rate", "seconds")


@dataclass(frozen=True)
class Network:
    """Which network to build: family, input size in pixels, width multiplier, starting weights."""

    arch: str = "mobilenet_v2"
    size: int | None = None
    alpha: float = 1.0
    weights: str | None = "imagenet"

    @property
    def family(self) -> Architecture:
        """The family of networks."""
        return find(self.arch)

    @property
    def contract(self) -> InputContract:
        """Its input contract at the size asked for."""
        return self.family.contract(self.size or self.family.size)

    @property
    def pretrained(self) -> bool:
        """Whether training starts from learned weights."""
        return self.family.pretrained and self.weights is not None

    def settled(self) -> Network:
        """The same with the whole path of its weights file, for a run may go on from another folder.

        Raises:
            WrongUsage: no such file, or a network that takes none.
        """
        if self.weights in (None, "imagenet"):
            return self
        if not self.family.pretrained:
            raise WrongUsage(
                f"{self.arch} learns from nothing and takes no weights; leave out --weights {self.weights}."
            )
        if not Path(self.weights).is_file():
            raise WrongUsage(f"There is no weights file {self.weights}.")
        return replace(self, weights=os.path.abspath(self.weights))

    def build(self, dropout: float) -> keras.Model:
        """A fresh model."""
        return self.family.build(self.size or self.family.size, self.alpha, self.weights, dropout)


def start_run(
    out: Path,
    data: Path,
    network: Network,
    recipe: Recipe,
    patients: str | None = None,
    by_image: bool = False,
    skip_bad: bool = False,
    cache: Path | None = None,
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    teacher: Path | None = None,
    teacher_weight: float = 0.5,
    nested_teacher_weight: float | None = None,
) -> Run:
    """Read the data, split it and lay the run directory, the last of all; nothing is trained yet.

    Args:
        shares: of the images, for training, validation and test.
        teacher: soft targets, see :mod:`train.data.teacher`; copied into the run.
        teacher_weight: how much of the target they are.
        nested_teacher_weight: the same for a run without ``teacher``, of which only folds are trained: each fold
            makes a teacher of its own (:func:`train.cross_validation.cross_validate`).

    Raises:
        WrongUsage: ``out`` is not empty, or there is nothing to train on, or the teacher saw the test patients, or
            the network or this machine does not take what was asked for.
        EnvironmentLacks: the ImageNet weights cannot be downloaded here.
        BadData: the weights file is damaged or of another network, or no image can be read.
        UnreadableCells: some images are bad and ``skip_bad`` is False.
    """
    check_vacant(out, data, teacher)
    check_compiled(recipe.jit)
    network = network.settled()
    cells = scan(data, patients)
    if cells.ignored:
        note(f"{cells.ignored} hidden, system or other files ignored.")
    if network.pretrained:
        network.build(recipe.dropout)  # weights that cannot be had are noticed now, not after minutes of decoding
    try:
        load_pixels(cells, network.contract, cache)
    except UnreadableCells as error:
        if not skip_bad:
            raise
        if len(error.indices) == len(cells):
            raise BadData(f"None of the {len(cells)} images in {data} can be read, so there is no training.") from error
        note(f"{len(error.indices)} unreadable images left out.")
        cells = cells.subset(np.setdiff1d(np.arange(len(cells)), error.indices))
    note_contradictions(cells)
    split = split_cells(cells, shares, seed=recipe.seed, by_image=by_image)
    taught = None if teacher is None else read_teacher(teacher)
    if taught is not None:
        soft_targets(cells, split.indices("train"), taught, teacher_weight)  # refuses a teacher that does not fit
    if split.by == "image":
        note("WARNING: the split is by image; cells of one patient lie on both sides and every figure is optimistic.")
    config = {
        "architecture": network.arch,
        "summary": network.family.summary,
        "network": asdict(network),
        "input": asdict(network.contract),
        "recipe": asdict(recipe),
        "data": describe(cells, split),
        "teacher_weight": nested_teacher_weight if taught is None else teacher_weight,
        "cache": None if cache is None else os.path.abspath(cache),
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    lay_run(out, cells, split, taught, config)
    return Run.open(out)


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The recipe a run directory was started with."""
    values = dict(config["recipe"])
    return Recipe(**{**values, "augmentation": Augmentation(**values["augmentation"])})


def finish_run(run: Run, finish: bool = False) -> dict[str, Any]:
    """Train (or continue) a run and leave its model, scores, calibration, metrics and report.

    Args:
        finish: train no further; keep the best epoch so far.

    Returns:
        The evaluation document of the test part.
    """
    import keras

    from train.trainer.replicas import strategy_for
    from train.trainer.training_set import Part
    from train.trainer.two_phase import train_two_phases

    recipe, network = recipe_of(run.config), Network(**run.config["network"])
    cache = run.config.get("cache")
    require_images(run, run.cells, "move or link them there")
    configure(recipe)
    keras.utils.set_random_seed(recipe.seed)
    pixels = load_pixels(run.cells, run.contract, None if cache is None else Path(cache))
    if run.cells.fingerprint != run.config["data"]["fingerprint"]:
        raise BadData(f"The images under {run.cells.root} have changed since {run.path} was started; start a new run.")
    targets = run.cells.labels.astype(np.float32)
    if run.config.get("teacher_weight") is not None:
        taught = read_teacher(run.path / TEACHER)
        targets = soft_targets(run.cells, run.indices("train"), taught, run.config["teacher_weight"])

    def keep_history(history: list[dict[str, Any]]) -> None:
        write_csv(run.path / "history.csv", _HISTORY, ([row.get(name) for name in _HISTORY] for row in history))

    with strategy_for().scope():
        trained = train_two_phases(
            network.build(recipe.dropout),
            run.contract,
            Part(pixels, targets, run.indices("train")),
            Part(pixels, targets, run.indices("val")),
            recipe,
            network.pretrained,
            run.path / "checkpoints" / "last.npz",
            keep_history,
            finish,
        )
    # Keras writes by path, so it writes beside the final name first. That name comes last of all: a run that holds a
    # model also holds its calibration, scores and report, and one that was stopped before goes on with --resume.
    partial = run.path / "model.partial.keras"
    trained.model.save(partial)
    document = measure_run(run, trained.model, pixels, collapses_of(trained.history))
    os.replace(partial, run.path / "model.keras")
    return document


def configure(recipe: Recipe) -> None:
    """Set what is global in TensorFlow as the recipe wants it: determinism, and half precision on a GPU."""
    import keras
    import tensorflow as tf

    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    keras.mixed_precision.set_global_policy("mixed_float16" if recipe.mixed_precision and on_gpu else "float32")


def measure_run(run: Run, model: keras.Model, pixels: np.ndarray, warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    """Calibrate on validation patients, choose the operating points, score and evaluate the test patients.

    Args:
        warnings: what training found, for the metrics and the report.
    """
    from train.evaluate.results import evaluate_scores
    from train.evaluate.scores import run_subject, split_warnings
    from train.network.scoring import keras_logits

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
    return evaluate_scores(
        cells, logits[test], output, points, run_subject(run, cells, "test"), run.path, warnings=warnings
    )


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
