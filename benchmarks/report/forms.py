"""The forms a section takes: plain text for a terminal, Markdown, HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.report.section import Detail, FigureTable, Section
from edge_runtime.common.console import table
from train.report import html as parts

_COLUMNS = 140  # of a terminal; a wider table is folded
_GAP = 2  # between columns


def text(section: Section) -> str:
    """One section for a terminal: facts, tables, details, remarks."""
    width = max(map(len, section.facts), default=0)
    blocks = ["\n".join(f"{name:{width}}  {value}" for name, value in section.facts.items())]
    blocks += map(table_text, section.tables)
    blocks += map(detail_text, section.details)
    blocks.append("\n".join(section.remarks))
    return "\n\n".join(filter(None, blocks))


def detail_text(detail: Detail) -> str:
    """Tables, then the sentences that belong to them."""
    return "\n".join([*map(table_text, detail.tables), *detail.remarks])


def table_text(figures: FigureTable) -> str:
    """Aligned columns below the caption; a table that is too wide goes on below itself, its first column repeated."""
    blocks = []
    for columns in _folded(figures):
        headings = [figures.headings[i] for i in columns]
        rows = [[row[i] for i in columns] for row in figures.rows]
        blocks.append(table(headings, rows, right=[at for at, i in enumerate(columns) if i >= figures.words]))
    caption = f"{figures.caption}\n" if figures.caption else ""
    return caption + "\n\n".join(blocks)


def _folded(figures: FigureTable) -> Iterator[list[int]]:
    """Indices of the columns that stand side by side."""
    widths = [max(map(len, column)) for column in zip(figures.headings, *figures.rows, strict=True)]
    chosen = [0]
    for i in range(1, len(widths)):
        if sum(widths[k] + _GAP for k in chosen) + widths[i] > _COLUMNS and len(chosen) > 1:
            yield chosen
            chosen = [0]
        chosen.append(i)
    yield chosen


def markdown(section: Section, picture: str | None = None, level: int = 2) -> str:
    """One section.

    Args:
        picture: where its picture is, relative to the document; None leaves it out.
        level: of its heading; 0 leaves heading, facts and details out, for a text that has its own.
    """
    lines: list[str] = []
    if level:
        lines += [f"{'#' * level} {section.title}", ""]
        lines += [f"- {name}: {value}" for name, value in section.facts.items()]
        lines.append("")
    for figures in section.tables:
        lines += _markdown_table(figures)
    for remark in section.remarks:
        lines += [remark, ""]
    if picture is not None and section.picture is not None:
        lines += [f"![{section.picture.alternative}]({picture})", ""]
    for detail in section.details if level else ():
        for figures in detail.tables:
            lines += _markdown_table(figures)
        for remark in detail.remarks:
            lines += [remark, ""]
    lines += [made_by(section), ""]
    return "\n".join(lines)


def _markdown_table(figures: FigureTable) -> list[str]:
    rule = ["---" if i < figures.words else "---:" for i in range(len(figures.headings))]
    caption = [f"**{figures.caption}**", ""] if figures.caption else []
    return [*caption, _row(figures.headings), f"|{'|'.join(rule)}|", *map(_row, figures.rows), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def made_by(section: Section) -> str:
    """How the figures can be had again."""
    command = f"`{section.command}`" if section.command else "A benchmark"
    return f"*{command}, {section.date[:10]}, {section.machine}.*"


def html(section: Section, anchor: str, svg: bytes | None) -> str:
    """One section.

    Args:
        anchor: its id in the page.
        svg: its picture, drawn; None leaves it out.
    """
    shown = section.picture
    return parts.section(
        anchor,
        section.title,
        parts.facts(section.facts),
        *_html_figures(section.tables, section.remarks),
        parts.plot(svg, shown.alternative, shown.caption) if shown is not None else "",
        *(piece for detail in section.details for piece in _html_figures(detail.tables, detail.remarks)),
        parts.paragraph(made_by(section).strip("*").replace("`", ""), "soft"),
    )


def _html_figures(tables: Sequence[FigureTable], remarks: Sequence[str]) -> Iterator[str]:
    for figures in tables:
        yield parts.table(figures.caption, figures.headings, figures.rows, figures.words)
    for remark in remarks:
        yield parts.paragraph(remark, "soft")
