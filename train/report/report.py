"""The report of a model: one HTML file with its figures, curves, patients, errors, data, limits and model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from train.report import sections
from train.report.error_pictures import ErrorPicture
from train.report.html import facts, section
from train.report.page import page


@dataclass(frozen=True)
class ReportHeader:
    """What a report is about, in names and values that are shown as they are.

    Attributes:
        title: heading of the report.
        model: architecture, file, recipe and the like.
        data: what was evaluated: folder, part and the like.
        training: settings of the training; empty for a model without a run.
        history: columns of the training history; empty for a model without a run.
        tools: versions and date.
        trained_on: what the model learnt from; empty when that is not recorded.
    """

    title: str
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    tools: Mapping[str, Any] = field(default_factory=dict)
    trained_on: Mapping[str, Any] = field(default_factory=dict)


def build_report(evaluation: Mapping[str, Any], header: ReportHeader, errors: Sequence[ErrorPicture] = ()) -> str:
    """A complete HTML document that loads nothing from anywhere.

    Args:
        evaluation: document of :func:`train.metrics.evaluation.evaluate`.
        header: what it is about.
        errors: pictures of wrong cells.

    Raises:
        EnvironmentLacks: matplotlib is not installed.
    """
    blocks = [
        ("summary", "Summary", sections.summary(evaluation)),
        ("curves", "Curves", sections.curves(evaluation)),
        ("points", "Operating points", sections.points(evaluation)),
        ("patients", "Patients", sections.patients(evaluation)),
        ("errors", "Errors", sections.errors(evaluation, errors)),
        ("training", "Training", sections.training(header.training, header.history)),
        ("data", "Data", [facts(header.data)] if header.data else []),
        ("card", "Model card", sections.card(evaluation, header.model, header.trained_on, header.data)),
        ("limits", "Limits", sections.limits(evaluation)),
    ]
    shown = [(anchor, heading, content) for anchor, heading, content in blocks if content]
    cells, known = evaluation["cells"], evaluation["patients"]
    return page(
        header.title,
        "\n".join(section(anchor, heading, *content) for anchor, heading, content in shown),
        subtitle=f"{cells['total']:,} cells" + ("" if known is None else f" of {known['total']} patients"),
        links={anchor: heading for anchor, heading, _ in shown},
        footer=", ".join(f"{name} {value}" for name, value in header.tools.items()),
    )
