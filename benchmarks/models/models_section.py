"""``bench models``: finished models in one table, how far each is from the first, and AUC against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.report.section import FigurePlot, FigureTable, Section, make_section, signed, spread
from train.report.plot_style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COST = ("model", "id", "bytes", "input", "ms", "ratio")
_QUALITY = ("accuracy", "AUC", "sensitivity", "ECE", "ECE by chance")


def section(document: Mapping[str, Any]) -> Section:
    """One row for each model; those that could not be measured are sentences."""
    rows = _measured(document)
    picture = None
    if rows:
        picture = FigurePlot(
            lambda axes: _draw(rows, axes), (7.5, 3.8), "AUC of each model against the time of an inference",
            "AUC with its 95 % interval against the time of an inference.",
        )  # fmt: skip
    return make_section(
        document,
        "Models side by side",
        {"Runtime": _runtime(document), "Cells": _cells(document)},
        [FigureTable("", _COST + _QUALITY, [_cost_cells(row) + _quality_cells(row) for row in rows], words=2)],
        _remarks(document),
        picture,
    )


def _measured(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows that have figures."""
    return [row for row in document["models"] if row["error"] is None]


def _cost_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A measured row under :data:`_COST`."""
    height, width = row["input"]
    return (
        row["name"],
        row["id"],
        f"{row['bytes']:,}",
        f"{height}x{width}",
        spread(row["milliseconds"], row["milliseconds_interval"], ".3f"),
        spread(row["ratio"], row["ratio_interval"], ".3f"),
    )


def _quality_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A measured row under :data:`_QUALITY`."""
    entries = (("accuracy", ".3f"), ("auc", ".4f"), ("sensitivity", ".3f"), ("ece", ".3f"))
    return (
        *(spread(row[name]["value"], _ends(row[name]), form) for name, form in entries),
        f"{row['ece_floor']['mean']:.3f}",
    )


def _remarks(document: Mapping[str, Any]) -> list[str]:
    """What was measured and how, each model's distance to the first, and what to mind; a sentence or two each."""
    spans = document["interval"]
    rows = _measured(document)
    if spans["resampled"] == "patients":
        unit = "patients"
    else:
        unit = "cells, as patients are not known, which makes them too narrow"
    found = [f"Not measured: {row['name']}: {row['error'].rstrip('.')}." for row in document["models"] if row["error"]]
    if rows:
        first = document["models"][0]["name"]
        found += [
            f"{_cells(document)}. Accuracy at P 0.5, sensitivity at specificity {document['specificity']:g}; ECE by "
            f"chance: what perfect calibration would show. Intervals: {spans['level'] * 100:g} %, "
            f"{spans['replicates']:,} resamplings of {unit}.",
            f"ms: the bare interpreter ({_runtime(document)}), one thread; ratio: over {first} in the same round; "
            f"medians of {document['rounds']:,} rounds with 95 % intervals, every model once a round.",
        ]
    found += [_sentence(row, document) for row in rows if row["difference"] is not None]
    if rows and all(row["unseen"] for row in rows):
        found.append("By their cards, none of these patients was in the training of a model.")
    return [*found, *(f"Warning: {warning}" for warning in document["warnings"])]


def _sentence(row: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """How far one model is from the first, and whether that can be told from chance."""
    accuracy, auc = row["difference"]["accuracy"], row["difference"]["auc"]
    unit = "patients" if document["interval"]["resampled"] == "patients" else "cells"
    distance = (
        f"{row['name']} against {document['models'][0]['name']} on the same cells, {unit} resampled jointly: accuracy "
        f"{signed(accuracy, 100, 2, ' points')}, AUC {signed(auc, 1, 4)}"
    )
    if accuracy["low"] is None or auc["low"] is None:
        return f"{distance}."
    apart = [name for name, one in (("accuracy", accuracy), ("AUC", auc)) if one["low"] > 0 or one["high"] < 0]
    verdict = {
        0: "both intervals hold 0",
        1: f"that of the {' '.join(apart)} does not hold 0",
        2: "neither interval holds 0",
    }[len(apart)]
    return f"{distance}; {verdict}."


def _ends(entry: Mapping[str, Any]) -> Sequence[float] | None:
    return None if entry["low"] is None else (entry["low"], entry["high"])


def _cells(document: Mapping[str, Any]) -> str:
    cells = document["cells"]
    patients = "" if cells["patients"] is None else f" of {cells['patients']} patients"
    part = ", the data's test part" if cells["part"] == "test" else ""
    return f"{cells['number']:,} cells{patients} ({cells['parasitized']:,} parasitized{part})"


def _runtime(document: Mapping[str, Any]) -> str:
    runtime = document["runtime"]
    return "none" if runtime is None else f"{runtime['name']} {runtime['version']}"


def _draw(rows: Sequence[Mapping[str, Any]], axes: Axes) -> None:
    for place, row in enumerate(sorted(rows, key=lambda row: float(row["milliseconds"]))):
        time, auc = row["milliseconds"], row["auc"]
        colour = BLUE if row is rows[0] else ORANGE
        low, high = _ends(auc) or (auc["value"], auc["value"])
        axes.plot([time, time], [low, high], "-", color=colour, linewidth=3, alpha=0.5)
        axes.plot(time, auc["value"], "o", color=colour, markersize=8)
        # models of like speed stand close together: every other name lies below its point
        axes.annotate(
            row["name"],
            (time, auc["value"]),
            xytext=(8, 4 if place % 2 == 0 else -12),
            textcoords="offset points",
            fontsize=9,
        )
    axes.set_xlim(0, 1.3 * max(row["milliseconds"] for row in rows))
    axes.margins(y=0.15)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= 1])
    axes.set_xlabel("Milliseconds an inference, one thread")
    axes.set_ylabel("AUC")
