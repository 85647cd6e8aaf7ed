"""The report of a model: one HTML file with its figures, curves, patients, errors, data, limits and model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from edge_runtime.core.card import RESEARCH_USE
from train.report import sections
from train.report.error_pictures import ErrorPicture
from train.report.html import facts, section
from train.report.style import CSS


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
    links = "".join(f'<li><a href="#{anchor}">{escape(heading)}</a></li>' for anchor, heading, _ in shown)
    body = "\n".join(section(anchor, heading, *content) for anchor, heading, content in shown)
    cells = evaluation["cells"]
    people = "" if evaluation["patients"] is None else f" of {evaluation['patients']['total']} patients"
    tools = ", ".join(f"{name} {value}" for name, value in header.tools.items())
    document = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(header.title)}</title>
<style>{CSS}</style>
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header><div><h1>{escape(header.title)}</h1>
<p>{cells["total"]:,} cells{escape(people)}</p>
<p class="research">{escape(RESEARCH_USE)}</p></div></header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main id="main">
{body}
</main>
<footer><p>{escape(RESEARCH_USE)}</p><p>{escape(tools)}</p></footer>
</body>
</html>
"""
    # Patients named after files may hold bytes that are no text.
    return document.encode("utf-8", "backslashreplace").decode("utf-8")
