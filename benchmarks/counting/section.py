"""``bench counting``: how often the interval of a count holds the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import Detail, FigureTable, Section, make_section


def section(document: Mapping[str, Any]) -> Section:
    """The coverages against their bars, the mean of each scenario, and the whole grid."""
    bars = document["bars"]
    low, high = bars["mean"]
    rows = [
        ("mean coverage", f"{document['mean']:.3f}", f"{low:g} to {high:g}"),
        ("lowest coverage", f"{document['least']:.3f}", f"{bars['least']:g}"),
        ("lowest of the exact interval", f"{document['exact_least']:.4f}", f"{bars['exact_least']:g}"),
    ]
    scenarios: dict[str, list[float]] = {}
    for point in document["points"]:
        scenarios.setdefault(_name(point), []).append(point["coverage"])
    means = [(name, f"{sum(values) / len(values):.3f}", f"{min(values):.3f}") for name, values in scenarios.items()]
    error = math.sqrt(0.05 * 0.95 / document["replicates"])
    return make_section(
        document,
        "Coverage of the intervals of a count",
        {"Simulated slides at each point": f"{document['replicates']:,}"},
        [
            FigureTable("", ("95 % interval", "holds the truth", "bar"), rows),
            FigureTable("By scenario", ("blank rate", "mean coverage", "lowest"), means),
        ],
        [
            f"{'Within' if document['passed'] else 'NOT within'} the bars. The exact interval of the raw rate is "
            f"computed, the others are simulated (standard error of a point {error:.4f}, seed {document['seed']}).",
            "Scenarios with a star break an assumption on purpose; the bars do not apply to them.",
        ],
        details=[Detail([_grid(document["points"])])],
    )


def _grid(points: list[Mapping[str, Any]]) -> FigureTable:
    """A line per scenario and number of cells, a column per number of infected cells expected."""
    columns = list(dict.fromkeys(point["expected"] for point in points))
    lines: dict[tuple[str, int], dict[float, str]] = {}
    for point in points:
        line = lines.setdefault((_name(point), point["counted"]), {})
        line[point["expected"]] = f"{100 * point['coverage']:.1f}"
    rows = [(name, f"{cells:,}", *(found[column] for column in columns)) for (name, cells), found in lines.items()]
    headings = ("blank rate", "cells", *(f"{column:g}" for column in columns))
    return FigureTable("Coverage in %, by infected cells expected", headings, rows)


def _name(point: Mapping[str, Any]) -> str:
    return str(point["scenario"]) + ("" if point["within"] else " *")
