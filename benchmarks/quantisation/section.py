"""``bench accuracy``: what every way of quantising costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.quantisation.report import HEADINGS, cells_of, facts_of, trade
from benchmarks.quantisation.variants import Row, pareto
from benchmarks.report.section import Picture, Section, Table, machine_of


def section(document: Mapping[str, Any]) -> Section:
    """One table; failed rows with their reasons below."""
    rows = [Row.from_json(row) for row in document["rows"]]
    best = pareto(rows)
    return Section(
        "accuracy",
        "Quantisation",
        facts_of(document),
        [Table("", HEADINGS, [cells_of(row, best) for row in rows])],
        [
            "A star marks ways than which no other is both more accurate and quicker.",
            *(f"{row.variant.name}: {row.error}" for row in rows if row.error),
        ],
        Picture(trade(rows), (7.5, 4.5), "Accuracy against time per cell", "Accuracy against time a cell."),
        document["command"],
        document["date"],
        machine_of(document),
    )
