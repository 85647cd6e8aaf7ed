"""``bench fields``: whole fields, found and ranked cells, time against the floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.fields.domain_gap import HEADINGS as GAP
from benchmarks.fields.domain_gap import gap_rows
from benchmarks.report.section import Detail, FigureTable, Section, make_section, number, spread


def section(document: Mapping[str, Any], digits: int = 3) -> Section:
    """Figures, and a row for each stage of the parasite.

    Args:
        digits: of shares and areas, behind the point.
    """
    infected, form = document["infected"], f".{digits}f"
    rows = [
        (f"F1 at IoU {document['iou']:g}, border left aside", number(document["f1"], form)),
        ("precision", number(document["precision"], form)),
        ("recall", number(document["recall"], form)),
        ("infected cells found", f"{infected['found']} of {infected['cells']}" + _share(infected)),
        ("AUC infected against red cells", number(document["auc"], form)),
    ]
    if "time" in document:
        time = document["time"]
        rows.append(("a field, one thread", f"{time['field_ms']:.0f} ms, {time['ratio']:.2f} times the floor"))
        rows += [(f"of it {stage}", f"{spent:.1f} ms") for stage, spent in time.get("stages_ms", {}).items()]
    stages = [
        (name, f"{stage['cells']}", f"{stage['found']}", number(stage["auc"], form))
        for name, stage in document["stages"].items()
    ]
    return make_section(
        document,
        "Whole fields",
        {"Model": document["model"], "Fields": str(document["fields"])},
        [
            FigureTable("", ("figure", "value"), rows),
            FigureTable("", ("stage", "cells", "found", "AUC"), stages),
            *_laboratories(document, form),
            *_more(document, form),
        ],
        [f"{entry['step']}: {entry['says']}." for entry in document.get("gap", ())],
        details=[Detail([_rest(document, form)])],
    )


def _rest(document: Mapping[str, Any], form: str) -> FigureTable:
    """What a README has no room for."""
    rows = [
        ("fields accepted", f"{document['accepted']} of {document['fields']}"),
        ("F1 with border cells", number(document["f1_with_border"], form)),
    ]
    rows += [
        (f"{name} found", f"{stage['found']} of {stage['cells']}{_share(stage)}")
        for name, stage in document["stages"].items()
    ]
    if "time" in document:
        time = document["time"]
        rows.append(("of a field, finding its cells", f"{time['segment_ms']:.0f} ms"))
        rows.append(("the floor", f"{time['floor_ms']:.0f} ms"))
    return FigureTable("More", ("figure", "value"), rows)


def _more(document: Mapping[str, Any], form: str) -> list[FigureTable]:
    """Tables of what was only measured when it was asked for."""
    tables = []
    if "by_iou" in document:
        rows = [
            (
                f"{one['iou']:g}",
                *(number(one[name], form) for name in ("precision", "recall", "f1")),
                f"{one['infected_found']} of {one['infected']}",
            )
            for one in document["by_iou"]
        ]
        tables.append(FigureTable("By overlap", ("IoU", "precision", "recall", "F1", "infected found"), rows))
    if "gap" in document:
        tables.append(FigureTable("From a raw box to a crop like the training cells", GAP, gap_rows(document["gap"])))
    if "sizes" in document:
        rows = [
            (f"{one['width']}x{one['height']}", f"{one['cells']}", f"{one['field_ms']:.0f}")
            for one in document["sizes"]
        ]
        tables.append(FigureTable("One field in other sizes", ("pixels", "cells", "ms"), rows))
    if "threads" in document:
        gains = ("field_gain", "fields_gain", "bare_gain")
        rows = [
            (f"{one['threads']}", f"{one['field_ms']:.0f}", *(f"{one[gain]:.2f}" for gain in gains))
            for one in document["threads"]
        ]
        headings = ("threads", "ms a field", "gain, one field", "gain, many fields", "gain, bare calls")
        tables.append(FigureTable("Threads", headings, rows))
    return tables


def _laboratories(document: Mapping[str, Any], form: str) -> list[FigureTable]:
    """A row for each laboratory; documents of before hold none."""
    rows = []
    for one in document.get("laboratories", ()):
        infected, red, false = one["infected"], one["red_cells"], one["false_parasites"]
        rows.append(
            (
                one["laboratory"],
                f"{one['fields']}",
                "-" if infected is None else f"{infected['found']} of {infected['cells']}",
                number(one["auc"], form),
                number(one["red_above_kept"], ".1%"),
                "-" if infected is None else f"{infected['review']} of {infected['scored']}",
                "-" if infected is None else f"{infected['count']} of {infected['scored']}",
                spread(red["review"]["share"], red["review"]["interval"], ".1%"),
                spread(red["count"]["share"], red["count"]["interval"], ".2%"),
                "-" if false is None else spread(false["per_microlitre"], false["interval"], ",.0f"),
            )
        )
    headings = (
        "laboratory", "fields", "infected found", "AUC", "red above 98 % of infected", "infected to review",
        "infected counted", "red to review", "red counted", "false parasites/µL",
    )  # fmt: skip
    return [FigureTable("By laboratory", headings, rows)] if rows else []


def _share(found: Mapping[str, Any]) -> str:
    """Behind a number of cells found: their share with its interval, where there is one."""
    if found.get("interval") is None:
        return ""
    return f", {spread(found['found'] / found['cells'], found['interval'], '.2f')}"
