"""``bench recipes``: what each recipe of training reached, and how far it is from the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import FigureTable, Section, make_section, signed
from train.metrics.patient_sums import AT_SPECIFICITY

_FIGURES = ("recipe", "trainings", "accuracy", "AUC", "AUC by seed", "sensitivity", "ECE")
_DIFFERENCES = ("less the first", "accuracy, points", "AUC", "at least", "sensitivity, points", "Brier")


def section(document: Mapping[str, Any]) -> Section:
    """One row for each recipe, and its paired difference to the first."""
    figures = [_figures(row) for row in document["recipes"]]
    options = [row["options"] or "-" for row in document["recipes"]]
    rows = [(name, said, *rest) for (name, *rest), said in zip(figures, options, strict=True)]
    tables = [FigureTable("", (_FIGURES[0], "options", *_FIGURES[1:]), rows, words=2)]
    apart = _rows_apart(document)
    if apart:
        tables.append(FigureTable("", _DIFFERENCES, apart))
    return make_section(document, "Training recipes", {"Cells": _cells(document)}, tables, _remarks(document))


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = row["figures"]
    several = len(row["seeds"]) > 1
    return (
        row["name"],
        str(len(row["seeds"])),
        f"{figures['accuracy']['mean']:.4f}",
        f"{figures['auc']['mean']:.4f}",
        ", ".join(f"{value:.4f}" for value in figures["auc"]["by_seed"]) if several else "-",
        f"{figures[AT_SPECIFICITY]['mean']:.3f}",
        f"{figures['ece']['mean']:.3f}",
    )


def _rows_apart(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in document["recipes"]:
        if row["difference"] is None:
            continue
        auc = row["difference"]["auc"]["lower_bound"]
        rows.append(
            (
                row["name"],
                signed(row["difference"]["accuracy"], 100, 2),
                signed(row["difference"]["auc"], 1, 4),
                "-" if auc is None else f"{auc:+.4f}",
                signed(row["difference"][AT_SPECIFICITY], 100, 1),
                signed(row["difference"]["brier"], 1, 4),
            )
        )
    return rows


def _remarks(document: Mapping[str, Any]) -> list[str]:
    spans, folds = document["interval"], document["folds"]
    found = [
        f"{_cells(document)}, each judged by a network that never saw its patient ({folds['judged']} of "
        f"{folds['number']} folds of patients). Accuracy at P 0.5, sensitivity at specificity "
        f"{document['specificity']:g}.",
    ]
    if len(document["recipes"]) > 1:
        found.append(
            f"Differences: the same cells, {spans['level'] * 100:g} % intervals of {spans['replicates']:,} joint "
            "resamplings of patients; at least: the one-sided bound for the AUC. Another seed moves a figure too; that "
            "is not in these intervals."
        )
    return found


def _cells(document: Mapping[str, Any]) -> str:
    cells = document["cells"]
    part = " of the training part" if cells["part"] == "train" else ""
    return f"{cells['number']:,} cells of {cells['patients']} patients{part} ({cells['parasitized']:,} parasitized)"
