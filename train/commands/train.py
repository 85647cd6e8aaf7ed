"""The command ``thinsmear train``; imports TensorFlow only when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import emit_json, json_option, note, typed, verbosity_options
from edge_runtime.errors import WrongUsage
from train.architectures import NAMES, find
from train.commands.data_options import data_options
from train.data.reading import Reading
from train.trainer.augment import PRESETS, preset
from train.trainer.recipe import Recipe

if TYPE_CHECKING:
    from train.network.network import Network

_DEFAULT = Recipe()
_OF_RESUME = ("resume", "finish", "as_json", "quiet", "verbose")
# options that a recipe holds under the same name and with the same values
_AS_THEY_ARE = (
    "epochs", "head_epochs", "rate", "last_layers", "looks", "label_smoothing", "ema", "patience", "seed", "jit",
    "deterministic",
)  # fmt: skip
# all that network_and_recipe reads, and the weight of a teacher
OF_A_RECIPE = frozenset(
    (*_AS_THEY_ARE, "arch", "size", "alpha", "weights", "batch_size", "augment", "mixed_precision", "teacher_weight")
)


def _three_shares(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, float, float]:
    """``70,15,15`` as shares that add up to one."""
    try:
        train, val, test = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not three numbers such as 70,15,15.") from error
    total = train + val + test
    if min(train, val, test) <= 0 or not total < float("inf"):
        raise click.BadParameter(f"{value!r}: each share must be above 0.")
    return train / total, val / total, test / total


def _refuse_changes(ctx: click.Context) -> None:
    """A run goes on as it was started, so an option that would change it must not be passed over in silence."""
    given = [spelling for name, spelling in typed(ctx).items() if name not in _OF_RESUME]
    if given:
        raise WrongUsage(f"--resume goes on with the settings in config.json; leave out {', '.join(given)}.")


def check_recipe(ctx: click.Context) -> None:
    """Refuse options of a recipe that would do nothing beside the others.

    Raises:
        WrongUsage: a width for a network that has but one, or looks at frozen layers where none are frozen.
    """
    options = ctx.params
    if "looks" in typed(ctx) and options["last_layers"] is None:
        raise WrongUsage("--looks goes with --last-layers: without frozen layers nothing runs ahead.")
    if float(options["alpha"]) != 1.0 and not find(options["arch"]).alpha:
        raise WrongUsage(
            f"--alpha {options['alpha']} has no meaning for {options['arch']}, which has one width; leave it out."
        )


def network_and_recipe(options: Mapping[str, Any], on_gpu: bool) -> tuple[Network, Recipe]:
    """What the options of ``thinsmear train`` ask for, with defaults that depend on the device."""
    from train.network.network import Network

    weights, mixed = options["weights"], options["mixed_precision"]
    if mixed and not on_gpu:
        note("There is no GPU here: --mixed-precision has no effect, training runs at full precision.")
    network = Network(options["arch"], options["size"], float(options["alpha"]), None if weights == "none" else weights)
    recipe = replace(
        _DEFAULT,
        batch=options["batch_size"] or (64 if on_gpu else _DEFAULT.batch),
        augmentation=preset(options["augment"]),
        mixed_precision=on_gpu and mixed is not False,
        **{name: options[name] for name in _AS_THEY_ARE},
    )
    return network, recipe


_ARCHITECTURES = "\n".join(f"  {name:19}{find(name).size:>4}  {find(name).summary}" for name in NAMES)


@click.command(epilog=f"""\b
Architectures (--arch), with their default input size in pixels:
{_ARCHITECTURES}

\b
Examples:
  thinsmear train cell_images --out run
  thinsmear train cell_images --out run --weights mobilenet_v2.weights.h5 --epochs 12
  thinsmear train cells.csv --out small --alpha 0.35 --size 96 --weights none --epochs 20
  thinsmear train --resume run
