"""The ``synth`` command: synthetic cells and fields with ground truth, for the demo and for trying things out."""

from __future__ import annotations

import re
from pathlib import Path

import click

from edge_runtime.common.console import emit_json, json_option, note, table, verbosity_options

_LIMITS = (160, 8000)


def _size(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", value.strip().lower())
    if match is None:
        raise click.BadParameter(f'"{value}" is no size; write WIDTHxHEIGHT in pixels, for instance 1280x960.')
    width, height = int(match[1]), int(match[2])
    if not all(_LIMITS[0] <= side <= _LIMITS[1] for side in (width, height)):
        raise click.BadParameter(
            f"{value} is beyond the limits; each side may have {_LIMITS[0]} to {_LIMITS[1]} pixels."
        )
    return width, height


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cells", type=click.IntRange(0, 1_000_000), default=1000, show_default=True, help="Single cells.")
@click.option("--fields", type=click.IntRange(0, 100_000), default=4, show_default=True, help="Whole fields.")
@click.option(
    "--patients", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Patients, one in five healthy."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--field-size", default="1280x960", show_default=True, metavar="WxH", callback=_size, help="Pixels of a field."
)
@json_option
@verbosity_options
def synth(
    out: Path, cells: int, fields: int, patients: int, seed: int, field_size: tuple[int, int], as_json: bool
) -> None:
    """Make synthetic cells and fields with ground truth in the folder OUT.

    OUT must be new or empty. It gets cells/Parasitized and cells/Uninfected with the patient in each file name,
    cells.csv (path, label, patient, stage), and fields/ with annotations.json (boxes in pixels).

    The images are for demonstrations and tests, not for training a model for real use.
    """
    from train.synthetic.dataset import WARNING, generate

    made = generate(out, cells, fields, patients, seed, field_size)
    note(WARNING)
    if as_json:
        emit_json(
            {
                "out": str(out),
                "seed": seed,
                "patients": made.patients,
                "cells": made.cells,
                "fields": made.fields,
                "objects": made.objects,
            }
        )
        return
    rows = [("cell", kind, count) for kind, count in made.cells.items()]
    rows += [("in fields", kind, count) for kind, count in made.objects.items()]
    click.echo(table(("what", "kind", "count"), rows, right=(2,)))
    click.echo(f"\n{sum(made.cells.values())} cells and {made.fields} fields of {made.patients} patients in {out}")
