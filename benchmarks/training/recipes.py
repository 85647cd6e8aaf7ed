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

from edge_runtime.common.console import typed
from edge_runtime.common.text import printable
from edge_runtime.core.decision import probability
from edge_runtime.errors import WrongUsage
from train.cross_validation import judge_fold
from train.data.dataset import Cells
from train.data.reading import Reading
from train.data.scan import scan
from train.data.splits import patient_folds
from train.metrics.bootstrap import LEVEL, mean_difference
from train.metrics.patient_sums import AT_SPECIFICITY, HELD_SPECIFICITY, PatientSums, sum_by_patient
from train.runs.run import Run
from train.trainer.one_fold import check_folds

if TYPE_CHECKING:
    from train.network.network import Network
    from train.trainer.recipe import Recipe

FIGURES = ("accuracy", "auc", AT_SPECIFICITY, "brier", "ece")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class NamedRecipe:
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
class JudgedRecipe:
    """What came of a recipe: the sums of the same judged cells for each seed."""

    named: NamedRecipe
    seeds: tuple[int, ...]
    tallies: tuple[PatientSums, ...]

    @cached_property
    def by_seed(self) -> dict[str, tuple[float, ...]]:
        """:data:`FIGURES`, each with its values, one a seed."""
        found = [one.pooled(np.ones((1, len(one.names)))) for one in self.tallies]
        return {name: tuple(float(each[name][0]) for each in found) for name in FIGURES}


@dataclass(frozen=True)
class SharedFolds:
    """What all recipes share.

    Attributes:
        data: folder or CSV of cells.
        reading: what the user says about the data.
        cells: all of the data.
        part: "all", or "train": the part of that name alone is folded, the others stay unseen.
        folds: patients are dealt into so many.
        only: the first so many of them are judged.
        seeds: trainings of each recipe, with seeds that count up from its own.
        cache: of decoded pixels.
    """

    data: Path
    reading: Reading
    cells: Cells
    part: str
    folds: int
    only: int
    seeds: int
    cache: Path

    @classmethod
    def of(
        cls, data: Path, reading: Reading, part: str, folds: int, only: int | None, seeds: int, cache: Path
    ) -> SharedFolds:
        """Read the data.

        Raises:
            WrongUsage: patients are unknown, or the data do not come in parts where one is asked for.
        """
        cells = scan(data, reading)
        if cells.patients is None:
            raise WrongUsage(f"Folds need patients. {cells.of_no_patient}; {cells.remedy_of_no_patient}.")
        if part != "all" and cells.parts is None:
            raise WrongUsage(f"--split {part} needs data that come in parts (train, val, test); leave it out.")
        return cls(data, reading, cells, part, folds, only or folds, seeds, cache)

    @cached_property
    def fingerprint(self) -> str:
        """Of the data as they are now."""
        return self.cells.fingerprint

    @cached_property
    def folded(self) -> Cells:
        """The cells that are folded."""
        if self.part == "all" or self.cells.parts is None:
            return self.cells
        return self.cells.subset(np.array(self.cells.parts) == self.part)

    @cached_property
    def fold(self) -> np.ndarray:
        """int [n], the fold of each folded cell: of the patients alone, whatever a recipe's seed."""
        assert self.folded.patients is not None
        return patient_folds(self.folded.labels, self.folded.patients, self.folds, seed=0)

    def seeds_of(self, named: NamedRecipe) -> tuple[int, ...]:
        """The seeds a recipe is trained with."""
        return tuple(named.recipe.seed + step for step in range(self.seeds))

    def check(self, recipes: Sequence[NamedRecipe]) -> None:
        """Refuse what could not be trained or compared, before hours go into the others.

        Raises:
            WrongUsage: two recipes of one name, or a fold without cells of one class.
        """
        names = [named.name for named in recipes]
        if len(set(names)) < len(names):
            raise WrongUsage(f"Two recipes have one name ({', '.join(names)}); each needs its own.")
        for named in recipes:
            for seed in self.seeds_of(named):
                check_folds(self.folded, self.fold, seed, named.teacher_weight is not None, range(self.only))

    @cached_property
    def judged(self) -> Cells:
        """The cells that are judged."""
        return self.folded.subset(np.flatnonzero(self.fold < self.only))


