"""The command ``thinsmear bench peers``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.peers.other_makers import INPUTS
from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import ThinsmearError, WrongUsage
from train.commands.data_options import data_options
from train.data.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.other_makers import Foreign
    from edge_runtime.core.model_file import ModelFile
    from train.runs.run import Run


@click.command(
    short_help="Other runtimes and models on the same cells.",
    epilog="""\b
Examples:
  thinsmear bench peers default --run run                    every runtime that is installed, on the test patients
  thinsmear bench peers model.tflite --data cells/           without the float network: int8 runtimes only
  thinsmear bench peers --run run --peer other.tflite --peer-input rgb/255 --peer-positive 0

quick: 32 rounds of 8 cells, 2 starts; standard: 128 rounds, 5 starts.

\b
pip install "thinsmear[peers]" brings ONNX Runtime, OpenVINO and the converter. What is missing or fails is listed with
its reason. Exit code 1 when the model itself cannot be measured.""",
)
@click.argument("model", required=False, metavar="[MODEL]")
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Folder or CSV of cells [the run's].")
@click.option("--run", "run_path", type=click.Path(path_type=Path), metavar="RUN", help="The run behind MODEL.")
@click.option("--keras", type=click.Path(path_type=Path, dir_okay=False), help="The float network, without a run.")
@click.option(
    "--peer",
    "peers_paths",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.tflite",
    help="Another classifier; may be repeated.",
)
@click.option(
    "--peer-input",
    multiple=True,
    default=("rgb/255",),
    show_default=True,
    type=click.Choice(list(INPUTS)),
    help="What its training made of pixels.",
)
@click.option(
    "--peer-positive",
    multiple=True,
    default=(1,),
    show_default=True,
    type=click.IntRange(0),
    help="Which of its classes means parasitized, from 0.",
)
@data_options
@click.option("--most", default=300, show_default=True, type=click.IntRange(1), help="Cells at most.")
@click.option("--preset", type=click.Choice(["quick", "standard"]), default="standard", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the draw of cells.")
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def peers(
    model: str | None,
    data: Path | None,
    run_path: Path | None,
    keras: Path | None,
    peers_paths: tuple[Path, ...],
    peer_input: tuple[str, ...],
    peer_positive: tuple[int, ...],
    reading: Reading,
    most: int,
    preset: str,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """Classify the same cells with MODEL here, in a bare LiteRT loop, in ONNX Runtime, OpenVINO, TensorFlow and Keras.

    Every runtime has a process of its own with one thread, all on the same processor, and they take turns, so the
    ratios hold on a busy machine too.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.peers.other_makers import pair_up
    from benchmarks.peers.section import section
    from benchmarks.report.forms import text

    check_folder(save)
    foreign = pair_up(peers_paths, peer_input, peer_positive)
    file = _model_with_card(model)
    if run_path is not None and keras is not None:
        raise WrongUsage("Give --run or --keras, not both; a run has its own network.")
    run = None if run_path is None else _finished_run(run_path)
    made = _measure(file, run, keras, foreign, data, reading, most, preset, seed)
    deliver("peers", made, lambda document: text(section(document)), as_json, save)
    error = made["rows"][0]["error"]
    if error is not None:
        raise ThinsmearError(f"The model itself could not be measured: {error}")


def _model_with_card(name: str | None) -> ModelFile:
    from edge_runtime.core.model_file import open_model

    file = open_model(name)
    if file.card is None:
        raise WrongUsage(f"{printable(file.path)} has no card; give it as --peer, beside a MODEL that has one.")
    return file


def _finished_run(path: Path) -> Run:
    from train.runs.run import Run

    run = Run.open(path)
    if not run.finished:
        raise WrongUsage(f"{printable(run.path)} holds no model yet; continue with `thinsmear train --resume`.")
    return run


def _measure(
    file: ModelFile,
    run: Run | None,
    keras: Path | None,
    foreign: Sequence[Foreign],
    data: Path | None,
    reading: Reading,
    most: int,
    preset: str,
    seed: int,
) -> dict[str, Any]:
    """The document of ``bench peers`` without its envelope, this program's row first."""
    from benchmarks.harness.machine import last_processor
    from benchmarks.peers.cells import choose_cells
    from benchmarks.peers.lineup import line_up
    from benchmarks.peers.rounds import AMOUNTS, BLOCK, measure

    network, output = (keras, None) if run is None else (run.path / "model.keras", run.output)
    chosen = choose_cells(data, run, most, seed, reading=reading)
    amount, cpu = AMOUNTS[preset], last_processor()
    with tempfile.TemporaryDirectory(prefix="thinsmear-peers-") as folder:
        contenders = line_up(file, network, output, foreign, chosen, Path(folder), cpu)
        rows = measure(contenders, chosen.labels, amount)
    return {
        "model": file.id,
        "preset": preset,
        "cells": {
            "number": len(chosen.files),
            "patients": chosen.patients,
            "origin": chosen.origin,
            "parasitized": None if chosen.labels is None else int(chosen.labels.sum()),
        },
        "rounds": amount.rounds,
        "block": BLOCK,
        "cpu": cpu,
        "rows": [row.to_json() for row in rows],
    }
