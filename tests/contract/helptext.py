"""Reads what ``--help`` prints, whatever the version of Click laid out: usage, description, options, commands, epilog."""

from __future__ import annotations

import re
from typing import Any

_SECTIONS = {"Options:": "options", "Commands:": "commands"}
_ENTRY = re.compile(r"  (\S.*)")


def parse_help(text: str) -> dict[str, Any]:
    """The parts of a help text.

    Returns:
        ``usage`` and ``description`` as words; ``options`` and ``commands``, each name with all its words; ``epilog``,
        its lines.
    """
    lines = iter(text.splitlines())
    parts: dict[str, Any] = {"usage": [], "description": [], "options": {}, "commands": {}, "epilog": []}
    place = "usage"
    for line in lines:
        if line in _SECTIONS:
            place = _SECTIONS[line]
        elif not line.strip():
            place = {"usage": "description", "description": "description"}.get(place, "epilog")
        elif place in ("options", "commands"):
            _add_entry(parts[place], line)
        else:
            parts[place].append(" ".join(line.split()))
    return {**parts, "usage": " ".join(parts["usage"]), "description": " ".join(parts["description"])}


def _add_entry(entries: dict[str, str], line: str) -> None:
    """An entry begins two spaces from the left; what stands further right goes on with the last one."""
    found = _ENTRY.fullmatch(line)
    if found is None:
        last = list(entries)[-1]
        entries[last] = " ".join((entries[last], *line.split()))
    else:
        words = " ".join(found[1].split())
        entries[_name(words)] = words


def _name(words: str) -> str:
    """``-q, --quiet No progress`` is the option ``--quiet``; a command is its first word."""
    names = re.match(r"(-\w, )?(\S+)", words)
    assert names is not None
    return names[2].rstrip(",")
