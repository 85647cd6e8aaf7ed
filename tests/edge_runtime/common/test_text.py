"""Names of files are shown as valid text, whatever they hold."""

from __future__ import annotations

import os

import pytest

from edge_runtime.common.text import as_utf8, printable


@pytest.mark.parametrize(
    "raw, as_text, as_printable",
    [
        (b"cell.png", "cell.png", "cell.png"),
        ("zelle-µ.png".encode(), "zelle-µ.png", "zelle-µ.png"),
        (b"\xff\xfe.png", "\\xff\\xfe.png", "\\xff\\xfe.png"),
        (b"a\nb\x1b[31m.png", "a\nb\x1b[31m.png", "a\\nb\\x1b[31m.png"),
    ],
)
def test_names(raw: bytes, as_text: str, as_printable: str) -> None:
    path = os.fsdecode(raw)
    assert as_utf8(path) == as_text
    assert printable(path) == as_printable


def test_half_a_character_is_shown_as_an_escape() -> None:
    assert printable("a\ud800b") == "a\\ud800b"


def test_long_names_lose_their_middle() -> None:
    shown = printable("a" * 1000 + "z")
    assert len(shown) < 310 and "..." in shown and shown.endswith("z")
