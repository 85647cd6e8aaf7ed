"""The one-file model: a TFLite flatbuffer and, behind it, the labels, the card and the golden vectors."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.core.archive import Archive, append_archive, find_archive
from edge_runtime.core.card import LABELS, Card, parse_card
from edge_runtime.errors import BadModel, WrongUsage

MAGIC = b"TFL3"  # bytes 4 to 7 of a TFLite file
MAX_BYTES = 256 << 20
MODELS = Path(__file__).parents[1] / "models"
_MAX_CARD_BYTES = 8 << 20
_MAX_LABEL_BYTES = 64 << 10
_HASH_KEY = "flatbuffer_sha256"
GOLDEN_ENTRY = "golden.npz"  # of the archive; see edge_runtime.inspection.golden
# what people hand over instead of a TFLite file, by its first bytes
_OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP archive or a .keras file; convert it first"),
    (b"\x89HDF\r\n", "an HDF5 (.h5) file; convert it first"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
)


@dataclass(frozen=True)
class ModelFile:
    """A model file that was read and checked.

    Attributes:
        path: where it was read.
        flatbuffer: the TFLite model without what follows it.
        card: the validated card; None for files of other makers.
        labels: names of the classes, ("Uninfected", "Parasitized") for our own; empty when the file names none.
        sha256: of the whole file, hex.
        archive: what follows the flatbuffer, if anything does.
    """

    path: Path
    flatbuffer: bytes = field(repr=False)
    card: Card | None
    labels: tuple[str, ...]
    sha256: str
    archive: Archive | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        """The first 12 digits of :attr:`sha256`, by which results name the model."""
        return self.sha256[:12]


def read_model_file(path: Path | str) -> ModelFile:
    """Read a model file; with a card, prove by its SHA-256 that the flatbuffer is the one the card speaks of.

    Raises:
        WrongUsage: there is no such file.
        BadModel: not a TFLite file, truncated, tampered with, or larger than 256 MiB.
    """
    path = Path(path)
    name = printable(path)
    data = _read(path, name)
    if data[4:8] != MAGIC:
        other = next((what for magic, what in _OTHER_FILES if data.startswith(magic)), None)
        found = f"it is {other}" if other else f"bytes 4 to 7 are {data[4:8]!r} instead of {MAGIC!r}"
        raise BadModel(f"{name} is no TFLite model: {found}.")
    try:
        return _parse(path, data)
    except BadModel as error:
        raise BadModel(f"{name}: {error}") from error


def open_model(name: Path | str | None = None) -> ModelFile:
    """The model that a name means, as :func:`find_model` has it, read and checked.

    Raises:
        WrongUsage: there is no such file and no such model.
        BadModel: as :func:`read_model_file`.
    """
    return read_model_file(find_model(None if name is None else str(name)))


def pack_model(flatbuffer: bytes, card: Card, golden: bytes | None = None) -> bytes:
    """The bytes of a one-file model; the card gets the flatbuffer's SHA-256. The same input gives the same bytes.

    Args:
        golden: what :func:`edge_runtime.inspection.golden.write_golden` makes of golden vectors.

    Raises:
        BadModel: the flatbuffer is none (or already has an archive), or the card holds what JSON cannot.
    """
    if flatbuffer[4:8] != MAGIC:
        raise BadModel("Only a TFLite flatbuffer can be packed into a model file.")
    if find_archive(flatbuffer) is not None:
        raise BadModel("The flatbuffer already has an archive behind it; read it with read_model_file first.")
    card = replace(card, details={**card.details, _HASH_KEY: hashlib.sha256(flatbuffer).hexdigest()})
    try:
        document = json.dumps(card.to_json(), indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadModel(f"The card cannot be written as JSON: {error}.") from error
    entries = {"labels.txt": "".join(f"{label}\n" for label in LABELS).encode(), "card.json": document.encode()}
    if golden is not None:
        entries[GOLDEN_ENTRY] = golden
    return append_archive(flatbuffer, entries)


def model_names() -> list[str]:
    """Names of the models that come with the program."""
    return sorted(path.stem for path in MODELS.glob("*.tflite"))


def default_model_path(name: str = "default") -> Path:
    """Path of a model that comes with the program; WrongUsage when there is none of that name."""
    path = MODELS / f"{name}.tflite"
    if name != path.stem or not path.is_file():
        raise WrongUsage(f"There is no model {name!r}; name a file, or one of: {', '.join(model_names()) or 'none'}.")
    return path


def find_model(name: str | None) -> Path:
    """What ``--model`` means: a file where there is one, else a model that comes with the program; None: the default.

    Raises:
        WrongUsage: neither.
    """
    if name is None:
        return default_model_path()
    path = Path(name)
    if path.exists() or path.is_symlink():
        return path
    if path.suffix or len(path.parts) > 1:
        raise WrongUsage(f"There is no model file {printable(name)}; check the path.")
    return default_model_path(name)


def _read(path: Path, name: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BadModel(f"{name} is a folder or a device; a model is one .tflite file.")
        if status.st_size > MAX_BYTES:
            raise BadModel(f"{name} has {status.st_size:,} bytes; a model may have up to {MAX_BYTES:,}.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WrongUsage(f"There is no model file {name}; check the path.") from error
    except OSError as error:
        raise BadModel(f"{name} cannot be read: {error.strerror or error}; check the permissions.") from error


def _parse(path: Path, data: bytes) -> ModelFile:
    archive = find_archive(data)
    digest = hashlib.sha256(data[: archive.start] if archive else data)
    if archive is None:
        return ModelFile(path, data, None, (), digest.hexdigest())
    flatbuffer = data[: archive.start]
    flatbuffer_hash = digest.hexdigest()
    digest.update(memoryview(data)[archive.start :])
    labels = _labels(archive.read("labels.txt", _MAX_LABEL_BYTES)) if "labels.txt" in archive.sizes else ()
    card = None
    if "card.json" in archive.sizes:
        card = _card(archive.read("card.json", _MAX_CARD_BYTES))
        promised = card.details.get(_HASH_KEY)
        if promised != flatbuffer_hash:
            raise BadModel(
                f"the model does not match its card (SHA-256 {flatbuffer_hash[:12]}, the card says "
                f"{str(promised)[:12]}): the file is damaged or was changed; copy it again."
            )
        if len(labels) != 2 or labels[0] == labels[1]:
            raise BadModel(f"the labels are {list(labels)[:4]}; a card needs two different ones, negative first.")
    return ModelFile(path, flatbuffer, card, labels, digest.hexdigest(), archive)


def _labels(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "backslashreplace")
    return tuple(printable(line.strip()) for line in text.splitlines() if line.strip())


def _card(content: bytes) -> Card:
    try:
        document = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BadModel(f"the card is no valid JSON ({printable(str(error))}); copy the model file again.") from error
    return parse_card(document)


def _finite(text: str) -> Any:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
