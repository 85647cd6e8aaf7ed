"""Split by patient: every cell of a patient lies on one side, so that a test says something about new patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Which image belongs where.

    Attributes:
        parts: str [n], "train", "val" or "test".
        by: "patient", "layout" (the folders said so), or "image": leaky, only when asked for; also of folders that
            say so while patients are unknown.
        seed: what the shuffle was seeded with.
    """

    parts: np.ndarray
    by: str
    seed: int

    def indices(self, part: str) -> np.ndarray:
        """int [k], positions of the images of ``part``, ascending."""
        return np.flatnonzero(self.parts == part)


def patient_folds(labels: np.ndarray, patients: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Assign patients to folds so that cells of both classes spread evenly (greedy, largest patient first).

    Args:
        labels: int [n].
        patients: n names.
        folds: number of folds, 2 or more.
        seed: orders patients of equal size, so it chooses among equally good splits.

    Returns:
        int [n], the fold of each image in 0..folds-1; all images of a patient share it.

    Raises:
        WrongUsage: fewer patients than folds.
    """
    names, index = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    if folds < 2 or len(names) < folds:
        raise WrongUsage(f"{folds} folds need at least as many patients, and at least 2 folds; found {len(names)}.")
    counts = np.zeros((len(names), 2))
    np.add.at(counts, (index, np.asarray(labels, dtype=int)), 1)
    return _spread(counts, np.full(folds, 1 / folds), seed)[index]


def split_cells(
    cells: Cells,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    by_image: bool = False,
    alike: np.ndarray | None = None,
) -> Split:
    """Split into train, validation and test.

    Parts named by the layout are kept; a missing validation part is then cut out of its training patients, or of its
    training images where patients are unknown.

    Args:
        alike: int [n], equal for images that are nearly the same; a split by image keeps them together.

    Raises:
        WrongUsage: patients are unknown and ``by_image`` was not asked for, or a class is missing, from all or a part.
        BadData: the layout puts one patient on both sides.
    """
    if cells.patients is None and not by_image:
        raise WrongUsage(
            f"{cells.of_no_patient}, so a split would leak: {cells.remedy_of_no_patient}, or accept optimistic figures "
            "with --split-by-image."
        )
    present = np.unique(cells.labels)
    if len(present) == 1:
        have, lack = ("parasitized", "uninfected") if present[0] else ("uninfected", "parasitized")
        raise WrongUsage(f"All {len(cells)} images are {have}; a network learns from both classes, so add {lack} ones.")
    patients = None if by_image and cells.parts is None else cells.patients
    single = np.arange(len(cells)) if alike is None else alike
    groups = [str(i) for i in single] if patients is None else list(patients)
    if cells.parts is not None:
        split = Split(_parts_of_layout(cells, groups, fractions, seed), "image" if patients is None else "layout", seed)
    else:
        names, index = np.unique(np.asarray(groups), return_inverse=True)
        counts = np.zeros((len(names), 2))
        np.add.at(counts, (index, cells.labels.astype(int)), 1)
        parts = np.asarray(PARTS)[_spread(counts, np.asarray(fractions), seed)][index]
        split = Split(parts, "image" if patients is None else "patient", seed)
    for part in PARTS:
        present = np.unique(cells.labels[split.parts == part])
        if len(present) < 2:
            raise WrongUsage(
                f"The {part} part would hold {int(np.sum(split.parts == part))} images of {len(present)} class(es); "
                f"there are {len(set(groups))} patients or images to split, more are needed (or another --seed)."
            )
    return split


def _parts_of_layout(cells: Cells, groups: list[str], fractions: tuple[float, float, float], seed: int) -> np.ndarray:
    parts = np.asarray(cells.parts, dtype="<U5")
    if "val" not in parts:
        train = np.flatnonzero(parts == "train")
        if not len(train):
            raise BadData("The layout has a test folder but no train folder.")
        names, index = np.unique(np.asarray(groups)[train], return_inverse=True)
        counts = np.zeros((len(names), 2))
        np.add.at(counts, (index, cells.labels[train].astype(int)), 1)
        share = fractions[1] / (fractions[0] + fractions[1])
        chosen = _spread(counts, np.array([1 - share, share]), seed)[index] == 1
        parts[train[chosen]] = "val"
    side: dict[str, str] = {}
    if cells.patients is not None:
        for patient, part in zip(cells.patients, parts, strict=True):
            if side.setdefault(patient, part) != part:
                raise BadData(
                    f"The layout puts patient {patient} into both {side[patient]} and {part}, so its test leaks; "
                    "merge the folders and let the split be made by patient."
                )
    return parts


def _spread(counts: np.ndarray, fractions: np.ndarray, seed: int) -> np.ndarray:
    """Give each group (row of ``counts`` [g, 2]) a bin so that every bin gets its fraction of both classes."""
    generator = np.random.default_rng(seed)
    noise = generator.random(len(counts))
    # Largest first leaves the small patients to even things out; noise makes the seed matter among likes.
    order = np.argsort(-counts.sum(axis=1) * (0.75 + 0.5 * noise))
    totals = np.maximum(counts.sum(axis=0), 1)
    filled = np.zeros((len(fractions), 2))
    bins = np.zeros(len(counts), dtype=int)
    for group in order:
        after = (filled + counts[group]) / totals / fractions[:, None]
        before = filled / totals / fractions[:, None]
        cost = (after**2 - before**2).sum(axis=1) * fractions
        bins[group] = int(np.argmin(cost))
        filled[bins[group]] += counts[group]
    return bins
