"""How file names and other foreign text are shown: always valid, printable text, whatever bytes the name holds."""

from __future__ import annotations

import os

_LONGEST = 300


def as_utf8(path: str | os.PathLike[str]) -> str:
    """A path as valid Unicode: bytes that are no UTF-8 become ``\\xNN``; everything else stays as it is."""
    name = os.fspath(path)
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character from somewhere else, for instance from JSON
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(path: str | os.PathLike[str]) -> str:
    """A path, or any foreign text, for a terminal: as :func:`as_utf8`, and control characters are escaped too.

    So a name holds no line ends and no escape codes; beyond 300 characters it loses its middle.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in as_utf8(path))
    if len(shown) <= _LONGEST:
        return shown
    half = _LONGEST // 2 - 2
    return f"{shown[:half]}...{shown[-half:]}"
