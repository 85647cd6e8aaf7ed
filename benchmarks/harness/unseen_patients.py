"""Whether a model has learnt from the patients it is judged on: by the images and the split that its card names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.core.card import Card
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.patients import NIH_PATIENT
from train.data.reading import Reading
from train.data.scan import scan
from train.runs.run import patients_hash


@dataclass(frozen=True)
class Judged:
    """Labelled data, and which of them models are judged on.

    Attributes:
        everything: all that the data hold.
        cells: those that models are judged on, of both classes.
        part: "test" where the data themselves tell a test part, else "all".
        expression: finds the patient in a file name; None: NIH names.
    """

    everything: Cells
    cells: Cells
    part: str
    expression: str | None

    @classmethod
    def read(cls, data: Path, reading: Reading) -> Judged:
        """The cells that ``thinsmear evaluate MODEL DATA`` takes.

        Raises:
            WrongUsage: there are no such cells, or all are of one class.
            BadData: a damaged CSV.
        """
        everything = scan(data, reading)
        cells, part = everything, "all"
        if everything.parts is not None:
            cells, part = everything.subset(np.asarray(everything.parts) == "test"), "test"
            if not len(cells):
                raise WrongUsage(f"{printable(data)} names parts, but no image of it is in the test part.")
        if len(set(cells.labels.tolist())) < 2:
            only = "parasitized" if cells.labels[0] else "uninfected"
            raise WrongUsage(
                f"All {len(cells):,} cells of {printable(data)} are {only}; a comparison needs both kinds."
            )
        return cls(everything, cells, part, reading.patients)

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """SHA-256 of each image of :attr:`everything` -> its patient, or its path where patients are not known."""
        names = self.everything.patients or self.everything.paths
        try:
            digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in self.everything.files()]
        except OSError as error:
            raise BadData(f"{printable(error.filename or '')} cannot be read: {error.strerror}.") from error
        return dict(zip(digests, names, strict=True))

    @cached_property
    def named_by_file(self) -> bool:
        """Whether every patient's name is what the expression finds in the names of the files."""
        known = self.everything.patients
        return known is not None and all(
            self.patient_in(path) == name for path, name in zip(self.everything.paths, known, strict=True)
        )

    def patient_in(self, path: str) -> str | None:
        """The patient that a file name names; None when it names none."""
        match = re.search(self.expression or NIH_PATIENT, PurePosixPath(path).name)
        return None if match is None else match.group(1 if match.re.groups else 0)


@dataclass(frozen=True)
class Overlap:
    """What a card tells about the patients that a model is judged on.

    Attributes:
        unseen: True when none of them was in its training, False when some were, None when the card does not tell.
        common: those that were, sorted; images where patients are not known.
    """

    unseen: bool | None
    common: tuple[str, ...] = ()


def overlap(card: Card, judged: Judged) -> Overlap:
    """Compare the patients behind the card with those of the cells.

    A card has the hash of its run's split, and the SHA-256 of the images that calibrated the quantisation, which are of
    training patients, of all of them where there were not too many. Where the data carry the very split, it is read.
    Else the calibration images are looked for among the data by content; on an earlier card those that are not there
    tell their patient by the name of the file, where the data's patients are named so too.
    """
    everything, cells = judged.everything, judged.cells
    of_split = _value(card.details, "training", "patients_sha256")
    if everything.patients is not None and everything.parts is not None and cells.patients is not None:
        parts = np.asarray(everything.parts)
        if of_split is not None and of_split == patients_hash(everything.patients, parts):
            trained = {name for name, part in zip(everything.patients, everything.parts, strict=True) if part != "test"}
            common = sorted(trained & set(cells.patients))
            return Overlap(not common, tuple(common))
    found = [_patient(path, digest, judged) for path, digest in _calibration(card)]
    trained = {name for name in found if name is not None}
    common = sorted(trained & set(cells.patients or cells.paths))
    if common:
        return Overlap(False, tuple(common))
    complete = None not in found and len(trained) == _value(card.details, "training", "parts", "train", "patients")
    return Overlap(True if complete and cells.patients is not None else None)


def _patient(path: str, digest: str, judged: Judged) -> str | None:
    known = judged.owners.get(digest)
    return judged.patient_in(path) if known is None and judged.named_by_file else known


def _calibration(card: Card) -> list[tuple[str, str]]:
    """Path and SHA-256 of the calibration images; what is malformed is passed over, as nothing else depends on it.

    Only the cards of earlier versions have paths; they are empty otherwise.
    """
    files = _value(card.details, "representative", "files")
    pairs = [
        (file.get("path", ""), file.get("sha256"))
        for file in (files if isinstance(files, list) else [])
        if isinstance(file, Mapping)
    ]
    return [(path, digest) for path, digest in pairs if isinstance(path, str) and isinstance(digest, str)]


def _value(document: Any, *keys: str) -> Any:
    """What lies below these keys, None where one is missing."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
