"""One training from data folder to run directory: split, cache, two phases, calibration, scores, evaluation."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.errors import BadData
from train.data.cache import UnreadableCells, load_pixels
from train.data.dataset import Cells
from train.data.near_copies import NearCopies, find_near_copies, near_copies_warning
from train.data.reading import Reading
from train.data.scan import scan
from train.data.splits import Split, split_cells
from train.data.tables import write_csv
from train.data.teacher import TEACHER, read_teacher, soft_targets
from train.evaluate.measure import measure_run
from train.metrics.collapse import collapses_of
from train.network.network import Network
from train.runs.provenance import require_images
from train.runs.run import Run
from train.runs.starting import check_vacant, describe, lay_run
from train.runs.versions import versions
from train.trainer.recipe import Recipe, configure, recipe_of
from train.trainer.replicas import check_compiled

_HISTORY = ("phase", "epoch", "loss", "val_loss", "val_auc", "called", "collapsed", "rate", "seconds")


@dataclass(frozen=True)
class RunPlan:
    """What a new run is made of.

    Attributes:
        data: folder of cells or CSV, see :func:`train.data.scan.scan`.
        network: which network.
        recipe: how it is trained.
        reading: what the user says about the data; None: nothing.
        by_image: patients are unknown, so images are split.
        skip_bad: leave out images that cannot be read.
        cache: folder for decoded pixels; None keeps none.
        shares: of the images, for training, validation and test.
        teacher: soft targets, see :mod:`train.data.teacher`; copied into the run.
        teacher_weight: how much of the target they are, 0..1.
        nested_teacher_weight: the same for a run without ``teacher``, of which only folds are trained: each fold
            makes a teacher of its own (:func:`train.cross_validation.cross_validate`).
    """

    data: Path
    network: Network
    recipe: Recipe
    reading: Reading | None = None
    by_image: bool = False
    skip_bad: bool = False
    cache: Path | None = None
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    teacher: Path | None = None
    teacher_weight: float = 0.5
    nested_teacher_weight: float | None = None


def start_run(out: Path, plan: RunPlan) -> Run:
    """Read the data, split it and lay the run directory, the last of all; nothing is trained yet.

    Raises:
        WrongUsage: ``out`` is not empty, or there is nothing to train on, or the teacher saw the test patients, or
            the network or this machine does not take what was asked for.
        EnvironmentLacks: the ImageNet weights cannot be downloaded here.
        BadData: the weights file is damaged or of another network, or no image can be read.
        UnreadableCells: some images are bad and they are not to be left out.
    """
    check_vacant(out, plan.data, plan.teacher)
    check_compiled(plan.recipe.jit)
    plan = replace(plan, network=plan.network.settled())
    cells = scan(plan.data, plan.reading)
    if cells.ignored:
        note(f"{cells.ignored} hidden, system or other files (no images) ignored.")
    if plan.network.pretrained:
        # Weights that cannot be had are noticed now, not after minutes of decoding.
        plan.network.build(plan.recipe.dropout)
    cells, near = _readable(cells, plan)
    warning = near_copies_warning(near, cells)
    if warning is not None:
        note(f"WARNING: {warning}")
    split = split_cells(cells, plan.shares, plan.recipe.seed, plan.by_image, near.group_of(len(cells)))
    taught = None if plan.teacher is None else read_teacher(plan.teacher)
    if taught is not None:  # refuse a teacher that does not fit
        soft_targets(cells, split.indices("train"), taught, plan.teacher_weight)
    if split.by == "image":
        note("WARNING: the split is by image; cells of one patient lie on both sides and every figure is optimistic.")
    lay_run(out, cells, split, taught, _config(plan, cells, split, near))
    return Run.open(out)


def _readable(cells: Cells, plan: RunPlan) -> tuple[Cells, NearCopies]:
    """The cells whose images can be read, decoded into the cache, and which are alike; others left out where wanted."""
    try:
        return cells, find_near_copies(load_pixels(cells, plan.network.contract, plan.cache))
    except UnreadableCells as error:
        if not plan.skip_bad:
            raise
        if len(error.indices) == len(cells):
            raise BadData(
                f"None of the {len(cells)} images in {plan.data} can be read, so there is no training."
            ) from error
        note(f"{len(error.indices)} unreadable images left out.")
        cells = cells.subset(np.setdiff1d(np.arange(len(cells)), error.indices))
    return cells, find_near_copies(load_pixels(cells, plan.network.contract, plan.cache))


def _config(plan: RunPlan, cells: Cells, split: Split, near: NearCopies) -> dict[str, Any]:
    """``config.json`` of the run."""
    network = plan.network
    return {
        "architecture": network.arch,
        "summary": network.family.summary,
        "network": asdict(network),
        "input": asdict(network.contract),
        "recipe": asdict(plan.recipe),
        "data": {**describe(cells, split), "near_copies": near.images},
        "teacher_weight": plan.nested_teacher_weight if plan.teacher is None else plan.teacher_weight,
        "cache": None if plan.cache is None else os.path.abspath(plan.cache),
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def finish_run(run: Run, finish: bool = False) -> dict[str, Any]:
    """Train (or continue) a run and leave its model, scores, calibration, metrics and report.

    Args:
        finish: train no further; keep the best epoch so far.

    Returns:
        The evaluation document of the test part.
    """
    import keras

    from train.trainer.replicas import strategy_for
    from train.trainer.training_set import TrainingSet, Untrained
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
            Untrained(network.build(recipe.dropout), run.contract, network.pretrained),
            TrainingSet(pixels, targets, run.indices("train")),
            TrainingSet(pixels, targets, run.indices("val")),
            recipe,
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
