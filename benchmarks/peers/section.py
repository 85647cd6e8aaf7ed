"""``bench peers``: the runtimes side by side, and AUC against time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.report.section import FigurePlot, FigureTable, Section, make_section
from train.report.plot_style import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_SPAN = 0.01  # of the AUC's axis: less would make one cell's difference look like a model's
_TICKS = [value * 10**power for power in range(-2, 4) for value in (1, 2, 5)]
_HEADINGS = ("peer", "model", "ms a cell", "ratio", "infer ms", "start ms", "peak MiB", "installed MB", "accuracy",
            "AUC", "agrees")  # fmt: skip


def section(document: Mapping[str, Any]) -> Section:
    """One table; those that could not be measured are sentences."""
    measured = [row for row in document["rows"] if row["error"] is None]
    cells = document["cells"]
    picture = None
    if any(row["auc"] is not None for row in measured):
        picture = FigurePlot(
            lambda axes: _draw(document, axes), (7.5, 4.2), "AUC of each runtime and model against time a cell",
            "AUC against time a cell; the line joins those that no other beats in both.",
        )  # fmt: skip
    return make_section(
        document,
        "Other runtimes and models",
        {"Model": document["model"], "Cells": f"{cells['number']} ({cells['origin']})"},
        [FigureTable("", _HEADINGS, [_row_cells(row) for row in measured], words=2)],
        _remarks(document),
        picture,
    )


def _row_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One measured row of the document as text; ``ratio`` with its interval."""
    low, high = row["ratio_interval"] or (None, None)
    ratio = _number(row["ratio"], ".2f") + (f" ({low:.2f} to {high:.2f})" if low is not None else "")
    return (
        row["name"],
        row["precision"],
        _number(row["cell"]["p50_ms"], ".2f"),
        ratio,
        _number(row["infer"]["p50_ms"], ".2f"),
        _number(row["start_ms"], ".0f"),
        _number(row["peak_mib"], ".0f"),
        _number(row["installed_bytes"] / 1e6, ".0f"),
        _number(row["accuracy"], ".4f"),
        _number(row["auc"], ".4f"),
        _number(row["agreement"], ".4f"),
    )


def _remarks(document: Mapping[str, Any]) -> list[str]:
    """What was not measured and why; what was, and how; a sentence each."""
    cells = document["cells"]
    patients = f" of {cells['patients']} patients" if cells["patients"] else ""
    found = [f"Not measured: {_name_of(row)}: {row['error']}." for row in document["rows"] if row["error"] is not None]
    found += [
        f"{cells['number']} cells{patients} ({cells['origin']}), decoded before; ms a cell is resize, preparation and "
        f"inference, p50 of {document['rounds'] * document['block']} cells in {document['rounds']} rounds.",
        "ratio: over thinsmear in the same round, median and 95 % interval; start: process start to first answer; "
        "peak: resident memory until then; installed: the packages it needs.",
    ]
    pinned = f"all processes stay on processor {document['cpu']}" if document["cpu"] is not None else "not pinned"
    ways: dict[str, str] = {}
    for row in document["rows"]:
        if row["error"] is None:
            ways[f"{row['runtime']} {row['version']}"] = row["threads"]
    found.append(f"One thread each, {pinned}; {'; '.join(f'{name}: {how}' for name, how in ways.items())}.")
    return found


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
            _name_of(row),
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


def _name_of(row: Mapping[str, Any]) -> str:
    """Name and precision."""
    return f"{row['name']} {row['precision']}".strip()


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
