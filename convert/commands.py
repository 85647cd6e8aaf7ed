"""The commands ``thinsmear convert``, ``check``, ``lint`` and ``layers``; TensorFlow is imported only when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convert.options import against_option, limit_options, make_limits, model_argument, run_options
from convert.quantise.recipes import CPU, DEFAULT, EDGETPU, RECIPES, TARGETS
from convert.quantise.recipes import find as find_recipe
from edge_runtime.common.console import emit_json, json_option, note, table, verbosity_options
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from convert.result import Result

_METHODS = ("minmax", "mse", "percentile")


def _end(result: Result, as_json: bool, *written: Path | None) -> None:
    """Say it, to a machine or to a person, name the files that were written, and raise the error if there is one."""
    if as_json:
        emit_json(result.document)
    else:
        click.echo(result.text)
    for path in written:
        if path is not None:
            note(f"Wrote {path}.")
    if result.error is not None:
        raise result.error


def _list_recipes(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    rows = [[recipe.name, ", ".join(recipe.targets), recipe.summary] for recipe in RECIPES.values()]
    click.echo(table(["recipe", "target", "what it does"], rows))
    context.exit()


@click.command(
    short_help="Make one .tflite file of a run, behind a drift gate.",
    epilog="""\b
Examples:
  thinsmear convert run --out model.tflite                       full int8, gate, card, golden vectors
  thinsmear convert run --out model.tflite --target edgetpu      nothing that an Edge TPU would not take
  thinsmear convert run --out model.tflite --edgetpu             and compile it
  thinsmear convert run --out half.tflite --recipe float16
  thinsmear convert --list-recipes

\b
Exit codes: 1 the gate failed (the model lies beside, ending in .rejected); 4 too few held-out cells to tell (the
model is written, its card says gate: inconclusive).""",
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    metavar="MODEL.tflite",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The model file to write.",
)
@click.option(
    "--recipe",
    default=DEFAULT,
    show_default=True,
    type=click.Choice(list(RECIPES)),
    help="How to convert; see --list-recipes.",
)
@click.option(
    "--list-recipes",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_recipes,
    help="Show the recipes and stop.",
)
@click.option("--target", type=click.Choice(TARGETS), help="What it has to run on [cpu].")
@click.option("--edgetpu", is_flag=True, help="Also compile with edgetpu_compiler, to MODEL_edgetpu.tflite.")
@click.option(
    "--calibration-size",
    default=300,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Training images the activation ranges are taken from.",
)
@click.option(
    "--calibration-method",
    default="minmax",
    show_default=True,
    type=click.Choice(_METHODS),
    help="How a range is taken: everything seen, least squared error, or all but 1 in 10,000.",
)
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="Undo the mean shift that rounding the weights gives each channel.",
)
@click.option("--no-ladder", is_flag=True, help="One attempt only; do not try other ways when the gate fails.")
@click.option(
    "--layers",
    "with_layers",
    is_flag=True,
    help="Also measure each operator: table, MODEL.layers.csv and MODEL.layers.png.",
)
@click.option("--name", help="Name on the card [the file's].")
@click.option(
    "--species", default="not stated", show_default=True, help="Species in the training images, for the card."
)
@click.option("--licence", default="not stated", show_default=True, help="Licence of the model, for the card.")
@run_options
@limit_options
@json_option
@verbosity_options
def convert(
    run: Path,
    out: Path,
    recipe: str,
    target: str | None,
    edgetpu: bool,
    calibration_size: int,
    calibration_method: str,
    bias_correction: bool,
    no_ladder: bool,
    with_layers: bool,
    name: str | None,
    species: str,
    licence: str,
    data: Path | None,
    seed: int,
    as_json: bool,
    **limits: float | None,
) -> None:
    """Convert the model of RUN to one .tflite file with its card, and compare it with the float model.

    The validation and test patients decide: both models score the same cells, and the file is only published when
    accuracy, agreement and AUC stay within their limits. When they do not, other ways are tried first.
    """
    from convert.conversion import ConversionOrder, carry_out
    from convert.gate.attempts import ConversionSettings

    if edgetpu and target == CPU:
        raise WrongUsage("--edgetpu compiles for an Edge TPU; leave --target cpu out.")
    chosen = EDGETPU if edgetpu else target or CPU
    order = ConversionOrder(
        run=run,
        out=out,
        settings=ConversionSettings(find_recipe(recipe, chosen), calibration_method, calibration_size, bias_correction),
        target=chosen,
        compile=edgetpu,
        ladder=not no_ladder,
        layers=with_layers,
        facts={"name": name or out.stem, "species": species, "licence": licence},
        data=data,
        seed=seed,
        limits=make_limits(limits),
    )
    _end(carry_out(order), as_json)


@click.command(
    short_help="Run the drift gate alone: a model file against its run.",
    epilog="""\b
Examples:
  thinsmear check model.tflite --against run
  thinsmear check model.tflite --against run --data cell_images --json
  thinsmear check model.tflite --against run --limit-agreement 0.99""",
)
@model_argument
@against_option
@run_options
@limit_options
@json_option
@verbosity_options
def check(model: str, against: Path, data: Path | None, seed: int, as_json: bool, **limits: float | None) -> None:
    """Compare MODEL with the float model of RUN on the validation and test patients of RUN.

    MODEL is a .tflite file, or the name of a model that comes along. The card's calibration and operating points are
    used, so what is checked is the file as it will decide.
    """
    from convert.checking import check_model

    _end(check_model(model, against, data, seed, make_limits(limits)), as_json)


@click.command(
    short_help="Check a .tflite file for an Edge TPU or a CPU.",
    epilog="""\b
Examples:
  thinsmear lint model.tflite --target edgetpu
  thinsmear lint somebody_elses.tflite --json""",
)
@model_argument
@click.option("--target", default=CPU, show_default=True, type=click.Choice(TARGETS), help="What it has to run on.")
@click.option("--all", "every", is_flag=True, help="List every place of a finding, not the first three.")
@json_option
@verbosity_options
def lint(model: str, target: str, every: bool, as_json: bool) -> None:
    """Say what keeps MODEL, any .tflite file, off a target or slows it down there, and how to cure it.

    Needs neither the target nor its compiler. Exit code 1 when the target cannot run all of the model.
    """
    from convert.checking import lint_model

    _end(lint_model(model, target, every), as_json)


@click.command(
    short_help="Quantisation error of each operator.",
    epilog="""\b
Examples:
  thinsmear layers model.tflite --against run
  thinsmear layers model.tflite --against run --csv layers.csv --plot layers.png""",
)
@model_argument
@against_option
@click.option(
    "--images",
    default=32,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Test images to measure on, of all patients alike.",
)
@click.option("--csv", "csv_file", metavar="FILE", type=click.Path(path_type=Path), help="Write the table here.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw it here (png, svg, pdf).")
@run_options
@json_option
@verbosity_options
def layers(
    model: str,
    against: Path,
    images: int,
    csv_file: Path | None,
    plot: Path | None,
    data: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure where in the network MODEL departs from the float model of RUN, operator by operator, on real images.

    rmse/scale is an operator's own error in steps of its output: 0.289 is rounding alone, above 0.7 look closer.
    """
    from convert.checking import measure_layers

    _end(measure_layers(model, against, images, data, seed, csv_file, plot), as_json, csv_file, plot)
