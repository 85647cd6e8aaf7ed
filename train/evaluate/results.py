"""From scores to results on disk: evaluate them, write metrics and report, and print the table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runtime.common.console import table
from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.core.card import RESEARCH_USE
from train.evaluate.scores import Scores
from train.metrics.bootstrap import REPLICATES
from train.metrics.evaluation import evaluate
from train.metrics.metrics import METRICS
from train.report.error_pictures import ERRORS, error_pictures, write_errors
from train.report.report import build_report

_UPPER = ("f1", "mcc", "auc", "ece")
_WORST = 5


def evaluate_scores(
    scores: Scores, out: Path | None = None, replicates: int = REPLICATES, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Evaluate scores wherever they come from: a run, a model file, or the held-out folds of a cross-validation.

    Args:
        scores: of n cells.
        out: folder for ``metrics.json``, ``errors.csv`` and ``report.html``; made when missing. None writes nothing.
        replicates: bootstrap resamplings.
        extra: further entries of the document, such as ``folds``.

    Returns:
        The document of :func:`train.metrics.evaluation.evaluate` with ``title``, ``notice``, ``model`` and
        ``data`` in front.

    Raises:
        WrongUsage, BadData: see :func:`train.metrics.evaluation.evaluate`.
    """
    cells, header = scores.cells, scores.header
    document: dict[str, Any] = {
        "title": header.title,
        "notice": RESEARCH_USE,
        "model": dict(header.model),
        "data": dict(header.data),
        **evaluate(
            cells.labels, scores.logits, cells.patients, scores.output, scores.points, replicates, remedy=scores.remedy
        ),
    }
    document["warnings"] = [*scores.warnings, *document["warnings"]]
    if cells.left_out:
        document["left_out"] = dict(cells.left_out)
    document |= extra or {}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        probabilities = scores.probabilities
        report = build_report(document, header, error_pictures(cells, probabilities))
        write_errors(out / ERRORS, cells, probabilities)
        write_atomically(out / "metrics.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
        write_atomically(out / "report.html", report)
    return document


def summary_text(document: Mapping[str, Any]) -> str:
    """The result for people: figures, thresholds, worst patients and warnings as plain text."""
    cells, patients = document["cells"], document["patients"]
    who = "" if patients is None else f" of {patients['total']} patients ({patients['healthy']} healthy)"
    parts = [
        f"{printable(document['title'])}\n{cells['total']:,} cells{who}: {cells['parasitized']:,} parasitized, "
        f"{cells['uninfected']:,} uninfected",
        _figures(document),
        _thresholds(document),
    ]
    if document["worst_patients"]:
        rows = [
            [printable(row["patient"]), row["cells"], row["errors"], f"{row['accuracy']:.3f}"]
            for row in document["worst_patients"][:_WORST]
        ]
        parts.append(table(["worst patients", "cells", "wrong", "accuracy"], rows, right=(1, 2, 3)))
    parts += [*(f"Warning: {warning}" for warning in document["warnings"]), *document["notes"]]
    if document["blank_rate"]:
        parts.append("Blank rate at the counting threshold: " + document["blank_rate"]["statement"])
    return "\n\n".join([*parts, RESEARCH_USE])


def _figures(document: Mapping[str, Any]) -> str:
    metrics, macro = document["metrics"], document["patient_macro"]
    headings = ["figure", "all cells", "95 % interval"]
    if macro:
        headings += ["mean over patients", "95 % interval"]
    rows = []
    for name in METRICS:
        title = name.upper() if name in _UPPER else name.replace("_", " ")
        row = [title, _value(metrics[name]), _range(metrics[name])]
        rows.append(row + ([_value(macro[name]), _range(macro[name])] if macro else []))
    for held, value in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
        entry = document["at_fixed"][held]
        rows.append([f"{held} at {value} {entry[value]:g}", _value(entry), _range(entry)] + (["", ""] if macro else []))
    return table(headings, rows, right=(1, 2, 3, 4))


def _thresholds(document: Mapping[str, Any]) -> str:
    half = {"threshold": document["threshold"], "confusion": document["confusion"], **document["metrics"]}
    rows = [
        [
            name,
            f"{point['threshold']:.5g}",
            *(point["confusion"][kind] for kind in ("tp", "fn", "fp", "tn")),
            _value(point["sensitivity"]),
            _value(point["specificity"]),
        ]
        for name, point in {"label": half, **document["operating_points"]}.items()
    ]
    headings = ["point", "threshold", "found", "missed", "false calls", "rightly left", "sensitivity", "specificity"]
    return table(headings, rows, right=range(1, 8))


def _value(entry: Mapping[str, Any]) -> str:
    return "-" if entry["value"] is None else f"{entry['value']:.4f}"


def _range(entry: Mapping[str, Any]) -> str:
    return "-" if entry["low"] is None else f"{entry['low']:.4f} to {entry['high']:.4f}"
