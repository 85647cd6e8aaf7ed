"""``bench fields``: whole fields, found and ranked cells, time against the floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.reports.section import Section, Table, machine_of, number, spread


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
    stages = [
        (name, f"{stage['cells']}", f"{stage['found']}", number(stage["auc"], ".3f"))
        for name, stage in document["stages"].items()
    ]
    return Section(
        "fields",
        "Whole fields",
        {"Machine": machine_of(document), "Model": document["model"], "Fields": str(document["fields"])},
        [Table("", ("figure", "value"), rows), Table("", ("stage", "cells", "found", "AUC"), stages)],
        command=document["command"],
        date=document["date"],
        machine=machine_of(document),
    )


def _share(infected: Mapping[str, Any]) -> str:
    if infected["interval"] is None:
        return ""
    return f", {spread(infected['found'] / infected['cells'], infected['interval'], '.2f')}"
