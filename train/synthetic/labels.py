"""Names and labels: which cell of which patient is infected, and what its file is called as in the NIH set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from train.synthetic.cell import UNINFECTED
from train.synthetic.field import Box

# Of an infected patient's cells; with one healthy patient in five, half of all cells are infected.
_INFECTED_NUMERATOR, _INFECTED_DENOMINATOR = 5, 8
_CELLS_A_PHOTO = 40


@dataclass(frozen=True)
class CellLabel:
    """One synthetic cell.

    Attributes:
        path: POSIX path below the output folder.
        label: ``"Parasitized"`` or ``"Uninfected"``, also the name of its folder.
        patient: as the file name begins.
        stage: ``"uninfected"`` or the parasite's stage.
    """

    path: str
    label: str
    patient: str
    stage: str


def is_infected(patient: int, index: int) -> bool:
    """Whether cell ``index`` of the infected patient number ``patient`` holds a parasite: evenly spread, 5 in 8."""
    place = (index + 3 * patient) * _INFECTED_NUMERATOR % _INFECTED_DENOMINATOR
    return place >= _INFECTED_DENOMINATOR - _INFECTED_NUMERATOR


def cell_label(patient: str, index: int, stage: str) -> CellLabel:
    """Name and labels of cell ``index`` (from 0) of a patient."""
    label = "Uninfected" if stage == UNINFECTED else "Parasitized"
    photo = index // _CELLS_A_PHOTO
    minute, second = divmod(photo * 11, 60)
    name = f"{patient}ThinF_IMG_20240101_10{minute % 60:02d}{second:02d}_cell_{index + 1}.png"
    return CellLabel(f"cells/{label}/{name}", label, patient, stage)


def cells_csv(labels: Iterable[CellLabel]) -> str:
    """The list of all cells: path,label,patient,stage."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("path", "label", "patient", "stage"))
    writer.writerows((entry.path, entry.label, entry.patient, entry.stage) for entry in labels)
    return stream.getvalue()


def annotations_json(fields: Mapping[str, Sequence[Box]]) -> str:
    """The boxes of all fields: [{"image", "cells": [{"type", "x", "y", "w", "h", "border"}]}]."""
    return json.dumps([{"image": name, "cells": list(boxes)} for name, boxes in fields.items()]) + "\n"
