"""The command ``thinsmear bench accuracy``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import emit_json, json_option, note, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from benchmarks.quantisation.variants import Variant
    from convert.quantise.trained_model import TrainedModel


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """``100,300`` as whole numbers."""
    try:
        found = tuple(dict.fromkeys(int(part) for part in value.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 100,300.") from error
    if min(found) < 0:
        raise click.BadParameter(f"{value!r} has a negative number.")
    return found


@click.command(
    short_help="What each way of quantising costs in accuracy.",
    epilog="""\b
Examples:
  thinsmear bench accuracy run --out quantisation
  thinsmear bench accuracy run --out quantisation --recipes int8,int8-mixed --sizes 50,100,300,1000 --seeds 0,1,2
  thinsmear bench accuracy run --out quantisation --recipes int8,aeq-minmax   against ai-edge-quantizer

Stopped half-way, the same command goes on where it was.""",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for accuracy.md, .csv, .json, .svg, .html and the rows done so far.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Where the run's images lie now, when they have moved.")
@click.option("--recipes", help="Comma-separated [all of ours, and ai-edge-quantizer's when it is installed].")
@click.option("--sizes", default="100,300", show_default=True, callback=_numbers, help="Calibration images.")
@click.option("--seeds", default="0", show_default=True, callback=_numbers, help="Of the choice of these images.")
@click.option("--methods", default="minmax,mse,percentile", show_default=True, help="Calibration methods, for int8.")
@json_option
@verbosity_options
def accuracy(
    run: Path,
    out: Path,
    data: Path | None,
    recipes: str | None,
    sizes: tuple[int, ...],
    seeds: tuple[int, ...],
    methods: str,
    as_json: bool,
) -> None:
    """Convert RUN in every way and measure each on the validation and test patients, through the interpreter.

    Size, accuracy, AUC, sensitivity at fixed specificity, calibration error, agreement with the float model, the
    patient that loses most, and the time of a call; the front of what is worth choosing is marked.
    """
    from train.network.tensorflow_setup import require_tensorflow

    require_tensorflow()
    from benchmarks.harness.envelope import envelope
    from benchmarks.quantisation.report import write_all
    from benchmarks.quantisation.section import section
    from benchmarks.quantisation.variants import measure
    from benchmarks.report.forms import text
    from convert.quantise.trained_model import open_trained_model

    wanted = _wanted(recipes, sizes, seeds, methods)
    trained = open_trained_model(run, data)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, row in enumerate(measure(run, data, wanted, out / "rows.jsonl"), start=1):
        rows.append(asdict(row))
        said = row.error or f"accuracy {row.accuracy:.4f}, agreement {row.agreement:.4f}"
        note(f"{number}/{len(wanted)} {row.variant.name}: {said}")
    document = envelope("accuracy", {**_subject(trained, run), "rows": rows})
    paths = write_all(document, out)
    emit_json(document) if as_json else click.echo(text(section(document)))
    note(f"Wrote {', '.join(printable(path) for path in paths)}.")


def _wanted(recipes: str | None, sizes: tuple[int, ...], seeds: tuple[int, ...], methods: str) -> list[Variant]:
    """What the options ask for.

    Raises:
        WrongUsage: an unknown method or recipe, or no calibration images.
    """
    from benchmarks.quantisation.ai_edge_quantizer import ALGORITHMS, available
    from benchmarks.quantisation.variants import variants
    from convert.quantise.activation_ranges import METHODS
    from convert.quantise.recipes import RECIPES

    chosen = methods.split(",")
    if not set(chosen) <= set(METHODS) or min(sizes) < 1:
        raise WrongUsage(f"--methods are among {', '.join(METHODS)}, and --sizes are 1 or more.")
    names = recipes.split(",") if recipes else [*RECIPES, *(ALGORITHMS if available() else ())]
    return variants(names, sizes, seeds, chosen)


def _subject(trained: TrainedModel, run: Path) -> dict[str, Any]:
    """The run, its held-out cells, and how its float model does on them."""
    from convert.gate.held_out import hold_out
    from train.metrics.metrics import auc

    held_out = hold_out(trained)
    cells, reference = held_out.cells, held_out.reference
    return {
        "run": printable(run),
        "cells": len(cells),
        "patients": None if cells.patients is None else len(set(cells.patients)),
        "float": {
            "accuracy": float(((reference.probabilities >= 0.5) == (cells.labels == 1)).mean()),
            "auc": auc(cells.labels, reference.logits),
        },
    }
