"""Find labelled cell images and their patients in the layouts people keep them in."""

from __future__ import annotations

import csv
import hashlib
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.core.images import IMAGE_SUFFIXES
from edge_runtime.errors import BadData, WrongUsage

# NIH/NLM file names begin with the patient: C47P8thin_original_IMG_..., C51AP12thinF_IMG_..., C1_thinF_IMG_...; what
# follows is asked for, because C1.png to C99.png would else be images of 99 patients.
NIH_PATIENT = r"^C\d+[AB]?(?:P\d+(?=[A-Za-z_])|(?=_?N?[Tt]hin))"
_POSITIVE = {"parasitized", "parasitised", "infected", "positive", "malaria", "1"}
_NEGATIVE = {"uninfected", "healthy", "negative", "normal", "uninfect", "0"}
_PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip
_ENOUGH_TO_TELL = 20  # images; of fewer, each may well be of another patient
_SHOWN = 60  # characters of a foreign heading: what is no CSV may have thousands
_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "icon\r"}


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
    """

    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    patients: tuple[str, ...] | None
    parts: tuple[str, ...] | None = None
    ignored: int = 0

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Sequence[int] | np.ndarray) -> Cells:
        """The images at ``indices`` (int [k] or bool [n]), in that order."""
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        return Cells(
            root=self.root,
            paths=tuple(self.paths[i] for i in chosen),
            labels=self.labels[chosen],
            patients=None if self.patients is None else tuple(self.patients[i] for i in chosen),
            parts=None if self.parts is None else tuple(self.parts[i] for i in chosen),
        )

    def files(self) -> Iterator[Path]:
        """Absolute paths in order."""
        return (self.root / path for path in self.paths)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over path, label and content of every image: two data sets with the same one are the same."""
        digest = hashlib.sha256()
        for path, label, content in zip(self.paths, self.labels, self._contents(), strict=True):
            digest.update(os.fsencode(path) + b"\0" + bytes([int(label)]))
            digest.update(content)
        return digest.hexdigest()

    def contradictions(self) -> list[tuple[int, int]]:
        """Images that equal an earlier one, byte for byte, under another label or patient: (earlier, later)."""
        first: dict[bytes, int] = {}
        patients = self.patients or ("",) * len(self)
        pairs = ((first.setdefault(content, i), i) for i, content in enumerate(self._contents()))
        return [(a, b) for a, b in pairs if (self.labels[a], patients[a]) != (self.labels[b], patients[b])]

    def _contents(self) -> Iterator[bytes]:
        """SHA-256 of each file in order."""
        for file in self.files():
            try:
                yield hashlib.sha256(file.read_bytes()).digest()
            except OSError as error:
                raise BadData(f"Cannot read {printable(file)}: {error.strerror}.") from error


def scan(root: Path, patients: str | None = None, csv_file: Path | None = None) -> Cells:
    """Read a data set.

    Layouts: ``Parasitized/`` and ``Uninfected/`` folders (any case, usual synonyms) at any depth; the same below
    ``train/ test/`` (and ``val/``) folders; or a CSV with columns path, label and, if known, patient and part.

    Args:
        root: the data folder, or the CSV itself.
        patients: regular expression searched in the file name; group 1 if it has one, else the whole match, is
            the patient. Without it NIH names are tried.
        csv_file: the CSV, with paths relative to ``root``.

    Raises:
        WrongUsage: nothing to work on, or a bad expression.
        BadData: contradictory folders or CSV rows.
    """
    if csv_file is None and root.is_file():
        csv_file, root = root, root.parent
    if csv_file is not None:
        return _from_csv(root, csv_file, patients)
    if not root.is_dir():
        raise WrongUsage(f"There is no data folder {root}; give a folder with Parasitized/ and Uninfected/, or a CSV.")
    return _from_folders(root, patients)


def note_contradictions(cells: Cells) -> None:
    """Tell the person how many images come again under another label or patient, and name two."""
    pairs = cells.contradictions()
    if pairs:
        first, second = (printable(cells.paths[i]) for i in pairs[0])
        note(
            f"WARNING: {len(pairs)} images have the same content as an earlier one of another label or patient, for "
            f"instance {second} and {first}."
        )


def _from_folders(root: Path, expression: str | None) -> Cells:
    rows: list[tuple[str, int, str | None]] = []
    ignored = 0
    other_folders: set[str] = set()
    for folder, subfolders, names in os.walk(root):
        hidden = [name for name in subfolders if name.startswith((".", "__MACOSX"))]
        ignored += sum(len(files) for name in hidden for _, _, files in os.walk(Path(folder, name)))
        subfolders[:] = sorted(name for name in subfolders if name not in hidden)
        relative = PurePosixPath(Path(folder).relative_to(root).as_posix())
        label, part = _meaning(relative)
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _SYSTEM_FILES or Path(name).suffix.lower() not in IMAGE_SUFFIXES:
                ignored += 1
            elif label is None:
                other_folders.add(str(relative))
                ignored += 1
            else:
                rows.append((str(relative / name), label, part))
    if not rows:
        found = f"; images lie in {', '.join(sorted(other_folders)[:3])}" if other_folders else ""
        raise WrongUsage(
            f"No labelled images under {root}{found}; expected folders named Parasitized and Uninfected, or a CSV."
        )
    rows.sort()
    parts = [part for _, _, part in rows]
    if any(parts) and not all(parts):
        lonely = next(path for path, _, part in rows if part is None)
        raise BadData(f"Some images lie in train/test folders and others do not (for instance {lonely}); move them.")
    paths = tuple(path for path, _, _ in rows)
    return _assemble(root, paths, [label for _, label, _ in rows], None, parts, expression, ignored)


