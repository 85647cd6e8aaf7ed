"""Write synthetic cells and fields with their labels to a folder."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.common.console import progress
from edge_runtime.common.files import write_atomically
from edge_runtime.errors import WrongUsage
from train.synthetic.cell import UNINFECTED, draw_cell
from train.synthetic.field import Box, draw_field
from train.synthetic.labels import CellLabel, annotations_json, cell_label, cells_csv, is_infected
from train.synthetic.stain import STAGES, cell_rng, field_rng, make_patient

WARNING = (
    "Synthetic images, drawn by thinsmear for demonstrations and tests. "
    "Do not train or judge a model for real use with them."
)
_GOLDEN_SEED = 20180416  # never change it: the golden vectors of published models were made with it
_QUICK_PNG = 2  # zlib level; noise hardly compresses better with more effort


@dataclass(frozen=True)
class Made:
    """What one call wrote.

    Attributes:
        cells: number of cells by stage, ``"uninfected"`` among them.
        patients: patients that have a cell or a field.
        fields: number of fields.
        objects: number of annotated objects in all fields by type.
    """

    cells: dict[str, int]
    patients: int
    fields: int
    objects: dict[str, int]


def generate(
    out: Path, cells: int, fields: int, patients: int = 20, seed: int = 0, field_size: tuple[int, int] = (1280, 960)
) -> Made:
    """Make a data set in ``out``, which appears complete or, on an error or Ctrl-C, not at all.

    Cell k of a patient is the same however many are made; so is field k. Patients take turns.

    Args:
        out: new or empty folder; its parents are made.
        cells, fields: how many of each; not both 0.
        patients: among how many patients they are shared out; every fifth is healthy.
        seed: not negative; the same seed gives the same bytes.
        field_size: (width, height) of a field in pixels.

    Raises:
        WrongUsage: ``out`` holds something, or there is nothing to make.
    """
    if cells < 1 and fields < 1:
        raise WrongUsage("Nothing to make: 0 cells and 0 fields; ask for some with --cells or --fields.")
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{out} is a file; name a new or an empty folder.")
    if out.is_dir() and any(out.iterdir()):
        raise WrongUsage(f"{out} is not empty; name a new or an empty folder, nothing is overwritten.")
    existed = out.is_dir()
    staging = out / f".unfinished-{secrets.token_hex(4)}"
    staging.mkdir(parents=True)
    try:
        labels = generate_cells(staging, cells, patients, seed) if cells else []
        boxes = generate_fields(staging, fields, patients, seed, field_size) if fields else {}
        write_atomically(staging / "README.txt", _readme(patients, seed))
        for entry in sorted(staging.iterdir(), key=lambda path: path.suffix):
            entry.rename(out / entry.name)
        staging.rmdir()
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):  # somebody else may have put something there
                out.rmdir()
        raise
    return Made(
        cells=dict(Counter(label.stage for label in labels)),
        patients=min(patients, max(cells, fields)),
        fields=len(boxes),
        objects=dict(Counter(box["type"] for found in boxes.values() for box in found)),
    )


def generate_cells(out: Path, count: int, patients: int, seed: int) -> list[CellLabel]:
    """Write ``out/cells/{Parasitized,Uninfected}/*.png`` and ``out/cells.csv``; ``out`` must exist."""
    for name in ("Parasitized", "Uninfected"):
        (out / "cells" / name).mkdir(parents=True)
    people = [make_patient(seed, number) for number in range(min(patients, count))]
    labels = []
    with progress(range(count), "cells", length=count) as numbers:
        for number in numbers:
            index, who = divmod(number, patients)
            patient, rng = people[who], cell_rng(seed, who, index)
            stage = patient.stage(rng) if is_infected(who, index) and not patient.healthy else UNINFECTED
            label = cell_label(patient.name, index, stage)
            _save(out / label.path, draw_cell(rng, patient, stage))
            labels.append(label)
    write_atomically(out / "cells.csv", cells_csv(labels))
    return labels


def generate_fields(
    out: Path, count: int, patients: int, seed: int, size: tuple[int, int] = (1280, 960)
) -> dict[str, list[Box]]:
    """Write ``out/fields/*.png`` and ``annotations.json`` there; ``out`` must exist. ``size`` is (width, height)."""
    (out / "fields").mkdir()
    boxes: dict[str, list[Box]] = {}
    with progress(range(count), "fields", length=count) as numbers:
        for number in numbers:
            index, who = divmod(number, patients)
            patient = make_patient(seed, who)
            name = f"{patient.name}ThinF_field_{index + 1}.png"
            picture, boxes[name] = draw_field(field_rng(seed, who, index), patient, *size)
            _save(out / "fields" / name, picture)
    write_atomically(out / "fields" / "annotations.json", annotations_json(boxes))
    return boxes


def golden_images(height: int, width: int, count: int = 4) -> NDArray[np.uint8]:
    """Fixed synthetic cells, by turns infected and not, for the golden vectors of a model file.

    Returns:
        uint8 [count, height, width, 3] RGB.
    """
    images = []
    for number in range(count):
        patient = make_patient(_GOLDEN_SEED, number)
        stage = UNINFECTED if number % 2 else STAGES[number // 2 % len(STAGES)]
        cell = draw_cell(cell_rng(_GOLDEN_SEED, number, 0), patient, stage)
        images.append(np.asarray(Image.fromarray(cell).resize((width, height), Image.Resampling.BILINEAR)))
    return np.stack(images)


def _readme(patients: int, seed: int) -> str:
    return f"""{WARNING}

Made with seed {seed} for {patients} patients; every fifth patient is healthy.
cells/Parasitized, cells/Uninfected   single cells; a file name begins with the patient
cells.csv                             path, label, patient, stage of each cell
fields/annotations.json               image, and type, x, y, w, h (pixels) and border of each object in it
"""


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    Image.fromarray(picture).save(path, "PNG", compress_level=_QUICK_PNG)