def read_recipe(text: str, common: str, on_gpu: bool) -> NamedRecipe:
    """``NAME: OPTIONS`` as a recipe; the options are those of ``thinsmear train``.

    Args:
        text: what was typed; the colon may be left out with the options.
        common: options of all recipes; those in ``text`` go before them.
        on_gpu: defaults depend on it.

    Raises:
        WrongUsage: no usable name, or an option that is none of a recipe's.
    """
    from train.commands.train import OF_A_RECIPE, check_recipe, network_and_recipe, train

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
    given = typed(context)
    foreign = ["DATA" if key == "data" else spelling for key, spelling in given.items() if key not in OF_A_RECIPE]
    if foreign:
        raise WrongUsage(
            f"--recipe {text!r}: {', '.join(foreign)} is no part of a recipe; all recipes share data and folds."
        )
    check_recipe(context)
    network, recipe = network_and_recipe(context.params, on_gpu)
    weight = context.params["teacher_weight"] if "teacher_weight" in given else None
    return NamedRecipe(name, options, network, recipe, weight or None)


def judge(named: NamedRecipe, shared: SharedFolds, folder: Path) -> JudgedRecipe:
    """Train a recipe on the folds, seed after seed, and judge the cells; what was done before is read.

    Args:
        named: the recipe.
        shared: cells and folds, the same for all recipes.
        folder: keeps a folder for each recipe and seed.

    Raises:
        WrongUsage: a folder of another recipe, or of other data.
    """
    cells, fold = shared.folded, shared.fold
    tallies = []
    seeds = shared.seeds_of(named)
    for seed in seeds:
        recipe = replace(named.recipe, seed=seed)
        run = _run_of(folder / f"{named.name}-{seed}", named, recipe, shared)
        kept = run.path / f"folds-{shared.part}-{shared.folds}"
        kept.mkdir(exist_ok=True)
        logits = np.full(len(cells), np.nan)
        for number in range(shared.only):
            name = f"{named.name}, seed {seed}, fold {number + 1} of {shared.folds}"
            logits[fold == number] = judge_fold(run, cells, fold, number, recipe, kept, name, named.teacher_weight)
        rows = fold < shared.only
        judged = shared.judged
        tallies.append(sum_by_patient(judged.labels, probability(logits[rows]), judged.patients, logits[rows]))
    return JudgedRecipe(named, seeds, tuple(tallies))


def _run_of(path: Path, named: NamedRecipe, recipe: Recipe, shared: SharedFolds) -> Run:
    """The recipe's folder: a run directory in which nothing but folds is trained.

    Raises:
        WrongUsage: the folder is of another recipe, or of other data.
    """
    from train.training import RunPlan, start_run

    if not (path / "config.json").is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = RunPlan(
            shared.data, named.network, recipe, shared.reading, cache=shared.cache,
            nested_teacher_weight=named.teacher_weight,
        )  # fmt: skip
        return start_run(path, fresh)
    run = Run.open(path)
    same = run.cells.paths == shared.cells.paths and run.cells.patients == shared.cells.patients
    if not same or run.config["data"]["fingerprint"] != shared.fingerprint:
        raise WrongUsage(f"{printable(path)} was started on other data or other patients; choose another --out.")
    asked = {
        "network": asdict(named.network.settled()),
        "recipe": asdict(recipe),
        "teacher_weight": named.teacher_weight,
    }
    other = sorted(key for key, value in asked.items() if run.config.get(key) != value)
    if other:
        raise WrongUsage(
            f"{printable(path)} holds another recipe of this name (its {', '.join(other)} differ); choose another "
            "name or another --out."
        )
    return run


def document(judged: Sequence[JudgedRecipe], shared: SharedFolds, replicates: int) -> dict[str, Any]:
    """The comparison as plain JSON values: what was judged, then a row for each recipe, against the first.

    Args:
        judged: one for each recipe.
        shared: what they share.
        replicates: bootstrap resamplings of the patients.
    """
    cells = shared.judged
    return {
        "cells": {
            "number": len(cells),
            "parasitized": int(cells.labels.sum()),
            "patients": len(set(cells.patients or ())),
            "part": shared.part,
        },
        "folds": {"number": shared.folds, "judged": shared.only},
        "specificity": HELD_SPECIFICITY,
        "interval": {"level": LEVEL, "replicates": replicates, "resampled": "patients"},
        "recipes": [_row(one, judged[0], replicates) for one in judged],
    }


def _row(judged: JudgedRecipe, first: JudgedRecipe, replicates: int) -> dict[str, Any]:
    named = judged.named
    difference = None
    if judged is not first:
        found = mean_difference(judged.tallies, first.tallies, replicates)
        difference = {name: {**found[name].to_json(), "lower_bound": found[name].lower_bound} for name in FIGURES}
    return {
        "name": named.name,
        "options": named.options,
        "network": {**asdict(named.network), "weights": Path(named.network.weights or "none").name},
        "recipe": asdict(named.recipe),
        "teacher_weight": named.teacher_weight,
        "seeds": list(judged.seeds),
        "figures": {
            name: {"mean": float(np.mean(values)), "by_seed": list(values)} for name, values in judged.by_seed.items()
        },
        "difference": difference,
    }
