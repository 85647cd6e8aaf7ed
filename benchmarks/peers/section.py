"""``bench peers``: the runtimes side by side, and AUC against time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.peers.text import HEADINGS, name_of, remarks, row_cells, split
from benchmarks.report.section import Picture, Section, Table, machine_of
from train.report.plot_style import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_SPAN = 0.01  # of the AUC's axis: less would make one cell's difference look like a model's
_TICKS = [value * 10**power for power in range(-2, 4) for value in (1, 2, 5)]


def section(document: Mapping[str, Any]) -> Section:
    """One table; those that could not be measured are sentences."""
    measured, failed = split(document["rows"])
    cells = document["cells"]
    left_out = [f"Not measured: {name_of(row)}: {row['error']}." for row in failed]
    picture = None
    if any(row["auc"] is not None for row in measured):
        picture = Picture(
            lambda axes: _draw(document, axes), (7.5, 4.2), "AUC of each runtime and model against time a cell",
            "AUC against time a cell; the line joins those that no other beats in both.",
        )  # fmt: skip
    return Section(
        "peers",
        "Other runtimes and models",
        {
            "Machine": machine_of(document),
            "Model": document["model"],
            "Cells": f"{cells['number']} ({cells['origin']})",
        },
        [Table("", HEADINGS, [row_cells(row) for row in measured], words=2)],
        [*left_out, *remarks(document)],
        picture,
        document["command"],
        document["date"],
        machine_of(document),
    )


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (milliseconds, AUC), those that no other is both quicker than and at least as good as, by time."""
    best: list[tuple[float, float]] = []
    for milliseconds, area in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or area > best[-1][1]:
            best.append((milliseconds, area))
    return best


def _draw(document: Mapping[str, Any], axes: Axes) -> None:
    rows = sorted((row for row in document["rows"] if row["auc"] is not None), key=lambda row: row["cell"]["p50_ms"])
    points = [(row["cell"]["p50_ms"], row["auc"]) for row in rows]
    best = front(points)
    middle = (min(area for _, area in points) + max(area for _, area in points)) / 2
    half = max(_LEAST_SPAN, max(area for _, area in points) - min(area for _, area in points)) / 2
    axes.plot([x for x, _ in best], [y for _, y in best], color=ORANGE, linewidth=1.2, zorder=1)
    for place, (row, point) in enumerate(zip(rows, points, strict=True)):
        own = row["name"] == "thinsmear"
        colour = BLUE if own else ORANGE if point in best else GREY
        axes.plot(*point, "o", color=colour, markersize=8 if own else 6, zorder=3 if own else 2)
        # one network in many runtimes gives points side by side: their names climb, so that none covers another
        axes.annotate(
            name_of(row),
            point,
            xytext=(4, 14 + 15 * (place % 7)),
            textcoords="offset points",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.2)},
        )
    axes.set_ylim(middle - 1.2 * half, middle + 2.4 * half)
    axes.set_yticks([tick for tick in axes.get_yticks() if middle - 1.2 * half <= tick <= 1])  # names stand above 1
    axes.set_xscale("log")
    axes.set_xlim(points[0][0] / 1.4, points[-1][0] * 4)
    ticks = [value for value in _TICKS if points[0][0] / 1.4 <= value <= points[-1][0] * 4]
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.minorticks_off()
    axes.set_xlabel("Milliseconds a cell, one thread (log)")
    axes.set_ylabel("AUC")
