"""The contract's lines: which keys, in which order."""

from __future__ import annotations

from edge_runtime.core.classifier import CellResult
from edge_runtime.core.lines import cell_line, error_line
from edge_runtime.errors import BadImage


def test_a_cell_and_its_model() -> None:
    line = cell_line("a.png", CellResult("Parasitized", 0.75, review=True, count=False, logit=1.1), "0123456789ab")
    assert list(line.items()) == [
        ("source", "a.png"),
        ("label", "Parasitized"),
        ("probability", 0.75),
        ("review", True),
        ("count", False),
        ("model", "0123456789ab"),
    ]


def test_what_cannot_be_read_says_why() -> None:
    line = error_line("a.png", BadImage("It is empty.", "empty-file"))
    assert line == {"source": "a.png", "error": {"kind": "empty-file", "message": "It is empty."}}
