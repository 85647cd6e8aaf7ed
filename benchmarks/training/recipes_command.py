"""The command ``thinsmear bench recipes``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.console import json_option, note, verbosity_options
from edge_runtime.errors import WrongUsage
from train.commands.data_options import data_options
from train.data.reading import Reading


@click.command(
    short_help="Training recipes against each other, by patients none has seen.",
    epilog="""\b
Examples:
  thinsmear bench recipes cell_images --out compared --recipe plain --recipe "fast: --rate 0.001 --epochs 12"
  thinsmear bench recipes cell_images --out compared --seeds 3 --recipe plain --recipe "strong: --augment strong"
  thinsmear bench recipes cells.csv --out compared --split train --folds 2 --only 1 \\
      --common "--arch mobilenet_v2_short --size 64 --weights mobilenet_v2.weights.h5" \\
      --recipe plain --recipe "taught: --augment strong --label-smoothing 0 --teacher-weight 0.5"

Every recipe is trained once for each fold and seed; with a teacher four times. What is done is kept in OUT, so the same
command goes on after a stop, and further recipes cost only their own training.""",
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--recipe", "recipes", multiple=True, required=True, metavar="'NAME: OPTIONS'",
              help="A recipe, in options of `thinsmear train`; --teacher-weight alone makes a teacher in each fold. "
                   "The first is what the others are compared with.")  # fmt: skip
@click.option("--common", default="", metavar="OPTIONS", help="Options of all recipes; a recipe's own go before them.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that keeps folds and scores.")
@click.option("--folds", default=3, show_default=True, type=click.IntRange(2, 100), help="Of the patients.")
@click.option("--only", type=click.IntRange(1), metavar="N", help="Judge the first N folds only [all].")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 100), help="Trainings of each recipe.")
@click.option("--split", "part", type=click.Choice(["all", "train"]), default="all", show_default=True,
              help="Cells to fold; train: of data that come in parts, so that the others stay unseen.")  # fmt: skip
@data_options
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for decoded pixels [the user's cache folder].")
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(100, 100_000),
              help="Bootstrap resamplings of the patients.")  # fmt: skip
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def recipes(
    data: Path,
    recipes: tuple[str, ...],
    common: str,
    out: Path,
    folds: int,
    only: int | None,
    seeds: int,
    part: str,
    reading: Reading,
    cache: Path | None,
    resamples: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """Compare training recipes on DATA: every cell is judged by networks that never saw its patient.

    Patients are dealt into the same folds for all recipes. Differences to the first recipe are paired: the same cells,
    patients resampled jointly. With several seeds, figures are means over them.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from train.network.tensorflow_setup import gpus, require_tensorflow

    check_folder(save)
    if only is not None and only > folds:
        raise WrongUsage(f"--only {only} of {folds} folds: it must be {folds} or less.")
    require_tensorflow()
    from benchmarks.report.forms import text
    from benchmarks.training.recipes import SharedFolds, document, judge, read_recipe
    from benchmarks.training.recipes_section import section
    from train.data.cache import default_cache

    named = [read_recipe(one, common, gpus() > 0) for one in recipes]
    shared = SharedFolds.of(data, reading, part, folds, only, seeds, cache or default_cache())
    shared.check(named)
    judged = []
    for one in named:
        judged.append(judge(one, shared, out))
        note(f"{one.name}: AUC {', '.join(f'{value:.4f}' for value in judged[-1].by_seed['auc'])}")
    deliver("recipes", document(judged, shared, resamples), lambda made: text(section(made)), as_json, save)
