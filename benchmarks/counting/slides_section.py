"""``bench counting RUN``: slides simulated from held-out patients, detected and estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import Section, Table, machine_of, number, spread

_HEADINGS = ("infected cells/µL", "red cells counted", "detected", "mean estimate", "interval, medians of its ends",
             "interval holds the truth", "median limit")  # fmt: skip


def section(document: Mapping[str, Any]) -> Section:
    """A table for each thing known about the blank rate."""
    tables = []
    for number_, setting in enumerate(document["settings"]):
        rows = [_row(point) for point in document["points"] if point["setting"] == number_]
        caption = (
            f"{setting['truth']}: mean blank rate {setting['mean']:.3%}, spread {setting['spread']:.2f}; known from "
            f"{setting['slides']} {setting['known_from']}"
        )
        tables.append(Table(caption, _HEADINGS, rows, words=0))
    return Section(
        "slides",
        "Counts on slides of held-out patients",
        {"Machine": machine_of(document), "Draws of an interval": f"{document['draws']:,}"},
        tables,
        command=document["command"],
        date=document["date"],
        machine=machine_of(document),
    )


def _row(point: Mapping[str, Any]) -> tuple[str, ...]:
    slides = point["slides"]
    return (
        f"{point['level']:,.0f}",
        f"{point['counted']:,}",
        spread(point["detected"] / slides, (point["detected_low"], point["detected_high"]), ".2f"),
        f"{point['estimate']:,.0f}",
        f"{point['low']:,.0f} to {point['high']:,.0f}",
        spread(point["held"] / slides, (point["held_low"], point["held_high"]), ".2f"),
        number(point["limit"], ",.0f"),
    )
