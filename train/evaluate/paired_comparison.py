"""One set of scores against another on the same cells: what an interval of each alone cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.teacher import read_teacher
from train.metrics.bootstrap import REPLICATES, paired_difference
from train.metrics.patient_sums import AT_SPECIFICITY, sum_by_patient

SHOWN = ("accuracy", "auc", "sensitivity", "specificity", AT_SPECIFICITY, "brier", "ece")


def compare_paired(
    cells: Cells, probabilities: np.ndarray, other: Path, replicates: int = REPLICATES
) -> dict[str, Any]:
    """Differences of the figures, these scores minus the others, with patients resampled jointly.

    Args:
        cells: n labelled cells.
        probabilities: P(parasitized) [n].
        other: CSV with path and probability that knows each cell: ``probabilities.csv`` of ``evaluate --out``, or
            ``scores.csv`` of ``evaluate --folds``.
        replicates: bootstrap resamplings.

    Returns:
        Plain JSON values: ``scores`` (the file), ``cells``, and ``differences``: per figure ``value``, ``low``,
        ``high`` (95 %), ``lower_bound`` and ``upper_bound`` (95 %, one-sided).

    Raises:
        WrongUsage: no such file.
        BadData: it is no such file, or does not know every cell.
    """
    if not other.is_file():
        raise WrongUsage(
            f"There is no file {printable(other)} with scores to compare against; `thinsmear evaluate ... --out DIR` "
            "writes probabilities.csv in DIR."
        )
    known = read_teacher(other)
    unknown = [path for path in cells.paths if path not in known]
    if unknown:
        raise BadData(
            f"{printable(other)} does not know {len(unknown)} of {len(cells)} cells ({printable(unknown[0])} ...); "
            "a comparison needs both on the same cells."
        )
    theirs = np.array([known[path] for path in cells.paths])
    both = [sum_by_patient(cells.labels, np.asarray(p), cells.patients) for p in (probabilities, theirs)]
    found = paired_difference(both[0], both[1], replicates)
    return {
        "scores": printable(other),
        "cells": len(cells),
        "differences": {
            name: {
                **found[name].to_json(),
                "lower_bound": found[name].lower_bound,
                "upper_bound": found[name].upper_bound,
            }
            for name in SHOWN
        },
    }


def comparison_text(document: Mapping[str, Any]) -> str:
    """The differences as a table for people."""
    from edge_runtime.common.console import table

    rows = []
    for name, entry in document["differences"].items():
        interval = "-" if entry["low"] is None else f"{entry['low']:+.4f} to {entry['high']:+.4f}"
        value = "-" if entry["value"] is None else f"{entry['value']:+.4f}"
        rows.append((name.replace("_", " "), value, interval))
    heading = f"Against {document['scores']}, the same {document['cells']:,} cells, patients resampled jointly:"
    return f"{heading}\n{table(('difference', 'value', '95 % interval'), rows, right=(1, 2))}"
