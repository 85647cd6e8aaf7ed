"""Takes out of what a command said all that belongs to the machine, the moment or chance, so that the rest compares."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from pathlib import Path
from typing import Any

from tests.contract.running import Outcome

DIGITS = 4  # significant ones that are recorded of a number with a fraction
SHOWN = 12  # longer lists are recorded by their length, their first entries and their last
EACH = "<each>"  # stands before the one entry that a blurred list keeps
NOTHING = "<nothing>"
_STDERR_LINES = 6
_NAMED = "findings"  # the doctor's: such a list may grow, so its entries are recorded by their names
_OF_THE_MACHINE = ("The clock says",)  # how lines of stderr begin that not every machine has a reason for
_HEADER = re.compile(r"[a-z_0-9]+(,[a-z_0-9]+){3,}")
_SYMBOLS = "[23456789CDFHJKMNPRTVWXY]"
_TEXTS = (
    (re.compile(r"[^\s\"',()]*/(default|fast)\.tflite"), r"<models>/\1.tflite"),
    (re.compile(rf"\bS-{_SYMBOLS}{{7}}\b"), "<session>"),
    (re.compile(rf"\bQ-{_SYMBOLS}{{7}}\b"), "<sheet>"),
    (re.compile(rf"\b{_SYMBOLS}{{3}}-{_SYMBOLS}{{4}}\b"), "<participant>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?( UTC)?"), "<time>"),
    (re.compile(r"\b\d{8}T\d{6}(?=-)"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\b\d+\.\d+ s\b"), "<seconds>"),
    (re.compile(r"\b[\d,.]+ [MG]B\b"), "<size>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?<=-)[0-9a-f]{12}\b"), "<instance>"),
    (re.compile(r" \(image file is truncated[^)]*\)"), ""),  # Pillow's words
    (re.compile(r"\b(thinsmear|version) \d+\.\d+[\w.+-]*"), r"\1 <version>"),
)
# fields of JSON documents and columns of CSV files whose values belong to one machine or one run
VOLATILE = frozenset((
    "device", "software", "generated_by", "boot_id", "monotonic", "clock", "captured",
    "free_bytes", "image", "image_sha256", "image_bytes", "seconds", "date", "Fingerprint",
))  # fmt: skip


def plain_outcome(outcome: Outcome, folder: Path, blurred: tuple[str, ...]) -> dict[str, Any]:
    """Exit code, stdout as JSON documents or as lines, and the first lines of stderr, without what is not contract.

    Args:
        folder: where the command ran.
        blurred: names of JSON fields of which only the form is kept, see :func:`blur`; ``"*"`` for all of them.
    """
    kind, documents = _documents(outcome.stdout)
    if documents:
        said: list[Any] = [_value(document, folder, VOLATILE | {*blurred}) for document in documents]
    else:
        said = _lines(outcome.stdout, folder)
    errors = _lines(outcome.stderr, folder)
    first, last = errors[:_STDERR_LINES], errors[_STDERR_LINES:]
    return {"exit": outcome.code, kind: said, "stderr": [*first, *(line for line in last if line.startswith("error:"))]}


def plain_text(text: str, folder: Path) -> str:
    """A text without paths, moments, chance codes and versions."""
    for place in {str(folder), str(folder.resolve())}:
        text = text.replace(place, "<work>")
    for pattern, stand_in in _TEXTS:
        text = pattern.sub(stand_in, text)
    return text


def blur(value: Any) -> Any:
    """The form of a JSON value: its keys, and of every leaf its kind. Of a list, the form of its first entry."""
    if isinstance(value, dict):
        return {key: blur(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [EACH, blur(value[0])] if value else NOTHING
    kinds = {bool: "<flag>", int: "<number>", float: "<number>", str: "<text>", type(None): NOTHING}
    return kinds[type(value)]


def _documents(stdout: str) -> tuple[str, list[Any]]:
    """What is on stdout: ("json", the document of each line), ("csv", its rows) or ("text", nothing)."""
    lines = stdout.splitlines()
    with contextlib.suppress(ValueError):
        found = [json.loads(line) for line in lines]
        if found and all(isinstance(document, dict) for document in found):
            return "json", found
    if lines and _HEADER.fullmatch(lines[0]):
        return "csv", list(csv.DictReader(lines))
    return "text", []


def _value(value: Any, folder: Path, blurred: frozenset[str]) -> Any:
    if "*" in blurred:
        return blur(value)
    if isinstance(value, dict):
        return {
            plain_text(key, folder): blur(inner) if key in blurred else _value(_by_name(key, inner), folder, blurred)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        inner = [_value(entry, folder, blurred) for entry in value]
        return inner if len(inner) <= SHOWN else [f"<{len(inner)} entries>", *inner[:3], inner[-1]]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return plain_text(value, folder) if isinstance(value, str) else value


def _by_name(key: str, value: Any) -> Any:
    if key == _NAMED and isinstance(value, list) and all("name" in entry for entry in value):
        return {entry["name"]: entry for entry in value}
    return value


def _lines(text: str, folder: Path) -> list[str]:
    lines = (_line(line, folder) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(_OF_THE_MACHINE)]


def _line(line: str, folder: Path) -> str:
    """A line of text; how wide its columns and rules are is not contract."""
    return re.sub(r"-{3,}", "---", " ".join(plain_text(line, folder).split()))
