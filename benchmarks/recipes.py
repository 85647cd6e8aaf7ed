"""Recipes of training side by side: each judges every patient by networks that never saw that patient."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from edge_runtime.decision import probability
from edge_runtime.errors import WrongUsage
from edge_runtime.names import printable
from train.bootstrap import LEVEL, mean_difference
from train.dataset import Cells
from train.folds import judge_fold
from train.run import Run, write_json
from train.splits import patient_folds
from train.tallies import AT_SPECIFICITY, HELD_SPECIFICITY, Tallies, tally

if TYPE_CHECKING:
    from train.recipe import Recipe
    from train.training import Network

FIGURES = ("accuracy", "auc", AT_SPECIFICITY, "brier", "ece")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# Of `thinsmear train`, what is about the data or the run directory and so the same for all recipes, or has no meaning.
_NOT_A_RECIPE = (
    "data", "out", "resume", "finish", "patients", "shares", "teacher", "split_by_image", "skip_bad", "cache",
    "as_json",
)  # fmt: skip
_FOLD_SEED = 0  # of who is in which fold: the same for every recipe, whatever its own seed


@dataclass(frozen=True)
class Entry:
    """One recipe as it was asked for.

    Attributes:
        name: of the recipe and of its folder.
        options: of ``thinsmear train``, as they were typed.
        network: what is trained.
        recipe: how.
        teacher_weight: share of the target that is a teacher's, made anew within each fold; None for labels alone.
    """

    name: str
    options: str
    network: Network
    recipe: Recipe
    teacher_weight: float | None


@dataclass(frozen=True)
class Outcome:
    """What came of a recipe: one tally of the same judged cells for each seed."""

    entry: Entry
    seeds: tuple[int, ...]
    tallies: tuple[Tallies, ...]

    @cached_property
    def by_seed(self) -> dict[str, tuple[float, ...]]:
        """:data:`FIGURES`, each with its values, one a seed."""
        found = [one.pooled(np.ones((1, len(one.names)))) for one in self.tallies]
        return {name: tuple(float(each[name][0]) for each in found) for name in FIGURES}


def read_entry(text: str, common: str, on_gpu: bool) -> Entry:
    """``NAME: OPTIONS`` as a recipe; the options are those of ``thinsmear train``.

    Args:
        text: what was typed; the colon may be left out with the options.
        common: options of all recipes; those in ``text`` go before them.
        on_gpu: defaults depend on it.

    Raises:
        WrongUsage: no usable name, or an option that is none of a recipe's.
    """
    from train.cli import check_width, network_and_recipe, train

    name, _, options = (part.strip() for part in text.partition(":"))
    if not _NAME.fullmatch(name):
        raise WrongUsage(f"--recipe {text!r}: a name of letters, digits, . _ or - comes first, then a colon.")
    try:
        words = [*shlex.split(common), *shlex.split(options)]
        if "--help" in words:
            raise WrongUsage("The options of a recipe are those of `thinsmear train --help`.")
        context = train.make_context("train", words)
    except (click.UsageError, ValueError) as error:
        reason = error.format_message() if isinstance(error, click.UsageError) else str(error)
        raise WrongUsage(f"--recipe {text!r}: {reason.rstrip('.')}; see `thinsmear train --help`.") from error
    typed = {key for key in context.params if context.get_parameter_source(key) is _TYPED}
    foreign = sorted(typed.intersection(_NOT_A_RECIPE))
    if foreign:
        names = ", ".join(f"--{key.replace('_', '-')}" if key != "data" else "DATA" for key in foreign)
        raise WrongUsage(f"--recipe {text!r}: {names} is no part of a recipe; all recipes share data and folds.")
    check_width(context.params)
    network, recipe = network_and_recipe(context.params, on_gpu)
    weight = context.params["teacher_weight"] if "teacher_weight" in typed else None
    return Entry(name, options, network, recipe, weight or None)


_TYPED = click.core.ParameterSource.COMMANDLINE


def judge(
    entry: Entry, data: Path, patients: str | None, part: str, folds: int, only: int, seeds: int, folder: Path,
    cache: Path, fingerprint: str,
) -> tuple[Outcome, Cells]:  # fmt: skip
    """Train a recipe on the folds, seed after seed, and judge the cells; what was done before is read.

    Args:
        data: folder or CSV of cells.
        patients: regular expression that finds the patient in a file name.
        part: "all", or "train" for that part of data which come in parts: the others stay unseen.
        folds: patients are dealt into so many.
        only: judge the first so many of them.
        seeds: train so often, with seeds that count up from the recipe's.
        folder: keeps a folder for each recipe and seed.
        cache: of decoded pixels.
        fingerprint: of the data as they are now.

    Returns:
        The outcome, and the cells that were judged.

    Raises:
        WrongUsage: data without patients or parts, or a folder of another recipe.
    """
    tallies, judged = [], None
    chosen = tuple(entry.recipe.seed + step for step in range(seeds))
    for seed in chosen:
        recipe = replace(entry.recipe, seed=seed)
        run = _run_of(folder / f"{entry.name}-{seed}", entry, recipe, data, patients, cache, fingerprint)
        if part == "train" and run.config["data"]["split_by"] != "layout":
            raise WrongUsage("--split train needs data that come in parts (train, val, test); leave it out.")
        cells = run.cells if part == "all" else run.cells.subset(run.indices(part))
        assert cells.patients is not None
        fold = patient_folds(cells.labels, cells.patients, folds, _FOLD_SEED)
        kept = run.path / f"folds-{part}-{folds}"
        kept.mkdir(exist_ok=True)
        logits = np.full(len(cells), np.nan)
        for number in range(only):
            name = f"{entry.name}, seed {seed}, fold {number + 1} of {folds}"
            logits[fold == number] = judge_fold(
                run, cells, fold, number, recipe, kept, name, run.config["teacher_weight"]
            )
        judged = cells.subset(np.flatnonzero(fold < only))
        tallies.append(tally(judged.labels, probability(logits[fold < only]), judged.patients, logits[fold < only]))
    assert judged is not None
    return Outcome(entry, chosen, tuple(tallies)), judged


def _run_of(
    path: Path, entry: Entry, recipe: Recipe, data: Path, patients: str | None, cache: Path, fingerprint: str
) -> Run:
    """The recipe's folder: a run directory in which nothing but folds is trained.

    Raises:
        WrongUsage: the folder is of another recipe, or of other data.
    """
    from train.training import start_run

    if not (path / "config.json").is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        run = start_run(path, data, entry.network, recipe, patients, cache=cache)
        write_json(path / "config.json", {**run.config, "teacher_weight": entry.teacher_weight})
        return Run.open(path)
    run = Run.open(path)
    if run.config["data"]["fingerprint"] != fingerprint:
        raise WrongUsage(f"{printable(path)} was started on other data; choose another --out.")
    network = replace(entry.network, weights=_absolute(entry.network.weights))
    asked = {"network": asdict(network), "recipe": asdict(recipe), "teacher_weight": entry.teacher_weight}
    other = sorted(key for key, value in asked.items() if run.config.get(key) != value)
    if other:
        raise WrongUsage(
            f"{printable(path)} holds another recipe of this name (its {', '.join(other)} differ); choose another "
            "name or another --out."
        )
    return run


def _absolute(weights: str | None) -> str | None:
    return weights if weights in (None, "imagenet") else str(Path(weights).absolute())


def document(
    outcomes: Sequence[Outcome], judged: Cells, part: str, folds: int, only: int, replicates: int
) -> dict[str, Any]:
    """The comparison as plain JSON values: what was judged, then a row for each recipe, against the first.

    Args:
        outcomes: one for each recipe.
        judged: the cells.
        part, folds, only: see :func:`judge`.
        replicates: bootstrap resamplings of the patients.
    """
    assert judged.patients is not None
    return {
        "cells": {
            "number": len(judged),
            "parasitized": int(judged.labels.sum()),
            "patients": len(set(judged.patients)),
            "part": part,
        },
        "folds": {"number": folds, "judged": only},
        "specificity": HELD_SPECIFICITY,
        "interval": {"level": LEVEL, "replicates": replicates, "resampled": "patients"},
        "recipes": [_row(one, outcomes[0], replicates) for one in outcomes],
    }


def _row(outcome: Outcome, first: Outcome, replicates: int) -> dict[str, Any]:
    entry = outcome.entry
    difference = None
    if outcome is not first:
        found = mean_difference(outcome.tallies, first.tallies, replicates)
        difference = {name: {**found[name].to_json(), "lower_bound": found[name].lower_bound} for name in FIGURES}
    return {
        "name": entry.name,
        "options": entry.options,
        "network": {**asdict(entry.network), "weights": Path(entry.network.weights or "none").name},
        "recipe": asdict(entry.recipe),
        "teacher_weight": entry.teacher_weight,
        "seeds": list(outcome.seeds),
        "figures": {
            name: {"mean": float(np.mean(values)), "by_seed": list(values)} for name, values in outcome.by_seed.items()
        },
        "difference": difference,
    }
