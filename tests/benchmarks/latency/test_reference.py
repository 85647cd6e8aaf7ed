"""References: rows of a saved run, a CSV that grows, and which row fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.latency.reference import (
    SHIPPED,
    Reference,
    References,
    add_rows,
    compare,
    read_references,
    rows_of,
)
from benchmarks.latency.section import comparison_table
from benchmarks.report.forms import table_text
from edge_runtime.errors import BadData, WrongUsage

PI = Reference("Raspberry Pi 5 Model B Rev 1.0", "Cortex-A76", "0123456789ab", 1, "128x128", "ai_edge_litert 2.3.0", "0.1.0",
               "2026-11-21", "standard", 4.0, 6.0, 3.9, 400.0)  # fmt: skip
HERE = (PI.board, PI.processor)


def document() -> dict[str, Any]:
    """The parts of a latency document that a row needs."""
    return {
        "machine": {"board": None, "processor": "Xeon", "thinsmear": "0.1.0"},
        "runtime": {"name": "ai_edge_litert", "version": "2.3.0"},
        "date": "2026-11-21T10:00:00+00:00",
        "preset": "quick",
        "models": [
            {
                "flatbuffer": "0123456789ab",
                "input": [96, 128],
                "cold_start": {"classify": {"median_ms": 300.04}},
                "threads": [
                    {
                        "threads": n,
                        "latency": {"median_ms": 1.23456 / n},
                        "file": {"median_ms": 2.0},
                        "bare": {"median_ms": 1.0},
                    }
                    for n in (1, 2)
                ],
            }
        ],
    }


def test_rows_of_a_document() -> None:
    one, two = rows_of(document())
    assert (one.board, one.processor, one.input, one.threads, two.threads) == ("", "Xeon", "128x96", 1, 2)
    assert (one.infer_ms, one.file_ms, one.start_ms, one.date) == (1.2346, 2.0, 300.04, "2026-11-21")


def test_a_damaged_document_is_refused() -> None:
    with pytest.raises(BadData, match="lacks"):
        rows_of({**document(), "runtime": None})


def test_a_table_grows_and_its_rows_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    add_rows(path, [PI, replace(PI, threads=4, infer_ms=1.5)])
    add_rows(path, [replace(PI, infer_ms=3.0, date="2026-12-01")])
    rows = read_references(str(path)).rows
    assert {(row.threads, row.infer_ms) for row in rows} == {(1, 3.0), (4, 1.5)}
    assert path.read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("rows", "one_run", "machine", "model", "found"),
    [
        ([PI], False, HERE, PI.model, True),
        ([PI], False, ("", "Xeon"), PI.model, False),  # a table serves the boards it names
        ([PI], False, HERE, "ffffffffffff", False),
        ([PI], True, ("", "Xeon"), PI.model, True),  # a saved run: another machine may be held against it
        ([PI], True, HERE, "ffffffffffff", True),  # and another model, when it has only one
        ([PI, replace(PI, model="aaaaaaaaaaaa")], True, HERE, "ffffffffffff", False),
        ([replace(PI, threads=4)], True, HERE, PI.model, False),
        ([], True, HERE, PI.model, False),
    ],
)
def test_which_row_fits(
    rows: list[Reference], one_run: bool, machine: tuple[str, str], model: str, found: bool
) -> None:
    assert (References(tuple(rows), one_run).fitting(machine, model, 1) is not None) == found


def test_the_same_machine_comes_first() -> None:
    other = replace(PI, board="Raspberry Pi 4", infer_ms=9.0)
    assert References((other, PI), True).fitting(HERE, PI.model, 1) == PI


def test_comparison() -> None:
    found = compare([replace(PI, infer_ms=4.5, file_ms=5.0)], References((PI,), False))
    assert [(one.figure, one.ratio) for one in found] == [("infer_ms", 1.125), ("file_ms", pytest.approx(5 / 6))]
    shown = table_text(
        comparison_table({"reference": "r.csv", "tolerance": 0.1, "figures": [one.to_json() for one in found]})
    )
    assert "1.125      slower" in shown and "0.833     quicker" in shown


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, WrongUsage, "no reference"),
        ("board,processor\nPi,A76\n", BadData, "no table of references"),
    ],
)
def test_what_is_no_table(content: str | None, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=message):
        read_references(str(path))


def test_a_time_of_nothing_is_refused(tmp_path: Path) -> None:
    add_rows(tmp_path / "r.csv", [replace(PI, infer_ms=0.0)])
    with pytest.raises(BadData, match="not above 0"):
        read_references(str(tmp_path / "r.csv"))


def test_the_table_that_comes_along_is_readable_and_measured() -> None:
    rows = read_references("shipped").rows
    assert rows and SHIPPED.is_file()
    assert all(row.preset in ("standard", "soak") and row.file_ms > row.infer_ms > 0 for row in rows)