""")  # fmt: skip
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="New run directory.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Continue an interrupted run.")
@click.option("--finish", is_flag=True, help="With --resume: train no further, keep the best epoch so far.")
@click.option(
    "--arch",
    type=click.Choice(NAMES),
    default="mobilenet_v2",
    show_default=True,
    help="mobilenet_v2: most accurate; mobilenet_v2_short: four times as fast; others: see below.",
)
@click.option("--size", type=click.IntRange(32, 512), help="Input height and width [the architecture's own].")
@click.option(
    "--alpha",
    type=click.Choice(["0.35", "0.5", "0.75", "1.0", "1.3", "1.4"]),
    default="1.0",
    show_default=True,
    help="Width of mobilenet_v2 and mobilenet_v2_short.",
)
@click.option(
    "--weights",
    default="imagenet",
    show_default=True,
    metavar="imagenet|none|FILE",
    help="Starting weights of the backbone; imagenet is downloaded by Keras. cnn_* takes none.",
)
@click.option("--epochs", default=_DEFAULT.epochs, show_default=True, help="Epochs of phase 2.")
@click.option("--head-epochs", default=_DEFAULT.head_epochs, show_default=True, help="Epochs of phase 1.")
@click.option("--rate", default=_DEFAULT.rate, show_default=True, help="Peak learning rate of phase 2.")
@click.option(
    "--last-layers",
    type=int,
    help="Fine-tune only the last N layers of the backbone [all]; 1: the head alone, on frozen features.",
)
@click.option(
    "--looks",
    default=_DEFAULT.looks,
    show_default=True,
    help="With --last-layers: augmented looks at each cell that pass the frozen layers ahead; 0: none.",
)
@click.option("--batch-size", type=click.IntRange(1), help="Images a step [32; 64 on a GPU].")
@click.option("--augment", type=click.Choice(list(PRESETS)), default="standard", show_default=True)
@click.option("--label-smoothing", default=_DEFAULT.label_smoothing, show_default=True)
@click.option("--ema", default=_DEFAULT.ema, show_default=True, help="Decay of the weights' moving average; 0: none.")
@click.option("--patience", default=_DEFAULT.patience, show_default=True, help="Epochs without better validation loss.")
@click.option("--seed", default=0, show_default=True, help="Of the split, the weights, the order and the augmentation.")
@data_options
@click.option(
    "--shares",
    default="70,15,15",
    show_default=True,
    metavar="TRAIN,VAL,TEST",
    callback=_three_shares,
    help="Of the images; whole patients are dealt out, so they are met roughly.",
)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Soft targets: out-of-fold scores of the training cells, from evaluate --folds K --split train.",
)
@click.option(
    "--teacher-weight",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the target that is the teacher's, the rest is the label.",
)
@click.option("--split-by-image", is_flag=True, help="Patients unknown: split by image, with optimistic figures.")
@click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read, instead of stopping.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for decoded pixels [the user's cache folder].")
@click.option("--mixed-precision/--full-precision", default=None, help="Half precision [on a GPU].")
@click.option("--jit", is_flag=True, help="Compile the training step with XLA; one GPU, no free rotation, no mixup.")
@click.option("--deterministic", is_flag=True, help="Bit-equal results, slower.")
@json_option
@verbosity_options
def train(
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    finish: bool,
    reading: Reading,
    shares: tuple[float, float, float],
    teacher: Path | None,
    teacher_weight: float,
    split_by_image: bool,
    skip_bad: bool,
    cache: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model on DATA and evaluate it on patients it never saw.

    DATA is a folder with Parasitized and Uninfected (any case, usual synonyms), the same below train and test
    folders, or a CSV of path,label,patient. Cells are split by patient into train, validation and test.
    """
    if (data is None) == (resume is None) or (resume is not None and out is not None) or (data and out is None):
        raise WrongUsage("Give DATA and --out RUN for a new run, or --resume RUN alone to continue one.")
    if finish and resume is None:
        raise WrongUsage("--finish goes with --resume RUN.")
    if resume is not None:
        _refuse_changes(click.get_current_context())
    else:
        check_recipe(click.get_current_context())
        if teacher is None and "teacher_weight" in typed(click.get_current_context()):
            raise WrongUsage("--teacher-weight goes with --teacher CSV.")

    from train.network.tensorflow_setup import gpus, require_tensorflow

    require_tensorflow()
    from train.data.cache import default_cache
    from train.evaluate.results import summary_text
    from train.runs.run import Run
    from train.trainer.recipe import recipe_of
    from train.training import RunPlan, finish_run, start_run

    if resume is not None:
        run = Run.open(resume)
        if run.finished:
            raise WrongUsage(f"{resume} has finished; see {resume}/report.html, or train a new run.")
        recipe_of(run.config)
    else:
        assert data is not None and out is not None
        network, recipe = network_and_recipe(options, gpus() > 0)
        plan = RunPlan(
            data, network, recipe, reading, split_by_image, skip_bad, cache or default_cache(), shares, teacher,
            teacher_weight,
        )  # fmt: skip
        run = start_run(out, plan)
    document = finish_run(run, finish)
    if as_json:
        emit_json(document)
    else:
        click.echo(summary_text(document))
    note(f"Run: {run.path}, report: {run.path / 'report.html'}")
