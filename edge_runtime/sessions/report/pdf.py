"""The report as one printed page: figures above, what they cannot say in the middle, as many cells as fit below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import Report
from edge_runtime.sessions.report.pdf_writer import HEIGHT, WIDTH, Colour, Page, text_width, wrapped, write_pdf
from edge_runtime.sessions.review import SuspectedCell

_MARGIN = 40.0
_WIDE = WIDTH - 2 * _MARGIN
_INK: Colour = (0.122, 0.161, 0.216)
_SOFT: Colour = (0.294, 0.333, 0.388)
_BAND: Colour = (0.063, 0.161, 0.239)
_ON_BAND: Colour = (0.796, 0.835, 0.882)
_AMBER: Colour = (0.992, 0.902, 0.541)
_ACCENT: Colour = (0.0, 0.447, 0.698)
_WASH: Colour = (0.953, 0.961, 0.973)
_WARN: Colour = (1.0, 0.969, 0.929)
_WARN_INK: Colour = (0.486, 0.176, 0.071)
_SMALL = 8.2
_LEADING = 1.28
_COLUMNS = 11
_STEP = _WIDE / _COLUMNS
_SIDE = _STEP - 4
_CAPTION = 5.9
_CAPTION_LINES = 3
_CELL_HEIGHT = _SIDE + 4 + _CAPTION_LINES * _CAPTION * 1.2
_FOOT = 34.0
_LEGEND = "field.cell, score, * counted by the machine; below, the reviewer"


class _Column:
    """A page that is filled from top to bottom."""

    def __init__(self) -> None:
        self.page = Page()
        self.y = _MARGIN

    def lines(
        self,
        text: str,
        size: float = _SMALL,
        bold: bool = False,
        colour: Colour = _INK,
        indent: float = 0.0,
        width: float = _WIDE,
    ) -> None:
        for line in wrapped(text, size, width - indent, bold):
            self.y += size * _LEADING
            self.page.text(_MARGIN + indent, self.y, line, size, bold, colour)

    def heading(self, text: str) -> None:
        self.y += 8
        self.lines(text, 10.5, bold=True)
        self.y += 1.5

    def bullets(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.page.text(_MARGIN + 1, self.y + _SMALL * _LEADING, "•", _SMALL, colour=_SOFT)
            self.lines(line, indent=9)
            self.y += 1.2


def write_report(stream: BinaryIO, report: Report) -> None:
    """Write the page; cells that find no room on it stay in the HTML report and the export."""
    column = _Column()
    _band(column, report)
    _facts(column, report)
    _headline(column, report)
    _limits(column, report)
    bottom = _measure_bottom(report)
    _cells(column, report, HEIGHT - _FOOT - bottom - column.y)
    _bottom(column, report)
    foot = f"{RESEARCH_USE}  Device {report.session.device}, thinsmear {report.session.software}, one page."
    column.page.text(_MARGIN, HEIGHT - 22, foot, 7, colour=_SOFT)
    made = "".join(c for c in report.generated_at[:19] if c.isdigit())
    write_pdf(stream, [column.page], f"Thin smear count {report.session.code}", made)


def _band(column: _Column, report: Report) -> None:
    page = column.page
    page.rectangle(0, 0, WIDTH, 58, _BAND)
    page.text(_MARGIN, 28, f"Thin smear count {report.session.code}", 17, bold=True, colour=(1, 1, 1))
    made = report.generated_at[:16].replace("T", " ")
    page.text(_MARGIN, 45, f"Report of {made} UTC", 8.5, colour=_ON_BAND)
    width = text_width(RESEARCH_USE, 8.5, bold=True)
    page.text(WIDTH - _MARGIN - width, 45, RESEARCH_USE, 8.5, bold=True, colour=_AMBER)
    column.y = 64


def _facts(column: _Column, report: Report) -> None:
    pairs = words.facts(report)
    quarter = _WIDE / 4
    top = column.y
    for index, (label, text) in enumerate(pairs):
        x, y = _MARGIN + quarter * (index % 4), top + 24 * (index // 4)
        column.page.text(x, y + 9, label, 7, colour=_SOFT)
        size = min(9.0, 9.0 * (quarter - 6) / max(text_width(text, 9.0), 1.0))
        column.page.text(x, y + 19.5, text, size, colour=_INK)
    column.y = top + 24 * ((len(pairs) + 3) // 4) + 4


def _headline(column: _Column, report: Report) -> None:
    top, page = words.headline(report), column.page
    interval, remark = wrapped(top.interval, 9, _WIDE - 24), wrapped(top.remark, 8.5, _WIDE - 24)
    height = 54 + 9 * _LEADING * len(interval) + 8.5 * _LEADING * len(remark)
    page.rectangle(_MARGIN, column.y, _WIDE, height, _WASH)
    page.rectangle(_MARGIN, column.y, 4, height, _ACCENT)
    x, begin = _MARGIN + 14, column.y
    page.text(x, begin + 15, top.title, 9.5, bold=True, colour=_SOFT)
    page.text(x, begin + 41, top.figure, 25, bold=True, colour=_INK)
    page.text(x + text_width(top.figure, 25, bold=True) + 16, begin + 41, top.density, 15, colour=_SOFT)
    column.y = begin + 45
    column.lines(top.interval, 9, indent=14, width=_WIDE - 10)
    column.lines(top.remark, 8.5, colour=_SOFT, indent=14, width=_WIDE - 10)
    column.y = begin + height + 3
    for label, text in words.figures(report):
        page.text(_MARGIN, column.y + _SMALL * _LEADING, label, _SMALL, bold=True, colour=_SOFT)
        column.lines(text, indent=84)
        column.y += 1.6


def _limits(column: _Column, report: Report) -> None:
    column.heading("What this count cannot exclude")
    column.y += 2
    text = words.detection(report)
    established = report.machine.summary.detection is not None
    height = len(wrapped(text, 8.5, _WIDE - 16, bold=True)) * 8.5 * _LEADING + 6
    column.page.rectangle(_MARGIN, column.y + 1, _WIDE, height, _WASH if established else _WARN)
    column.lines(text, 8.5, bold=True, colour=_INK if established else _WARN_INK, indent=8, width=_WIDE - 8)
    column.y += 9
    column.bullets(words.not_excluded(report))


def _cells(column: _Column, report: Report, room: float) -> None:
    rows = max(0, int((room - 34) // _CELL_HEIGHT))
    shown = report.suspected[: rows * _COLUMNS]
    total = report.review.suspected
    column.heading("Suspected cells" if len(shown) == total else f"Suspected cells, {len(shown):,} of {total:,}")
    if shown:
        x = WIDTH - _MARGIN - text_width(_LEGEND, 6.8)
        column.page.text(x, column.y - 1.5, _LEGEND, 6.8, colour=_SOFT)
    if not total:
        column.lines("No cell reached the review point.")
        return
    if not shown:
        column.lines("No room for pictures on this page; the HTML report shows them.")
        return
    top = column.y + 3
    for index, cell in enumerate(shown):
        _cell(column.page, report, cell, _MARGIN + _STEP * (index % _COLUMNS), top + _CELL_HEIGHT * (index // _COLUMNS))
    column.y = top + _CELL_HEIGHT * ((len(shown) + _COLUMNS - 1) // _COLUMNS)


def _cell(page: Page, report: Report, cell: SuspectedCell, x: float, y: float) -> None:
    jpeg = report.pictures.get(cell.name)
    page.rectangle(x, y, _SIDE, _SIDE, _WASH)
    if jpeg is not None:
        page.picture(x, y, _SIDE, jpeg)
    parasite = cell.verdict in ("asexual", "gametocyte")
    lines = (f"{cell.name}  {cell.probability:.3f}{' *' if cell.counted else ''}", *words.verdict_lines(cell))
    for number, line in enumerate(lines):
        bold = parasite and number > 0
        size = min(_CAPTION, _CAPTION * _SIDE / max(text_width(line, _CAPTION, bold), 1.0))
        page.text(x, y + _SIDE + (number + 1) * _CAPTION * 1.2, line, size, bold, _INK)


def _bottom(column: _Column, report: Report) -> None:
    column.heading("Quality")
    column.bullets(words.quality_problems(report) or ["No problem was recorded."])
    column.heading("Model")
    column.lines(words.model_line(report))


def _measure_bottom(report: Report) -> float:
    trial = _Column()
    _bottom(trial, report)
    return trial.y - _MARGIN
