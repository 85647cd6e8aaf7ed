"""The one-file model: a TFLite flatbuffer and, behind it, the labels, the card and the golden vectors."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.core.archive import Tail, append_tail, find_tail
from edge_runtime.core.card import LABELS, Card, parse_card
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.flatbuffer import MAGIC

if TYPE_CHECKING:
    from edge_runtime.inspection.golden import Golden

MAX_BYTES = 256 << 20
MODELS = Path(__file__).parents[1] / "models"
_MAX_CARD_BYTES = 8 << 20
_MAX_LABEL_BYTES = 64 << 10
_MAX_GOLDEN_BYTES = 128 << 20
_HASH_KEY = "flatbuffer_sha256"
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
        tail: the archive behind the flatbuffer, if there is one.
    """

    path: Path
    flatbuffer: bytes = field(repr=False)
    card: Card | None
    labels: tuple[str, ...]
    sha256: str
    tail: Tail | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        """The first 12 digits of :attr:`sha256`, by which results name the model."""
        return self.sha256[:12]

    @cached_property
    def golden(self) -> Golden | None:
        """The golden vectors, unpacked when first asked for; None when the file has none."""
        if self.card is None or self.tail is None or "golden.npz" not in self.tail.sizes:
            return None
        from edge_runtime.inspection.golden import read_golden  # not needed to classify

        return read_golden(self.tail.read("golden.npz", _MAX_GOLDEN_BYTES))


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


def pack_model(flatbuffer: bytes, card: Card, golden: Golden | None = None) -> bytes:
    """The bytes of a one-file model; the card gets the flatbuffer's SHA-256. The same input gives the same bytes.

    Raises:
        BadModel: the flatbuffer is none (or already has a tail), or the card holds what JSON cannot.
    """
    if flatbuffer[4:8] != MAGIC:
        raise BadModel("Only a TFLite flatbuffer can be packed into a model file.")
    if find_tail(flatbuffer) is not None:
        raise BadModel("The flatbuffer already has an archive behind it; read it with read_model_file first.")
    card = replace(card, details={**card.details, _HASH_KEY: hashlib.sha256(flatbuffer).hexdigest()})
    try:
        document = json.dumps(card.to_json(), indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadModel(f"The card cannot be written as JSON: {error}.") from error
    entries = {"labels.txt": "".join(f"{label}\n" for label in LABELS).encode(), "card.json": document.encode()}
    if golden is not None:
        from edge_runtime.inspection.golden import write_golden

        entries["golden.npz"] = write_golden(golden)
    return append_tail(flatbuffer, entries)


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
    tail = find_tail(data)
    digest = hashlib.sha256(data[: tail.start] if tail else data)
    if tail is None:
        return ModelFile(path, data, None, (), digest.hexdigest())
    flatbuffer = data[: tail.start]
    flatbuffer_hash = digest.hexdigest()
    digest.update(memoryview(data)[tail.start :])
    labels = _labels(tail.read("labels.txt", _MAX_LABEL_BYTES)) if "labels.txt" in tail.sizes else ()
    card = None
    if "card.json" in tail.sizes:
        card = _card(tail.read("card.json", _MAX_CARD_BYTES))
        promised = card.details.get(_HASH_KEY)
        if promised != flatbuffer_hash:
            raise BadModel(
                f"the model does not match its card (SHA-256 {flatbuffer_hash[:12]}, the card says "
                f"{str(promised)[:12]}): the file is damaged or was changed; copy it again."
            )
        if len(labels) != 2 or labels[0] == labels[1]:
            raise BadModel(f"the labels are {list(labels)[:4]}; a card needs two different ones, negative first.")
    return ModelFile(path, flatbuffer, card, labels, digest.hexdigest(), tail)


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
