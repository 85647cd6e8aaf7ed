"""Names of a model's classes as makers write them: a line each, with or without numbers before them."""

from __future__ import annotations

import re
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.core.model_file import ModelFile
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.metadata import Metadata

_MOST_BYTES = 64 << 10
_NUMBERED = re.compile(r"\s*(\d+)\s*(?:[:;,.)\t]|\s)\s*(\S.*)")


def class_names(text: str) -> tuple[str, ...]:
    """Names in the order of the outputs.

    A number before each name ("0 Parasitized", as Teachable Machine writes it) is its place, when the numbers are 0, 1,
    2... or 1, 2, 3... in any order; else it is a part of the name.
    """
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match[1]) for match in found if match is not None]
    if lines and sorted(numbers) in (list(range(len(lines))), list(range(1, len(lines) + 1))):
        names = {int(match[1]): match[2] for match in found if match is not None}
        return tuple(printable(names[number].strip()) for number in sorted(names))
    return tuple(map(printable, lines))


def said_names(said: str) -> list[str]:
    """What ``--labels`` means: names with commas between them, or a file with a name a line.

    Raises:
        WrongUsage: the file cannot be read, or is no text.
    """
    path = Path(said)
    if "," in said or not (path.suffix.lower() in (".txt", ".names", ".csv") or path.is_file()):
        return [label.strip() for label in said.split(",")]
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise WrongUsage(f"{printable(path)} has more than {_MOST_BYTES:,} bytes; labels are a name a line.")
        return list(class_names(_decoded(content)))
    except OSError as error:
        raise WrongUsage(f"The labels {printable(path)} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{printable(path)} is no text file; name one with a label a line.") from error


def own_names(file: ModelFile, metadata: Metadata) -> tuple[str, ...]:
    """Names that the file brings along, in the entry that its metadata names or in one that is called so; else none."""
    if file.archive is None:
        return ()
    entries = list(file.archive.sizes)
    texts = [entry for entry in entries if entry.lower().endswith(".txt")]
    likely = [entry for entry in texts if "label" in entry.lower()]
    for entry in (*(name for name in metadata.label_files if name in entries), *likely, *texts[: len(texts) == 1]):
        try:
            return class_names(_decoded(file.archive.read(entry, _MOST_BYTES)))
        except (BadModel, UnicodeDecodeError):
            continue
    return ()


def _decoded(content: bytes) -> str:
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if utf16 else "utf-8")
