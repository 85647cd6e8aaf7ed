"""What the user named, as a list of image files: files, folders, globs, lists of paths, standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.core.images import IMAGE_SUFFIXES
from edge_runtime.errors import BadImage

STDIN = "-"


@dataclass(frozen=True)
class Source:
    """One thing to classify.

    Attributes:
        path: the image file; ``-`` for the image on standard input.
        problem: set when it is already known that it cannot be read (a folder that does not open).
    """

    path: str
    problem: BadImage | None = None


@dataclass
class Found:
    """What there is to work on.

    Attributes:
        sources: in the order of the names given, folders sorted by path.
        others: files in folders that are no images by their ending, or hidden.
    """

    sources: list[Source] = field(default_factory=list)
    others: int = 0


def find_sources(names: Iterable[str]) -> Found:
    """Expand names into image files.

    A file that is named (by itself or by a glob) is always tried. In folders, which are walked with everything below
    them, only image endings count. Links to folders are followed; a folder that was already seen is not entered again.
    A name that matches nothing stays as it is, so that its error is reported with the others.
    """
    found = Found()
    for name in names:
        for path in _matches(name):
            if path != STDIN and os.path.isdir(path):
                _walk(path, found)
            else:
                found.sources.append(Source(path))
    return found


def read_list(content: bytes) -> list[str]:
    """Paths from a list: separated by NUL when there is one (``find -print0``), else one a line; empty ones dropped."""
    separator = b"\0" if b"\0" in content else b"\n"
    entries = (entry if separator == b"\0" else entry.rstrip(b"\r") for entry in content.split(separator))
    # "./-" is a file of that name, standard input is already in use for the list
    return [os.path.join(".", STDIN) if entry == b"-" else os.fsdecode(entry) for entry in entries if entry]


def _matches(name: str) -> list[str]:
    if name == STDIN or os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]


def _walk(folder: str, found: Found) -> None:
    """Depth first, names in sorted order, which sorts the whole by path; a stack, because folders can nest deeply."""
    seen: set[tuple[int, int]] = set()
    stack = [_entries(folder, seen, found)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif entry.name.startswith("."):
            found.others += not _is_folder(entry)
        elif _is_folder(entry):
            stack.append(_entries(entry.path, seen, found))
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and _may_be_image(entry):
            found.sources.append(Source(entry.path))
        else:
            found.others += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _may_be_image(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere (its error is then reported); no pipe, socket or device."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True


def _entries(folder: str, seen: set[tuple[int, int]], found: Found) -> Iterator[os.DirEntry[str]]:
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return iter(())
        seen.add(identity)
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        message = f"{printable(folder)} cannot be opened: {error.strerror or error}; check the permissions."
        found.sources.append(Source(folder, BadImage(message, kind="unreadable-file")))
        return iter(())
