"""``bench fields``: whole fields, found and ranked cells, time against the floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.fields.domain_gap import HEADINGS as GAP
from benchmarks.fields.domain_gap import gap_rows
from benchmarks.report.section import Section, Table, machine_of, number, spread


def section(document: Mapping[str, Any]) -> Section:
    """Figures, and a row for each stage of the parasite."""
    infected = document["infected"]
    rows = [
        (f"F1 at IoU {document['iou']:g}, border left aside", number(document["f1"], ".3f")),
        ("precision", number(document["precision"], ".3f")),
        ("recall", number(document["recall"], ".3f")),
        ("infected cells found", f"{infected['found']} of {infected['cells']}" + _share(infected)),
        ("AUC infected against red cells", number(document["auc"], ".3f")),
    ]
    if "time" in document:
        time = document["time"]
        rows.append(("a field, one thread", f"{time['field_ms']:.0f} ms, {time['ratio']:.2f} times the floor"))
        rows += [(f"of it {stage}", f"{spent:.1f} ms") for stage, spent in time.get("stages_ms", {}).items()]
    stages = [
        (name, f"{stage['cells']}", f"{stage['found']}", number(stage["auc"], ".3f"))
        for name, stage in document["stages"].items()
    ]
    return Section(
        "fields",
        "Whole fields",
        {"Machine": machine_of(document), "Model": document["model"], "Fields": str(document["fields"])},
        [Table("", ("figure", "value"), rows), Table("", ("stage", "cells", "found", "AUC"), stages), *_more(document)],
        [f"{entry['step']}: {entry['says']}." for entry in document.get("gap", ())],
        command=document["command"],
        date=document["date"],
        machine=machine_of(document),
    )


def _more(document: Mapping[str, Any]) -> list[Table]:
    """Tables of what was only measured when it was asked for."""
    tables = []
    if "by_iou" in document:
        rows = [
            (
                f"{one['iou']:g}",
                *(number(one[name], ".3f") for name in ("precision", "recall", "f1")),
                f"{one['infected_found']} of {one['infected']}",
            )
            for one in document["by_iou"]
        ]
        tables.append(Table("By overlap", ("IoU", "precision", "recall", "F1", "infected found"), rows))
    if "gap" in document:
        tables.append(Table("From a raw box to a crop like the training cells", GAP, gap_rows(document["gap"])))
    if "sizes" in document:
        rows = [
            (f"{one['width']}x{one['height']}", f"{one['cells']}", f"{one['field_ms']:.0f}")
            for one in document["sizes"]
        ]
        tables.append(Table("One field in other sizes", ("pixels", "cells", "ms"), rows))
    if "threads" in document:
        gains = ("field_gain", "fields_gain", "bare_gain")
        rows = [
            (f"{one['threads']}", f"{one['field_ms']:.0f}", *(f"{one[gain]:.2f}" for gain in gains))
            for one in document["threads"]
        ]
        headings = ("threads", "ms a field", "gain, one field", "gain, many fields", "gain, bare calls")
        tables.append(Table("Threads", headings, rows))
    return tables


def _share(infected: Mapping[str, Any]) -> str:
    if infected["interval"] is None:
        return ""
    return f", {spread(infected['found'] / infected['cells'], infected['interval'], '.2f')}"
