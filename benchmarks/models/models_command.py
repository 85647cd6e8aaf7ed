"""The command ``thinsmear bench models``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.errors import ThinsmearError
from train.commands.data_options import data_options
from train.data.reading import Reading


@click.command(
    short_help="Finished models on the same labelled cells.",
    epilog="""\b
Examples:
  thinsmear bench models default fast --data cells.csv        the models that come along, on the test part
  thinsmear bench models old.tflite new.tflite --data cells/  is the new one better, and what does it cost
  thinsmear bench models default fast --data cells.csv --save models.json

quick: 100 rounds and 2 s of timing, standard: 1,024 rounds and 10 s. Exit code 1 when a model cannot be measured; it
is a row with its reason then.""",
)
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True), help="Folder or CSV of cells.")
@data_options
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(100, 100_000),
              help="Bootstrap resamplings of the patients.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the bootstrap.")
@click.option("--preset", type=click.Choice(["quick", "standard"]), default="standard", show_default=True)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def models(
    names: tuple[str, ...],
    data: Path,
    reading: Reading,
    resamples: int,
    seed: int,
    preset: str,
    save: Path | None,
    as_json: bool,
) -> None:
    """Compare MODELs with the first one: size, time of the bare interpreter, and how well they judge the cells in DATA.

    MODEL is a .tflite file with a card, or the name of a model that comes along. DATA is a folder with Parasitized/ and
    Uninfected/, or a CSV with path, label and, if known, patient and part; of data with a test part that part alone is
    taken. Figures and intervals are those of `thinsmear evaluate`; differences to the first model are paired.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.harness.timing import PRESETS
    from benchmarks.harness.unseen_patients import Judged
    from benchmarks.models.models import compare_models
    from benchmarks.models.models_section import section
    from benchmarks.report.forms import text

    check_folder(save)
    found = compare_models(names, Judged.read(data, reading), PRESETS[preset], resamples, seed)
    document = deliver("models", {"preset": preset, **found}, lambda made: text(section(made)), as_json, save)
    failed = [row["name"] for row in document["models"] if row["error"] is not None]
    if failed:
        raise ThinsmearError(f"{len(failed)} of {len(names)} models could not be measured: {', '.join(failed)}.")
