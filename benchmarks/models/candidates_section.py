"""``bench candidates``: what networks of other sizes would cost, before any of them is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import Section, Table, machine_of


def section(document: Mapping[str, Any]) -> Section:
    """One row for each network."""
    rows = [
        (
            one["name"],
            f"{one['bytes']:,}",
            f"{one['parameters']:,}",
            f"{one['milliseconds']:.2f}",
            f"{one['ratio']:.2f}",
        )
        for one in document["candidates"]
    ]
    headings = ("network", "bytes", "parameters", "ms a cell", "ratio")
    return Section(
        "candidates",
        "Candidate networks",
        {"Machine": machine_of(document), "Preset": document["preset"]},
        [Table("", headings, rows)],
        command=document["command"],
        date=document["date"],
        machine=machine_of(document),
    )
