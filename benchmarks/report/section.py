"""What a report is made of: sections with tables, sentences and a picture, each built once from a saved document."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import BadData
from train.report.html import UNDEFINED

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
    "review": "benchmarks.review.section",
    "training": "benchmarks.training.training_section",
    "candidates": "benchmarks.models.candidates_section",
    "models": "benchmarks.models.models_section",
    "recipes": "benchmarks.training.recipes_section",
}


@dataclass(frozen=True)
class FigureTable:
    """Rows of text; the first ``words`` columns are words, the others numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 1


@dataclass(frozen=True)
class FigurePlot:
    """A plot: how it is drawn, in inches, what it shows (for those who cannot see it), and below it."""

    draw: Draw | Sequence[Draw]
    size: tuple[float, float]
    alternative: str
    caption: str
    heights: tuple[float, ...] = (1,)


@dataclass(frozen=True)
class Detail:
    """What a terminal and a report show, and the block of a README leaves out: tables, and sentences below them."""

    tables: Sequence[FigureTable]
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """One benchmark.

    Attributes:
        kind: of benchmark.
        title: a heading.
        facts: what it was measured on, name and value.
        tables: its figures.
        remarks: sentences below them.
        picture: or None.
        command, date: how and when it was made.
        machine: in a few words.
        details: more than the block of a README has room for.
    """

    kind: str
    title: str
    facts: Mapping[str, str]
    tables: Sequence[FigureTable]
    remarks: Sequence[str]
    picture: FigurePlot | None
    command: str | None
    date: str
    machine: str
    details: Sequence[Detail] = ()


def make_section(
    document: Mapping[str, Any],
    title: str,
    facts: Mapping[str, str],
    tables: Sequence[FigureTable],
    remarks: Sequence[str] = (),
    picture: FigurePlot | None = None,
    details: Sequence[Detail] = (),
) -> Section:
    """A section of a document, with the machine first among its facts."""
    machine = machine_of(document)
    shown = {"Machine": machine, **facts}
    kind, command, date = (document[name] for name in ("benchmark", "command", "date"))
    return Section(kind, title, shown, tables, remarks, picture, command, date, machine, details)


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
    return UNDEFINED if value is None else format(value, form)


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
