"""Find labelled cell images and their patients in the layouts people keep them in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage
from train.data.copies import Copies, digests_of, find_copies
from train.data.dataset import Cells
from train.data.folders import read_folders
from train.data.lists import read_list
from train.data.patients import patients_by_name, warn_of_single_images
from train.data.reading import Listed, Listing, Reading, first_three

_LISTED = 10  # images with contradictory labels that are named; the others are counted


def scan(root: Path, reading: Reading | None = None) -> Cells:
    """Read a data set.

    Layouts: ``Parasitized/`` and ``Uninfected/`` folders (any case, see :func:`train.data.labels.statement`) at any
    depth; the same below ``train/ test/`` (and ``val/``) folders; or a list, see :func:`train.data.lists.read_list`.
    Images that are equal byte for byte are one cell. What is left out, and why, is said on stderr.

    Args:
        root: the data folder, or the list itself.
        reading: what the user says about the data; None: nothing.

    Raises:
        WrongUsage: nothing to work on, or a bad expression.
        BadData: labels that say nothing or contradict each other, or patients that only some images have.
    """
    how = reading or Reading()
    if root.is_file():
        listing, root = read_list(root.parent, root, how), root.parent
    elif root.is_dir():
        listing = read_folders(root, how)
    else:
        raise WrongUsage(f"There is no data folder {root}; give a folder with Parasitized/ and Uninfected/, or a CSV.")
    return _put_together(root, listing, how)


def _put_together(root: Path, listing: Listing, reading: Reading) -> Cells:
    images = listing.images
    patients = [one.patient for one in images]
    by_name = reading.patients is not None or not any(patients)
    if by_name:
        patients = patients_by_name([one.path for one in images], reading.patients)
    digests = digests_of(root / one.path for one in images)
    same = find_copies(digests, [one.label for one in images], patients)
    _tell_of_copies(same, images)
    if not same.kept:
        raise BadData(f"Every image under {printable(root)} comes with both labels; look at how they were sorted.")
    kept = list(same.kept)
    nameless = [i for i in kept if patients[i] is None]
    some = 0 < len(nameless) < len(kept)
    if reading.skip_unnamed and nameless:
        if not some:
            raise WrongUsage("--skip-unnamed: no image has a patient, so none would be left; give --patients REGEX.")
        note(f"{_of_no_patient(nameless, kept, images)}; left out.")
        kept = [i for i in kept if patients[i] is not None]
    elif nameless and (reading.patients is not None or (some and not by_name)):
        where = f'--patients "{reading.patients}" finds no patient' if by_name else "The list names no patient"
        raise BadData(
            f"{where} for {len(nameless):,} of {len(same.kept):,} images: "
            f"{first_three([images[i].path for i in nameless])}; leave them out with --skip-unnamed."
        )
    known = tuple(name for i in kept if (name := patients[i]) is not None)
    if by_name and len(known) == len(kept):
        warn_of_single_images(known)
    parts = tuple(part for i in kept if (part := images[i].part) is not None)
    return Cells(
        root=root,
        paths=tuple(images[i].path for i in kept),
        labels=np.array([images[i].label for i in kept], dtype=np.int8),
        patients=known if len(known) == len(kept) else None,
        parts=parts or None,
        ignored=listing.ignored,
        unnamed=tuple(images[i].path for i in kept if patients[i] is None) if known else (),
        left_out={
            "copies": len(same.copies),
            "contradictory": sum(map(len, same.contradictory)),
            "unlabelled": listing.unlabelled,
            "unnamed": len(same.kept) - len(kept),
        },
        digests=tuple(digests[i] for i in kept),
    )


def _tell_of_copies(same: Copies, images: Sequence[Listed]) -> None:
    """Say how many images are copies, and name those that come with both labels."""
    if same.copies:
        note(
            f"{len(images):,} images hold {len(same.kept):,} cells; {len(same.copies):,} byte-equal "
            f"{'copy of another is' if len(same.copies) == 1 else 'copies of others are'} left out: "
            f"{first_three([images[i].path for i in same.copies])}"
        )
    if same.of_other_patients:
        named = first_three([images[i].path for i in same.of_other_patients])
        note(f"WARNING: {len(same.of_other_patients):,} copies name another patient than the image kept: {named}.")
    if same.contradictory:
        total = sum(map(len, same.contradictory))
        note(f"WARNING: {total:,} images are equal to one of the other class and were left out:")
        for group in same.contradictory[:_LISTED]:
            note("  " + " = ".join(printable(images[i].path) for i in group[:4]) + (" ..." if len(group) > 4 else ""))
        if len(same.contradictory) > _LISTED:
            note(f"  and {len(same.contradictory) - _LISTED:,} more")


def _of_no_patient(nameless: Sequence[int], kept: Sequence[int], images: Sequence[Listed]) -> str:
    named = first_three([images[i].path for i in nameless])
    return f"{len(nameless):,} of {len(kept):,} images name no patient: {named}"
