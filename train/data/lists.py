"""Labelled cells out of a list: a text file with a line an image, as spreadsheets and programs write it."""

from __future__ import annotations

import codecs
import csv
import io
import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.core.foreign_files import HEAD_BYTES, what_it_is
from edge_runtime.core.images import IMAGE_SUFFIXES
from edge_runtime.errors import BadData, WrongUsage
from train.data.labels import Statement, number_in, says_yes, statement
from train.data.reading import PARTS, Listed, Listing, Numbered, Reading

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SHOWN = 60  # characters of a foreign heading: what is no list may have thousands
# Headings of a column, the first that is there; with - and blanks as _.
_HEADINGS = {
    "path": ("path", "filepath", "file_path", "image_path", "img_path", "filename", "file_name", "image_filename",
             "image_name", "img_name", "image_file", "file", "image", "img", "name"),
    "label": ("label", "class", "class_name", "classname", "label_name", "labels", "classes", "category", "diagnosis",
              "status", "infection_status", "target", "ground_truth"),
    "patient": ("patient", "patient_id", "patientid", "subject", "subject_id"),
    "part": ("part",),
}  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """Lines of a list with what their columns are.

    Attributes:
        columns: place of each of "path", "label", "patient", "part" that is there.
        asking: places of columns whose heading is the question, with the label of a yes: ``infected``, 1.
        rows: number of the line, and its fields.
        heading: whether the first line was one.
    """

    columns: dict[str, int]
    asking: dict[int, int]
    rows: list[tuple[int, list[str]]]
    heading: bool

    def field(self, row: Sequence[str], column: str) -> str:
        """The field of a column, "" where the line is too short or there is no such column."""
        place = self.columns.get(column, len(row))
        return row[place].strip() if place < len(row) else ""


def read_list(root: Path, file: Path, reading: Reading) -> Listing:
    """The images of a list, whose paths are relative to ``root``.

    Fields are separated by commas, semicolons, tabs or bars; UTF-8 or UTF-16; with a heading or without one. Columns:
    path (or filename ...) and label (or class ...), or columns that ask (``infected`` with yes and no); patient, part.

    Raises:
        WrongUsage: no rows, or ``reading`` speaks of numbers that are not there.
        BadData: no such columns, contradictory rows, labels that say nothing, or images that do not exist.
    """
    table = _table(file, _text(file))
    if not table.rows:
        raise WrongUsage(f"The data list {file} has no rows.")
    if not table.heading:
        first, second = (table.columns[name] + 1 for name in ("path", "label"))
        note(f"{printable(file)} has no heading: column {first} is taken for the path, column {second} for the label.")
    numbered = Numbered(reading)
    entries: dict[str, Listed] = {}
    spelling: dict[str, str] = {}  # the first one of each file, which may be listed as absolute and as relative
    for number, row in table.rows:
        where = f"{file} line {number}"
        path = table.field(row, "path").replace("\\", "/")
        parasitized = _label(table, row, numbered, where)
        if not path or (PurePosixPath(path).is_absolute() and not Path(path).is_file()):
            raise BadData(f'{where}: no image at "{printable(path)}".')
        path = posixpath.normpath(path)
        path = spelling.setdefault(os.path.abspath(root / path), path)
        entry = Listed(path, parasitized, table.field(row, "patient") or None, _part(table.field(row, "part"), where))
        before = entries.setdefault(path, entry)
        if before != entry:
            what = next(name for name in ("label", "patient", "part") if getattr(before, name) != getattr(entry, name))
            raise BadData(f"{where}: {printable(path)} was listed before with another {what}.")
    numbered.check("labels", printable(file))
    images = tuple(entries[path] for path in sorted(entries))
    _check(images, root, file)
    return Listing(images)


