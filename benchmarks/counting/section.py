"""``bench counting``: how often the interval of a count holds the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import Section, Table, machine_of


def section(document: Mapping[str, Any]) -> Section:
    """The coverages against their bars, and the mean of each scenario."""
    bars = document["bars"]
    low, high = bars["mean"]
    rows = [
        ("mean coverage", f"{document['mean']:.3f}", f"{low:g} to {high:g}"),
        ("lowest coverage", f"{document['least']:.3f}", f"{bars['least']:g}"),
        ("lowest of the exact interval", f"{document['exact_least']:.3f}", f"{bars['exact_least']:g}"),
    ]
    scenarios: dict[str, list[float]] = {}
    for point in document["points"]:
        scenarios.setdefault(point["scenario"] + ("" if point["within"] else " *"), []).append(point["coverage"])
    means = [(name, f"{sum(values) / len(values):.3f}", f"{min(values):.3f}") for name, values in scenarios.items()]
    return Section(
        "counting",
        "Coverage of the intervals of a count",
        {"Machine": machine_of(document), "Simulated slides at each point": f"{document['replicates']:,}"},
        [
            Table("", ("95 % interval", "holds the truth", "bar"), rows),
            Table("By scenario", ("blank rate", "mean coverage", "lowest"), means),
        ],
        ["Scenarios with a star break an assumption on purpose; the bars do not apply to them."],
        command=document["command"],
        date=document["date"],
        machine=machine_of(document),
    )
