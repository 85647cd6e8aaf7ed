"""What a report is made of: sections with tables and a picture, as Markdown or HTML."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import BadData
from train.report import html as parts

if TYPE_CHECKING:
    from train.report.plot_style import Draw

# kind of benchmark -> module with section(document)
KINDS = {
    "latency": "benchmarks.latency.section",
    "accuracy": "benchmarks.quantisation.section",
    "peers": "benchmarks.peers.section",
    "fields": "benchmarks.fields.section",
    "counting": "benchmarks.counting.section",
    "slides": "benchmarks.counting.slides_section",
    "training": "benchmarks.training.training_section",
    "candidates": "benchmarks.models.candidates_section",
    "models": "benchmarks.models.models_section",
    "recipes": "benchmarks.training.recipes_section",
}


@dataclass(frozen=True)
class Table:
    """Rows of text; the first ``words`` columns are words, the others numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 1


@dataclass(frozen=True)
class Picture:
    """A plot: how it is drawn, in inches, what it shows (for those who cannot see it), and below it."""

    draw: Draw | Sequence[Draw]
    size: tuple[float, float]
    alternative: str
    caption: str
    heights: tuple[float, ...] = (1,)


@dataclass(frozen=True)
class Section:
    """One saved benchmark.

    Attributes:
        kind: of benchmark.
        title: a heading.
        facts: what it was measured on, name and value.
        tables: its figures.
        remarks: sentences below them.
        picture: or None.
        command, date: how and when it was made.
    """

    kind: str
    title: str
    facts: Mapping[str, str]
    tables: Sequence[Table]
    remarks: Sequence[str] = ()
    picture: Picture | None = None
    command: str | None = None
    date: str = ""
    machine: str = field(default="")


def section_of(kind: str, document: Mapping[str, Any], name: str) -> Section:
    """The section of one saved benchmark.

    Args:
        kind: a key of :data:`KINDS`.
        document: as :func:`benchmarks.harness.envelope.read_document` gave it.
        name: of the file, for messages.

    Raises:
        BadData: a field is missing or of another type.
    """
    build: Callable[[Mapping[str, Any]], Section] = importlib.import_module(KINDS[kind]).section
    try:
        return build(document)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise BadData(f"{name} does not hold what `bench {kind}` writes ({error!r}); measure again.") from error


def number(value: float | None, form: str) -> str:
    """A figure, or a dash where it does not exist."""
    return parts.UNDEFINED if value is None else format(value, form)


def spread(value: float | None, interval: Sequence[float] | None, form: str) -> str:
    """A figure with its interval, where there is one."""
    if value is None or interval is None:
        return number(value, form)
    return f"{value:{form}} ({interval[0]:{form}} to {interval[1]:{form}})"


def signed(entry: Mapping[str, Any], factor: int, digits: int, unit: str = "") -> str:
    """A difference with its interval, where there is one, all with a sign.

    Args:
        entry: ``value``, ``low`` and ``high``, the ends None without an interval.
        factor: what all are multiplied with, 100 for points.
        digits: behind the point.
        unit: behind the value.
    """

    def number(value: float) -> str:
        rounded = round(value * factor, digits)
        return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"  # no sign before a zero

    if entry["low"] is None:
        return number(entry["value"]) + unit
    return f"{number(entry['value'])}{unit} ({number(entry['low'])} to {number(entry['high'])})"


def machine_of(document: Mapping[str, Any]) -> str:
    """The machine in a few words: board, processor and how many of them."""
    machine = document["machine"]
    name = ", ".join(filter(None, (machine["board"], machine["processor"]))) or "unknown processor"
    return f"{name}, {machine['processors']} usable"


def markdown(section: Section, picture: str | None = None, level: int = 2) -> str:
    """One section.

    Args:
        picture: where its picture is, relative to the document; None leaves it out.
        level: of its heading; 0 leaves heading and facts out, for a text that has its own.
    """
    lines: list[str] = []
    if level:
        lines += [f"{'#' * level} {section.title}", ""]
        lines += [f"- {name}: {value}" for name, value in section.facts.items()]
        lines.append("")
    for table in section.tables:
        if table.caption:
            lines += [f"**{table.caption}**", ""]
        rule = ["---" if i < table.words else "---:" for i in range(len(table.headings))]
        lines += [_row(table.headings), f"|{'|'.join(rule)}|", *map(_row, table.rows), ""]
    for remark in section.remarks:
        lines += [remark, ""]
    if picture is not None and section.picture is not None:
        lines += [f"![{section.picture.alternative}]({picture})", ""]
    lines += [made_by(section), ""]
    return "\n".join(lines)


def made_by(section: Section) -> str:
    """How the figures can be had again."""
    command = f"`{section.command}`" if section.command else "A benchmark"
    return f"*{command}, {section.date[:10]}, {section.machine}.*"


def html(section: Section, anchor: str, svg: bytes | None) -> str:
    """One section."""
    shown = section.picture
    return parts.section(
        anchor,
        section.title,
        parts.facts(section.facts),
        *(parts.table(table.caption, table.headings, table.rows, table.words) for table in section.tables),
        *(parts.paragraph(remark, "soft") for remark in section.remarks),
        parts.plot(svg, shown.alternative, shown.caption) if shown is not None else "",
        parts.paragraph(made_by(section).strip("*").replace("`", ""), "soft"),
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