def _text(file: Path) -> str:
    """The file as text: UTF-16 by its mark or its zeros, else UTF-8 where bytes that are none are kept as they are."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadData(f"Cannot read the data list {file}: {error}.") from error
    foreign = what_it_is(content[:HEAD_BYTES])
    if foreign is not None:
        raise BadData(f"{printable(file)} is {foreign[0]}, no folder of cells and no list of them; {foreign[1]}.")
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        start = content[:2000]
        for encoding, zeros, letters in (
            ("utf-16-le", start[1::2], start[::2]),
            ("utf-16-be", start[::2], start[1::2]),
        ):
            if len(start) > 3 and zeros.count(0) > len(zeros) * 0.9 and 0 not in letters:
                return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadData(f"The data list {file} begins as UTF-16 but is damaged; save it again as UTF-8.") from error
    return content.decode("utf-8-sig", errors="surrogateescape")


def _table(file: Path, text: str) -> _Table:
    """The list split at whatever separates its fields.

    Raises:
        BadData: by no separator there are columns for path and label; the message says what separates them.
    """
    if text[:4].lower() == "sep=":  # a line by which spreadsheets tell the separator
        text = text.partition("\n")[2]
    most: tuple[int, str, list[str]] = (0, ",", [])
    for understand in (_with_heading, _without_heading):
        for separator in SEPARATORS:
            try:
                reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
                rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
            except csv.Error as error:
                raise BadData(f"Cannot read the data list {file}: {error}.") from error
            found = understand(rows)
            if found is not None:
                return found
            first = rows[0][1] if rows else []
            if len(first) > most[0]:
                most = (len(first), separator, first)
    shown = printable(", ".join(name.strip().lower() for name in most[2]))[:_SHOWN]
    by = f" separated by {SEPARATORS[most[1]]}" if most[0] > 1 else ""
    raise BadData(f"{file} has columns {shown}{by}; it needs path and label, and may have patient, part.")


def _with_heading(rows: list[tuple[int, list[str]]]) -> _Table | None:
    if not rows:
        return None
    names = [name.strip().lower().replace("-", "_").replace(" ", "_") for name in rows[0][1]]
    columns = {
        what: names.index(next(name for name in spellings if name in names))
        for what, spellings in _HEADINGS.items()
        if not set(spellings).isdisjoint(names)
    }
    asking = {}
    if "label" not in columns:
        asking = {place: said.label for place, name in enumerate(names) if (said := statement(name)) is not None}
    if "path" not in columns or not ("label" in columns or asking):
        return None
    return _Table(columns, asking, rows[1:], heading=True)


def _without_heading(rows: list[tuple[int, list[str]]]) -> _Table | None:
    """A list whose first line is an image already: one field is a picture's name, another a label or a number."""
    if not rows:
        return None
    path = _place(rows[0][1], lambda field: PurePosixPath(field.replace("\\", "/")).suffix.lower() in IMAGE_SUFFIXES)
    label = _place(rows[0][1], lambda field: statement(field) is not None and "." not in field)
    if label is None:
        label = _place(rows[0][1], lambda field: number_in(field) is not None)
    if path is None or label is None or path == label:
        return None
    return _Table({"path": path, "label": label}, {}, rows, heading=False)


def _place(row: Sequence[str], fits: Callable[[str], bool]) -> int | None:
    return next((place for place, field in enumerate(row) if fits(field.strip())), None)


def _label(table: _Table, row: Sequence[str], numbered: Numbered, where: str) -> int:
    """Label of one line; a number is counted, for :meth:`Numbered.check` to refuse.

    Raises:
        BadData: it says nothing, or two columns contradict each other.
    """
    if table.asking:
        answers = set()
        for place, label in table.asking.items():
            text = row[place].strip() if place < len(row) else ""
            yes = says_yes(number_in(text) or "")
            if yes is None:
                raise BadData(f'{where}: "{printable(text)}" is neither yes nor no (1 or 0).')
            answers.add(label if yes else 1 - label)
        if len(answers) > 1:
            raise BadData(f"{where}: one column says parasitized, another uninfected.")
        return answers.pop()
    text = table.field(row, "label")
    said = statement(text)
    if said is not None:
        return said.label
    number = number_in(text)
    if number is None:
        raise BadData(f'{where}: label "{printable(text)}" is neither parasitized nor uninfected.')
    return numbered.add(number)


def _part(text: str, where: str) -> str | None:
    word = text.lower()
    if word and word not in PARTS:
        raise BadData(f'{where}: part "{printable(word)}" is not known; write train, val or test, or nothing.')
    return PARTS.get(word)


def _check(images: Sequence[Listed], root: Path, file: Path) -> None:
    missing = [one.path for one in images if not (root / one.path).is_file()]
    if missing:
        raise BadData(
            f"{len(missing)} of {len(images)} images listed in {file} do not exist, first {printable(missing[0])}."
        )
    if len({one.part is None for one in images}) > 1:
        raise BadData(f"{file} names a part (train, val, test) for some images only.")
    other = [one.path for one in images if any(said.label != one.label for said in _said(one.path))]
    if other:
        note(
            f"WARNING: {len(other):,} of {len(images):,} labels in {printable(file)} are not what the image's folder "
            f"says, first {printable(other[0])}; the list has the last word."
        )


def _said(path: str) -> list[Statement]:
    return [one for name in PurePosixPath(path).parts[:-1] if (one := statement(name)) is not None and not one.weak]
