"""Says what of a recording is no longer so. What was added since is no difference: the contract may be extended."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from tests.contract.plain import NOTHING

# How far numbers may lie apart: interpreters' kernels differ by a step or two of int8 from processor to processor.
SHARE, LEAST = 0.02, 0.005
LEAST_OF = {"probability": 0.03, "logit": 0.3}
_NUMBER = re.compile(r"(?<![\w.])(-?\d+\.\d+(?:e[+-]?\d+)?)(?![\w.]*\w)")


def differences(recorded: dict[str, Any], actual: dict[str, Any]) -> Iterator[str]:
    """One line for each thing that a recorded call no longer does (see tests.contract.replay for its form)."""
    if recorded["exit"] != actual["exit"]:
        yield f"exit code {actual['exit']}, {recorded['exit']} was recorded; stderr: {_short(actual.get('stderr'))}"
    for kind in ("json", "csv", "wrote"):
        if kind in recorded:
            yield from json_differences(recorded[kind], actual.get(kind), kind)
    for kind in ("text", "stderr"):
        if kind in recorded:
            yield from text_differences(recorded[kind], actual.get(kind, []), kind)
    if "help" in recorded:
        yield from help_differences(recorded["help"], actual["help"])


def json_differences(recorded: Any, actual: Any, where: str = "") -> Iterator[str]:
    """One line for each place where the recorded JSON is not contained in the actual one."""
    if isinstance(recorded, dict) and isinstance(actual, dict):
        for key, value in recorded.items():
            if key in actual:
                yield from json_differences(value, actual[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is gone; it was {_short(value)}"
    elif isinstance(recorded, list) and isinstance(actual, list):
        if len(recorded) != len(actual):
            yield f"{where} has {len(actual)} entries, {len(recorded)} were recorded: {_short(actual)}"
        for number, (one, other) in enumerate(zip(recorded, actual, strict=False)):
            yield from json_differences(one, other, f"{where}[{number}]")
    elif not _same(recorded, actual, where.rpartition(".")[2]):
        yield f"{where} is {_short(actual)}, {_short(recorded)} was recorded"


def text_differences(recorded: list[str], actual: list[str], where: str) -> Iterator[str]:
    """One line for each recorded line that is not among the actual ones, in the recorded order."""
    place = 0
    for line in recorded:
        found = next((n for n in range(place, len(actual)) if _same_text(line, actual[n])), None)
        if found is None:
            yield f"{where} has no line {line!r} (any more, or at its place); it is {_short(actual)}"
        else:
            place = found + 1


def help_differences(recorded: dict[str, Any], actual: dict[str, Any]) -> Iterator[str]:
    """Recorded options and commands must be there with the same words, and every recorded line of the epilog."""
    for part in ("usage", "description"):
        if _squeezed(recorded[part]) != _squeezed(actual[part]):
            yield f"{part} is {actual[part]!r}, {recorded[part]!r} was recorded"
    for part in ("options", "commands"):
        for name, words in recorded[part].items():
            if name not in actual[part]:
                yield f"{part}: {name} is gone; it was {words!r}"
            elif _squeezed(words) != _squeezed(actual[part][name]):
                yield f"{part}: {actual[part][name]!r}, {words!r} was recorded"
    whole = _squeezed(" ".join(actual["epilog"]))
    for line in recorded["epilog"]:
        if _squeezed(line) not in whole:
            yield f"epilog: the line {line!r} is gone"


def _same(recorded: Any, actual: Any, name: str) -> bool:
    if NOTHING in (recorded, actual) and (_is_form(recorded) and _is_form(actual)):
        return True
    if _is_number(recorded) and _is_number(actual) and float in (type(recorded), type(actual)):
        least = LEAST_OF.get(name.partition("[")[0], LEAST)
        return math.isclose(recorded, actual, rel_tol=SHARE, abs_tol=least)
    if isinstance(recorded, str) and isinstance(actual, str):
        return _same_text(recorded, actual)
    return type(recorded) is type(actual) and bool(recorded == actual)


def _same_text(recorded: str, actual: str) -> bool:
    """Equal but for numbers with a fraction, which may differ a little; percentages are a hundred times as large."""
    one, other = _NUMBER.split(recorded), _NUMBER.split(actual)
    if one[::2] != other[::2]:
        return False
    pairs = zip(one[1::2], other[1::2], strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=SHARE, abs_tol=0.03) for a, b in pairs)


def _is_form(value: Any) -> bool:
    """Whether a value comes from :func:`~tests.contract.plain.blur`."""
    return isinstance(value, (dict, list)) or (isinstance(value, str) and value.startswith("<"))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _squeezed(text: str) -> str:
    """Without white space, because versions of Click break lines at other places, in words with a hyphen too."""
    return "".join(text.split())


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 400 else f"{shown[:400]}..."
