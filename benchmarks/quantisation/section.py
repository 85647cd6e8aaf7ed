"""``bench accuracy``: what every way of quantising costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.quantisation.variants import SPECIFICITY, VariantResult, pareto
from benchmarks.report.section import FigurePlot, FigureTable, Section, make_section
from train.report.plot_style import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from train.report.plot_style import Draw

_HEADINGS = (
    "way", "bytes", "accuracy", "change", "AUC", f"sens. at spec. {SPECIFICITY}", "ECE", "agreement", "worst patient",
    "ms a cell", "gate",
)  # fmt: skip


def section(document: Mapping[str, Any]) -> Section:
    """One table; failed rows with their reasons below."""
    rows = [VariantResult.from_json(row) for row in document["rows"]]
    best = pareto(rows)
    return make_section(
        document,
        "Quantisation",
        _facts(document),
        [FigureTable("", _HEADINGS, [_cells(row, best) for row in rows])],
        [
            "A star marks ways than which no other is both more accurate and quicker. Same held-out cells for all.",
            *(f"{row.variant.name}: {row.error}" for row in rows if row.error),
        ],
        FigurePlot(
            _trade(rows, best),
            (7.5, 4.5),
            "Accuracy against time per cell",
            "Accuracy against time a cell; the line joins the best.",
        ),
    )


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    """What was measured, on what."""
    return {
        "Run": document["run"],
        "Held-out cells": f"{document['cells']:,} of {document['patients'] or 'unknown'} patients",
        "Float model": f"accuracy {document['float']['accuracy']:.4f}, AUC {document['float']['auc']:.4f}",
    }


def _cells(row: VariantResult, best: set[str]) -> tuple[str, ...]:
    """One row as text; a star marks those on the Pareto front."""
    name = f"{row.variant.name}{' *' if row.variant.name in best else ''}"
    if row.error is not None:
        return (name, *["-"] * (len(_HEADINGS) - 2), "failed")

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        name,
        number(row.bytes, ","),
        number(row.accuracy, ".4f"),
        number(row.accuracy_change, "+.4f"),
        number(row.auc, ".4f"),
        number(row.sensitivity, ".4f"),
        number(row.ece, ".4f"),
        number(row.agreement, ".4f"),
        number(row.worst_patient, "+.3f"),
        number(row.milliseconds, ".2f"),
        row.gate or "-",
    )


def _trade(rows: Sequence[VariantResult], best: set[str]) -> Draw:
    """Draws accuracy against time, the best joined by a line."""
    whole = [(row.variant, row.milliseconds or 0.0, row.accuracy or 0.0) for row in rows if row.error is None]

    def draw(axes: Axes) -> None:
        labelled = set()
        for variant, x, y in whole:
            first = variant.recipe not in labelled
            labelled.add(variant.recipe)
            axes.plot(x, y, "o", color=ORANGE if variant.name in best else GREY, markersize=6)
            if first:
                axes.annotate(variant.recipe, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
        front = sorted((x, y) for variant, x, y in whole if variant.name in best)
        axes.plot([x for x, _ in front], [y for _, y in front], color=BLUE, linewidth=1.2)
        axes.set_xscale("log")
        axes.set_xlabel("Milliseconds a cell, one thread (log)")
        axes.set_ylabel("Accuracy, held-out patients")

    return draw
