"""Labelled cells out of folders: every folder on the way to an image that means something has a say."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.core.images import IMAGE_SUFFIXES
from edge_runtime.errors import BadData, WrongUsage
from train.data.labels import Statement, number_in, statement
from train.data.reading import PARTS, Listed, Listing, Numbered, Reading, counted, images

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "icon\r"}
_CLASSES = ("uninfected", "parasitized")


@dataclass(frozen=True)
class _Folder:
    """A folder that holds images: what the names on the way to it say, and the numbers among them."""

    path: PurePosixPath
    pictures: tuple[str, ...]
    said: Mapping[str, Statement]
    numbers: tuple[str, ...]
    part: str | None


def read_folders(root: Path, reading: Reading) -> Listing:
    """The images below ``root`` with the label that their folders give them.

    Raises:
        WrongUsage: no image has a label, or ``reading`` speaks of numbers that are not there.
        BadData: folders that contradict each other, are mere numbers, or say nothing of their images.
    """
    folders, ignored = _walk(root)
    collections = _collections(folders)
    found: list[Listed] = []
    silent: dict[str, int] = {}
    wrong: dict[str, Mapping[str, int]] = {}
    numbered = Numbered(reading)
    labels = {
        folder.path: {name: one.label for name, one in folder.said.items() if not (one.weak and name in collections)}
        for folder in folders
    }
    by_number = bool(reading.parasitized) or not any(labels.values())  # beside names, numbers are one more that is mute
    for folder in folders:
        said = labels[folder.path]
        if len(set(said.values())) > 1:
            wrong[str(folder.path)] = said
        elif not said and not (folder.numbers and by_number):
            silent[str(folder.path)] = len(folder.pictures)
        else:
            number = "/".join(folder.numbers)
            for name in folder.pictures:
                label = next(iter(said.values())) if said else numbered.add(number)
                found.append(Listed(str(folder.path / name), label, part=folder.part))
    if wrong:
        raise BadData(_contradiction(wrong))
    if not found:
        where = f"; images lie in {counted(silent)}" if silent else ""
        raise WrongUsage(
            f"No labelled images under {printable(root)}{where}; expected folders named Parasitized and Uninfected, or "
            "a CSV."
        )
    numbered.check("folders", printable(root))
    _settle_silent(silent, reading)
    lonely = [one.path for one in found if one.part is None]
    if lonely and len(lonely) < len(found):
        raise BadData(
            f"Some images lie in train/test folders and others do not (for instance {printable(lonely[0])}); move them."
        )
    return Listing(tuple(sorted(found, key=lambda one: one.path)), ignored, sum(silent.values()))


def _walk(root: Path) -> tuple[list[_Folder], int]:
    """The folders that hold images, and how many other files there are."""
    folders: list[_Folder] = []
    ignored = 0
    for place, subfolders, names in os.walk(root):
        hidden = [name for name in subfolders if name.startswith((".", "__MACOSX"))]
        ignored += sum(len(files) for name in hidden for _, _, files in os.walk(Path(place, name)))
        subfolders[:] = sorted(name for name in subfolders if name not in hidden)
        pictures = tuple(sorted(name for name in names if _is_image(name)))
        ignored += len(names) - len(pictures)
        if pictures:
            folders.append(_understood(PurePosixPath(Path(place).relative_to(root).as_posix()), pictures))
    return folders, ignored


def _is_image(name: str) -> bool:
    hidden = name.startswith(".") or name.lower() in _SYSTEM_FILES
    return not hidden and Path(name).suffix.lower() in IMAGE_SUFFIXES


def _understood(path: PurePosixPath, pictures: tuple[str, ...]) -> _Folder:
    said = {name: one for name in path.parts if (one := statement(name)) is not None}
    numbers = tuple(number for name in path.parts if (number := number_in(name)) is not None)
    part = None
    for name in path.parts:
        part = PARTS.get(name.lower(), part)
    return _Folder(path, pictures, said, numbers, part)


def _collections(folders: list[_Folder]) -> set[str]:
    """Names of the disease or a species that lie over, or under, folders of both classes: they name a collection or a
    patient there (``malaria/clean`` beside ``malaria/sick``), not a class."""
    others: defaultdict[str, set[int]] = defaultdict(set)
    for folder in folders:
        for name, one in folder.said.items():
            if one.weak:
                others[name] |= {other.label for beside, other in folder.said.items() if beside != name}
    return {name for name, labels in others.items() if len(labels) > 1}


def _contradiction(wrong: Mapping[str, Mapping[str, int]]) -> str:
    shown = []
    for path, labels in list(wrong.items())[:3]:
        says: Iterator[str] = (f'"{printable(name)}" says {_CLASSES[label]}' for name, label in labels.items())
        shown.append(f"in {printable(path)} {' and '.join(says)}")
    return (
        f"{len(wrong):,} {'folder contradicts itself' if len(wrong) == 1 else 'folders contradict themselves'}: "
        f"{'; '.join(shown)}; rename one of the names on the path."
    )


def _settle_silent(silent: Mapping[str, int], reading: Reading) -> None:
    """Refuse images in folders that say nothing, or tell how many are left out.

    Raises:
        BadData: there are some, and they are not to be left out.
    """
    if not silent:
        return
    total = f"{images(sum(silent.values()))} in folders whose names say nothing of a class: {counted(silent)}"
    if not reading.ignore_folders:
        raise BadData(f"{total}; rename these folders, or leave their images out with --ignore-folders.")
    note(f"{total}; left out.")
