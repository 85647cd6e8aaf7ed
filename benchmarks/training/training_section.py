"""``bench training``: the classic recipe as tutorials write it against ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.section import FigureTable, Section, make_section, number


def section(document: Mapping[str, Any]) -> Section:
    """One row for each way of training."""
    rows = [
        (one["name"], f"{one['seconds']:.0f}", number(one["test_auc"], ".4f"), f"{one['test_accuracy']:.4f}")
        for one in document["results"]
    ]
    cells = document["cells"]
    return make_section(
        document,
        "Training",
        {"Cells": f"{cells['train']:,} to train on, {cells['test']:,} of others to test"},
        [FigureTable("", ("way", "seconds", "test AUC", "test accuracy"), rows)],
        [_remark(document)],
    )


def _remark(document: Mapping[str, Any]) -> str:
    recipe, speedup = document["recipe"], document["speedup"]
    return (
        f"The same recipe {speedup:.1f} times as fast. The generator flips each image anew every epoch; ours passes "
        f"{recipe['looks']} flipped looks at each cell through the frozen layers ahead; the epochs take turns at them."
    )
