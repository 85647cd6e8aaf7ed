"""``bench candidates``: what networks of other sizes would cost, before any of them is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import FigureTable, Section, make_section


def section(document: Mapping[str, Any]) -> Section:
    """One row for each network."""
    rows = [
        (
            one["name"],
            f"{one['bytes']:,}",
            f"{one['parameters']:,}",
            f"{one['milliseconds']:.2f}",
            f"{one['ratio']:.3f}",
        )
        for one in document["candidates"]
    ]
    headings = ("network", "bytes", "parameters", "ms a cell", "ratio to the first")
    return make_section(
        document, "Candidate networks", {"Preset": document["preset"]}, [FigureTable("", headings, rows)]
    )
