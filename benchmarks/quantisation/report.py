"""The quantisation benchmark for people and programs: table, Markdown, CSV, JSON, HTML with a picture of the trade."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.quantisation.variants import SPECIFICITY, Row, pareto
from edge_runtime.common.console import table
from edge_runtime.common.files import write_atomically
from edge_runtime.core.card import RESEARCH_USE
from train.report import html as parts
from train.report.plot_style import BLUE, GREY, ORANGE, render
from train.report.style import CSS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from train.report.plot_style import Draw

HEADINGS = (
    "way", "bytes", "accuracy", "change", "AUC", f"sens. at spec. {SPECIFICITY}", "ECE", "agreement", "worst patient",
    "ms a cell", "gate",
)  # fmt: skip


def cells_of(row: Row, best: set[str]) -> tuple[str, ...]:
    """One row as text; a star marks those on the Pareto front."""
    name = f"{row.variant.name}{' *' if row.variant.name in best else ''}"
    if row.error is not None:
        return (name, *["-"] * (len(HEADINGS) - 2), "failed")

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


def text_table(rows: Sequence[Row]) -> str:
    """For a terminal, with the reasons of failures below."""
    best = pareto(rows)
    lines = [table(HEADINGS, [cells_of(row, best) for row in rows], right=range(1, len(HEADINGS) - 1))]
    lines += [f"{row.variant.name}: {row.error}" for row in rows if row.error]
    return "\n".join([*lines, "", "* no other way is both more accurate and quicker"])


def write_all(rows: Sequence[Row], subject: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write accuracy.md, .csv, .json, .svg and .html into ``folder``; returns their paths.

    Args:
        subject: the document (:func:`benchmarks.harness.envelope.envelope`) without its rows.
    """
    svg = render(trade(rows), (7.5, 4.5), "svg")
    documents: dict[str, bytes | str] = {
        "md": _markdown(rows, subject),
        "csv": _csv(rows),
        "json": json.dumps({**subject, "rows": [asdict(row) for row in rows]}, indent=1, allow_nan=False) + "\n",
        "svg": svg,
        "html": _html(rows, subject, svg),
    }
    paths = []
    for ending, content in documents.items():
        paths.append(folder / f"accuracy.{ending}")
        write_atomically(paths[-1], content)
    return paths


def _markdown(rows: Sequence[Row], subject: Mapping[str, Any]) -> str:
    best = pareto(rows)
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    lines += [f"| {' | '.join(cells_of(row, best))} |" for row in rows]
    facts = "\n".join(f"- {name}: {value}" for name, value in facts_of(subject).items())
    return f"# Quantisation benchmark\n\n{facts}\n\n" + "\n".join(lines) + "\n"


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    flat = [{**asdict(row.variant), **{k: v for k, v in asdict(row).items() if k != "variant"}} for row in rows]
    writer = csv.DictWriter(stream, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()


def facts_of(subject: Mapping[str, Any]) -> dict[str, str]:
    """What was measured, on what."""
    return {
        "Run": subject["run"],
        "Held-out cells": f"{subject['cells']:,} of {subject['patients'] or 'unknown'} patients",
        "Float model": f"accuracy {subject['float']['accuracy']:.4f}, AUC {subject['float']['auc']:.4f}",
        "Machine": subject["machine"]["processor"] or "unknown processor",
    }


def _html(rows: Sequence[Row], subject: Mapping[str, Any], svg: bytes) -> str:
    best = pareto(rows)
    body = parts.section(
        "rows",
        "Every way of quantising",
        parts.facts(facts_of(subject)),
        parts.plot(svg, "Accuracy against time per cell", "Accuracy against time a cell; the line joins the best."),
        parts.table("Same held-out cells for all.", HEADINGS, [cells_of(row, best) for row in rows]),
        parts.bullets(f"{row.variant.name}: {row.error}" for row in rows if row.error),
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Quantisation benchmark</title>
<style>{CSS}</style>
</head>
<body>
<header><div><h1>Quantisation benchmark</h1><p class="research">{escape(RESEARCH_USE)}</p></div></header>
<main id="main">
{body}
</main>
</body>
</html>
"""


def trade(rows: Sequence[Row]) -> Draw:
    """Draws accuracy against time, the best joined by a line."""
    best = pareto(rows)
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
