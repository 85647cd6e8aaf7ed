"""The command ``thinsmear synth``: labelled cells per patient and whole fields with ground truth."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click
import numpy as np
from PIL import Image

from edge_runtime.console import emit_json, json_option, note, progress, verbosity_options
from edge_runtime.errors import WrongUsage
from edge_runtime.files import write_atomically
from train.synthetic.cell import draw_cell
from train.synthetic.field import draw_field
from train.synthetic.paint import Patient, draw_patient

_WARNING = (
    "Synthetic smears, drawn by a program: for demonstrations, tests and camera replay. "
    "Not a training set for real use: a model trained on them knows nothing about real cells."
)


def write_cells(out: Path, count: int, patients: int, seed: int) -> dict[str, int]:
    """Draw labelled cells into ``out/cells`` and list them in ``out/cells.csv``.

    Every fifth patient is healthy. A cell depends on seed, patient and its number alone, never on ``count``.

    Returns:
        Number of cells by label.
    """
    rows = []
    with progress(range(count), "Drawing cells", count) as numbers:
        for number in numbers:
            person, position = number % patients, number // patients
            generator = np.random.default_rng((seed, 1, person, position))
            # Two healthy patients in ten; the rest lean to infected cells, so that the classes are about even.
            infected = person % 5 != 4 and generator.random() < 0.62
            pixels, stage = draw_cell(generator, _patient(seed, person), infected)
            label = "Parasitized" if infected else "Uninfected"
            name = f"C{person + 1}P{person + 1}ThinF_IMG_20150101_{position:06d}_cell_{position + 1}.png"
            path = f"cells/{label}/{name}"
            _save(out / path, pixels)
            rows.append((path, label, f"C{person + 1}P{person + 1}", stage))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([("path", "label", "patient", "stage"), *sorted(rows)])
    write_atomically(out / "cells.csv", stream.getvalue())
    return {label: sum(row[1] == label for row in rows) for label in ("Parasitized", "Uninfected")}


def write_fields(out: Path, count: int, seed: int, size: tuple[int, int] = (1280, 960)) -> int:
    """Draw whole fields into ``out/fields`` with ``annotations.json``; returns how many cells they hold."""
    annotations = []
    with progress(range(count), "Drawing fields", count) as numbers:
        for number in numbers:
            generator = np.random.default_rng((seed, 2, number))
            pixels, cells = draw_field(generator, _patient(seed, number), size)
            _save(out / "fields" / f"field_{number:04d}.png", pixels)
            annotations.append({"image": f"field_{number:04d}.png", "cells": cells})
    write_atomically(out / "fields" / "annotations.json", json.dumps(annotations))
    return sum(len(field["cells"]) for field in annotations)


def _patient(seed: int, number: int) -> Patient:
    return draw_patient(np.random.default_rng((seed, 0, number)))


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    path.write_bytes(buffer.getvalue())


def _size(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    width, _, height = value.partition("x")
    if not (width.isdigit() and height.isdigit() and 200 <= int(width) <= 8000 and 200 <= int(height) <= 8000):
        raise click.BadParameter(f"{value!r} is no size such as 1280x960, from 200 to 8000 pixels a side.")
    return int(width), int(height)


@click.command(
    short_help="Make synthetic cells and fields with ground truth.",
    epilog="""\b
Examples:
  thinsmear synth smears --cells 2000 --fields 5
  thinsmear synth smears --cells 0 --fields 20 --field-size 640x480 --seed 7""",
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cells", default=1000, show_default=True, type=click.IntRange(0), help="Single cells.")
@click.option("--fields", default=2, show_default=True, type=click.IntRange(0), help="Whole fields.")
@click.option("--patients", default=40, show_default=True, type=click.IntRange(1), help="Patients the cells come from.")
@click.option("--field-size", default="1280x960", show_default=True, callback=_size, metavar="WxH")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@json_option
@verbosity_options
def synth(
    out: Path, cells: int, fields: int, patients: int, field_size: tuple[int, int], seed: int, as_json: bool
) -> None:
    """Draw synthetic smears into the new folder OUT: cells/, cells.csv, fields/ with annotations.json.

    The same seed draws the same pixels. Not a training set for real use.
    """
    if cells + fields == 0:
        raise WrongUsage("Nothing to draw: --cells and --fields are both 0.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUsage(f"{out} already exists and is not empty; name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "README.txt", _WARNING + "\n")
    note(_WARNING)
    by_label = write_cells(out, cells, patients, seed) if cells else {}
    found = write_fields(out, fields, seed, field_size) if fields else 0
    if as_json:
        emit_json({"out": str(out), "cells": by_label, "fields": fields, "cells_in_fields": found, "seed": seed})
    else:
        drawn = ", ".join(f"{number} {label.lower()}" for label, number in by_label.items()) or "no single"
        click.echo(f"{out}: {drawn} cells of {patients} patients; {fields} fields with {found} cells.")