def _meaning(folder: PurePosixPath) -> tuple[int | None, str | None]:
    label: int | None = None
    part: str | None = None
    for name in (piece.lower() for piece in folder.parts):
        part = _PARTS.get(name, part)
        if name in _POSITIVE:
            label = 1
        elif name in _NEGATIVE:
            label = 0
    return label, part


def _from_csv(root: Path, csv_file: Path, expression: str | None) -> Cells:
    try:
        with csv_file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            if "path" not in columns or "label" not in columns:
                shown = printable(", ".join(columns))[:_SHOWN]
                raise BadData(f"{csv_file} has columns {shown}; it needs path and label, and may have patient, part.")
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, csv.Error) as error:
        raise BadData(f"Cannot read the data list {csv_file}: {error}.") from error
    if not rows:
        raise WrongUsage(f"The data list {csv_file} has no rows.")
    entries: dict[str, tuple[int, str, str | None]] = {}
    spelling: dict[str, str] = {}  # the first one of each file, which may be listed as absolute and as relative
    for number, row in enumerate(rows, start=2):
        path = (row["path"] or "").strip().replace("\\", "/")
        label = _label_of(row["label"], csv_file, number)
        entry = label, (row.get("patient") or "").strip(), _part_of(row.get("part"), csv_file, number)
        if not path or (PurePosixPath(path).is_absolute() and not Path(path).is_file()):
            raise BadData(f'{csv_file} line {number}: no image at "{printable(path)}".')
        path = posixpath.normpath(path)
        path = spelling.setdefault(os.path.abspath(root / path), path)
        before = entries.setdefault(path, entry)
        if before != entry:
            what = "label" if before[0] != entry[0] else "patient" if before[1] != entry[1] else "part"
            raise BadData(f"{csv_file} line {number}: {printable(path)} was listed before with another {what}.")
    paths = tuple(sorted(entries))
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise BadData(
            f"{len(missing)} of {len(paths)} images listed in {csv_file} do not exist, first {printable(missing[0])}."
        )
    given = [entries[path][1] for path in paths]
    patients = tuple(given) if all(given) else None
    if any(given) and patients is None:
        raise BadData(f"{csv_file} names a patient for some images only, not for {printable(paths[given.index('')])}.")
    parts = [entries[path][2] for path in paths]
    if any(parts) and not all(parts):
        raise BadData(f"{csv_file} names a part (train, val, test) for some images only.")
    return _assemble(root, paths, [entries[path][0] for path in paths], patients, parts, expression, 0)


def _label_of(text: str | None, csv_file: Path, number: int) -> int:
    word = (text or "").strip().lower()
    if word in _POSITIVE:
        return 1
    if word in _NEGATIVE:
        return 0
    raise BadData(f'{csv_file} line {number}: label "{printable(text or "")}" is neither parasitized nor uninfected.')


def _part_of(text: str | None, csv_file: Path, number: int) -> str | None:
    word = (text or "").strip().lower()
    if word and word not in _PARTS:
        raise BadData(
            f'{csv_file} line {number}: part "{printable(word)}" is not known; write train, val or test, or nothing.'
        )
    return _PARTS.get(word)


def _assemble(
    root: Path,
    paths: tuple[str, ...],
    labels: list[int],
    patients: tuple[str, ...] | None,
    parts: Sequence[str | None],
    expression: str | None,
    ignored: int,
) -> Cells:
    if patients is None or expression is not None:
        patients = _patients_by_name(paths, expression)
    return Cells(
        root=root,
        paths=paths,
        labels=np.array(labels, dtype=np.int8),
        patients=patients,
        parts=tuple(str(part) for part in parts) if all(parts) else None,
        ignored=ignored,
    )


def _patients_by_name(paths: tuple[str, ...], expression: str | None) -> tuple[str, ...] | None:
    try:
        pattern = re.compile(expression or NIH_PATIENT)
    except re.error as error:
        raise WrongUsage(f'--patients "{expression}" is not a regular expression: {error}.') from error
    found: list[str] = []
    for path in paths:
        match = pattern.search(PurePosixPath(path).name)
        if match is None or not (name := match.group(1) if pattern.groups else match.group(0)):
            if expression is not None:
                raise BadData(f'--patients "{expression}" finds no patient in the file name {path}.')
            return None
        found.append(name)
    single = sum(count == 1 for count in Counter(found).values())
    if len(found) >= _ENOUGH_TO_TELL and 2 * single > len(found):
        note(
            f"WARNING: {len(set(found))} patients in {len(found)} images by their names, first {printable(found[0])}: "
            "hardly two images of one. If they are of fewer patients, --patients must find another part of the name."
        )
    return tuple(found)
