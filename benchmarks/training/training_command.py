"""The command ``thinsmear bench training``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.errors import NotConclusive
from train.commands.data_options import data_options
from train.data.reading import Reading


@click.command(
    short_help="The classic recipe as tutorials write it against ours.",
    epilog="""\b
Examples:
  thinsmear bench training cell_images --weights mobilenet_v2.weights.h5
  thinsmear bench training cell_images --most 2000 --head-epochs 2 --epochs 2""",
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--weights", default="imagenet", show_default=True, metavar="imagenet|none|FILE")
@click.option("--size", default=128, show_default=True, type=click.IntRange(32, 512), help="Input height and width.")
@click.option("--alpha", default=1.0, show_default=True, help="Width of the network.")
@click.option("--head-epochs", default=5, show_default=True, type=click.IntRange(1, 1000))
@click.option("--epochs", default=5, show_default=True, type=click.IntRange(1, 1000), help="With the last 20 layers.")
@click.option("--most", type=click.IntRange(100), help="Use this many of the cells [all].")
@click.option("--recommended", is_flag=True, help="Time the recommended recipe (all layers) as well.")
@click.option("--target", type=click.FloatRange(0.5, 1), metavar="AUC", help="Exit code 4 unless both ways reach it.")
@data_options
@click.option("--seed", default=0, show_default=True)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def training(
    data: Path,
    weights: str,
    size: int,
    alpha: float,
    head_epochs: int,
    epochs: int,
    most: int | None,
    recommended: bool,
    target: float | None,
    reading: Reading,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """Train the classic two-phase MobileNetV2 twice on DATA, from the files to the model, and compare the times.

    Once with an image generator and a pass of the whole network every epoch, once with cells decoded once and the
    frozen layers run ahead. Same cells, epochs, batches, augmentation and learning rates; AUC on unseen patients.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from train.network.tensorflow_setup import require_tensorflow

    check_folder(save)
    require_tensorflow()
    from benchmarks.report.forms import text
    from benchmarks.training.classic_recipe import (
        classic_recipe,
        compare,
        document,
        patients_apart,
        shortened,
        usual_recipe,
    )
    from benchmarks.training.training_section import section
    from train.data.scan import scan
    from train.network.network import Network

    cells = scan(data, reading)
    cells, parts = shortened(cells, patients_apart(cells, seed), most or len(cells), seed)
    network = Network(size=size, alpha=alpha, weights=None if weights == "none" else weights)
    recipe = classic_recipe(head_epochs, epochs, seed)
    with tempfile.TemporaryDirectory(prefix="thinsmear-bench-") as folder:
        results = compare(cells, parts, network, recipe, Path(folder), usual_recipe(seed) if recommended else None)
    counts = {part: int((parts == part).sum()) for part in ("train", "val", "test")}
    payload = {**document(results, network, recipe, counts), "target": target}
    deliver("training", payload, lambda made: text(section(made)), as_json, save)
    short = [r.name for r in results[:2] if target is not None and (r.test_auc is None or r.test_auc < target)]
    if short:
        raise NotConclusive(
            f"{' and '.join(short)}: test AUC below {target:g}, so these are no times to that AUC; give more epochs."
        )
