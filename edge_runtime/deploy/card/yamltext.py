"""Writes YAML that cannot be misread: every string is quoted as JSON does it, which YAML reads the same way."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_-]*")
# words that YAML 1.1 takes for booleans or nothing
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def dump(document: dict[str, Any]) -> str:
    """A mapping of strings, numbers, booleans, lists and mappings as block YAML.

    Text is written as UTF-8, not as escapes: YAML reads JSON's pairs of escapes for rare characters as two characters.

    Raises:
        ValueError: a string holds a control character, which could hide something from who reads the file.
    """
    return "".join(f"{line}\n" for line in _mapping(document, ""))


def _mapping(value: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for key, entry in value.items():
        name = key if _PLAIN_KEY.fullmatch(key) and key not in _WORDS else _scalar(key)
        if isinstance(entry, dict) and entry:
            lines += [f"{indent}{name}:", *_mapping(entry, indent + "  ")]
        elif isinstance(entry, list) and entry:
            lines += [f"{indent}{name}:", *_sequence(entry, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {_scalar(entry)}")
    return lines


def _sequence(value: list[Any], indent: str) -> list[str]:
    lines = []
    for entry in value:
        if isinstance(entry, dict) and entry:
            first, *rest = _mapping(entry, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{indent}- {_scalar(entry)}")
    return lines


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not text.isprintable() or "\\" in text.replace("\\\\", "").replace('\\"', ""):
        raise ValueError(f"{text!a} holds control characters")
    return text
