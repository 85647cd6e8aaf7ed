"""The calibration images: seeded, both classes and all training patients alike, and on record by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.errors import WrongUsage
from train.data.dataset import Cells

DEFAULT_SIZE = 300


@dataclass(frozen=True)
class Representative:
    """The images the activation ranges are taken from.

    Attributes:
        indices: int [k], positions in the data set, ascending.
        seed: what chose them.
        patients: how many patients they come from, None when unknown.
        files: path and SHA-256 of each image file, in the same order.
    """

    indices: np.ndarray
    seed: int
    patients: int | None
    files: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for the card: hashes find the images again; their names may tell whose they are."""
        return {
            "size": len(self.indices),
            "seed": self.seed,
            "patients": self.patients,
            "files": [{"sha256": digest} for _, digest in self.files],
        }


def choose(
    labels: np.ndarray,
    patients: Sequence[str] | None,
    parts: np.ndarray,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    part: str = "train",
) -> np.ndarray:
    """Pick images of one part so that each class gets half and, within a class, each patient nearly the same number.

    Args:
        labels: int [n].
        patients: n names; None lets every image stand for itself.
        parts: [n], "train", "val" or "test".
        size: how many; all images of the part when there are fewer.
        seed: decides which images of a patient, and which patients when not all fit.
        part: what to choose from; calibration never looks at anything but "train".

    Returns:
        int [k], ascending.

    Raises:
        WrongUsage: ``size`` is below 1 or the part is empty.
    """
    if size < 1:
        raise WrongUsage(f"The number of images is {size}; it must be 1 or more.")
    members = np.flatnonzero(np.asarray(parts) == part)
    if not len(members):
        raise WrongUsage(f"The run has no {part} images to choose from; check its split.")
    names = np.asarray(members if patients is None else np.asarray(patients)[members]).astype(str)
    generator = np.random.default_rng(seed)
    queues = [
        _round_robin(members[chosen], names[chosen], generator)
        for chosen in (np.asarray(labels)[members] == 0, np.asarray(labels)[members] == 1)
    ]
    first = min(len(queues[0]), max(size // 2, size - len(queues[1])))
    return np.sort(np.concatenate([queues[0][:first], queues[1][: size - first]]))


def draw_representative(cells: Cells, parts: np.ndarray, size: int, seed: int) -> Representative:
    """Choose training images and put them on record, with the hash of each file's content.

    Args:
        cells: all images, n of them.
        parts: [n], "train", "val" or "test".
        size: how many; all training images when there are fewer.
        seed: see :func:`choose`.
    """
    indices = choose(cells.labels, cells.patients, parts, size, seed)
    chosen = cells.subset(indices)
    files = tuple(
        (path, hashlib.sha256(file.read_bytes()).hexdigest())
        for path, file in zip(chosen.paths, chosen.files(), strict=True)
    )
    patients = None if chosen.patients is None else len(set(chosen.patients))
    return Representative(indices, seed, patients, files)


def _round_robin(indices: np.ndarray, names: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Order images so that any first k of them hold every patient nearly equally often."""
    shuffled = generator.permutation(len(indices))
    indices, names = indices[shuffled], names[shuffled]
    order = np.argsort(names, kind="stable")
    _, starts, counts = np.unique(names[order], return_index=True, return_counts=True)
    turn = np.empty(len(indices), int)
    turn[order] = np.arange(len(indices)) - np.repeat(starts, counts)
    # Stable: within one turn the shuffle decides which patient comes first.
    return indices[np.argsort(turn, kind="stable")]
