"""Labelled cell images as every part of training and evaluation takes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from train.data.copies import digests_of
from train.data.reading import first_three


@dataclass(frozen=True)
class Cells:
    """Labelled cell images; the order is fixed (sorted by path) so that seeds mean the same everywhere.

    Attributes:
        root: folder the paths are relative to.
        paths: POSIX paths, n of them.
        labels: int8 [n]; 1 parasitized, 0 uninfected.
        patients: a name per image, or None when unknown.
        parts: "train", "val" or "test" per image when the layout itself says so, else None.
        ignored: how many hidden, system or non-image files were passed over.
        unnamed: paths of images without a patient where others have one; ``patients`` is None then.
        left_out: how many images of the data are none of these cells, by reason: ``copies``, ``contradictory``,
            ``unlabelled``, ``unnamed``.
        digests: SHA-256 of each file as it was when the data were read; None: not read yet.
    """

    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    patients: tuple[str, ...] | None
    parts: tuple[str, ...] | None = None
    ignored: int = 0
    unnamed: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    digests: tuple[bytes, ...] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Sequence[int] | np.ndarray) -> Cells:
        """The images at ``indices`` (int [k] or bool [n]), in that order."""
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        paths = tuple(self.paths[i] for i in chosen)
        return Cells(
            root=self.root,
            paths=paths,
            labels=self.labels[chosen],
            patients=None if self.patients is None else tuple(self.patients[i] for i in chosen),
            parts=None if self.parts is None else tuple(self.parts[i] for i in chosen),
            unnamed=tuple(path for path in self.unnamed if path in set(paths)) if self.unnamed else (),
            left_out=self.left_out,
            digests=None if self.digests is None else tuple(self.digests[i] for i in chosen),
        )

    @property
    def of_no_patient(self) -> str:
        """Which images have no patient, as the beginning of a sentence; for cells whose patients are unknown."""
        if self.unnamed:
            return f"{len(self.unnamed):,} of {len(self):,} images name no patient: {first_three(self.unnamed)}"
        return f'No patient is known for these images (file names such as "{self.paths[0]}")'

    @property
    def remedy_of_no_patient(self) -> str:
        """What to do about it, a part of a sentence."""
        leave = "leave them out with --skip-unnamed, " if self.unnamed else ""
        return f"{leave}give --patients REGEX or a CSV with a patient column"

    def files(self) -> Iterator[Path]:
        """Absolute paths in order."""
        return (self.root / path for path in self.paths)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over path, label and content of every image: two data sets with the same one are the same."""
        contents = self.digests if self.digests is not None else digests_of(self.files())
        digest = hashlib.sha256()
        for path, label, content in zip(self.paths, self.labels, contents, strict=True):
            digest.update(os.fsencode(path) + b"\0" + bytes([int(label)]))
            digest.update(content)
        return digest.hexdigest()
