"""The contact sheet of all explained images, as PNG and as one HTML page that links to the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from PIL import Image, ImageDraw

from edge_runtime.core.card import RESEARCH_USE
from train.explain.choose import LEAST, MOST, NAMED, WRONG
from train.explain.panel import INK, PAPER, SOFT, WARN, write
from train.report.html import bullets, cell_picture, section
from train.report.page import page

HEADINGS = {
    WRONG: "Wrong: the surest mistakes first",
    LEAST: "Least confident: nearest to one half",
    MOST: "Most confident, and right",
    NAMED: "Images",
}
THUMB = 128  # side of a small tile
_COLUMNS = 4
_GAP = 12
_TEXT = 34
_HEADING = 40
A_PAGE = 60  # images on one PNG


@dataclass(frozen=True)
class SheetEntry:
    """One explained image on the sheet.

    Attributes:
        group: which heading it stands under.
        lines: the model's answer and the file's name.
        wrong: whether the label contradicts that answer.
        strip: small pictures side by side: the cell, then its heat.
        png: the same as a file.
        link: its large picture, relative to the sheet.
        features: its feature maps, relative to the sheet, or None.
    """

    group: str
    lines: tuple[str, str]
    wrong: bool
    strip: Image.Image
    png: bytes
    link: str
    features: str | None


def small_strip(pictures: Sequence[Image.Image]) -> Image.Image:
    """Small pictures side by side on black, each in a square."""
    strip = Image.new("RGB", (len(pictures) * THUMB + (len(pictures) - 1) * 2, THUMB), PAPER)
    for number, picture in enumerate(pictures):
        square = Image.new("RGB", (THUMB, THUMB))
        square.paste(picture, ((THUMB - picture.width) // 2, (THUMB - picture.height) // 2))
        strip.paste(square, (number * (THUMB + 2), 0))
    return strip


def draw_sheets(entries: Sequence[SheetEntry], title: str) -> list[Image.Image]:
    """Contact sheets of up to :data:`A_PAGE` images each, grouped under their headings."""
    return [_draw_sheet(entries[start : start + A_PAGE], title) for start in range(0, len(entries), A_PAGE)]


def _draw_sheet(entries: Sequence[SheetEntry], title: str) -> Image.Image:
    groups = _grouped(entries)
    wide = entries[0].strip.width
    columns = min(_COLUMNS, max(len(group) for group in groups.values()))
    rows = {name: -(-len(group) // columns) for name, group in groups.items()}
    step = THUMB + _TEXT + _GAP
    width = max(columns * (wide + _GAP) + _GAP, 720)
    picture = Image.new("RGB", (width, 64 + sum(_HEADING + count * step for count in rows.values())), PAPER)
    pen = ImageDraw.Draw(picture)
    write(pen, (_GAP, 10), title, 20, INK, width - 2 * _GAP)
    write(pen, (_GAP, 38), RESEARCH_USE, 12, SOFT, width - 2 * _GAP)
    top = 64
    for name, group in groups.items():
        write(pen, (_GAP, top + 10), HEADINGS[name], 17, INK, width - 2 * _GAP)
        top += _HEADING
        for number, entry in enumerate(group):
            row, column = divmod(number, columns)
            left, line = _GAP + column * (wide + _GAP), top + row * step
            picture.paste(entry.strip, (left, line))
            write(pen, (left, line + THUMB + 2), entry.lines[0], 13, WARN if entry.wrong else INK, wide)
            write(pen, (left, line + THUMB + 18), entry.lines[1], 11, SOFT, wide)
        top += rows[name] * step
    return picture


def index_page(
    entries: Sequence[SheetEntry], title: str, remarks: Sequence[str], sheets: Sequence[str], kinds: Sequence[str]
) -> str:
    """The sheet as one HTML page that needs no network; a picture leads to its large file.

    Args:
        remarks: what a reader must know.
        sheets: names of the PNG contact sheets beside the page.
        kinds: what the small pictures of an entry show, from left to right.
    """
    blocks = []
    for number, (name, group) in enumerate(_grouped(entries).items(), start=1):
        figures = "".join(
            "<div>" + cell_picture(entry.png, quote(entry.link), entry.lines[1], entry.lines) + _more(entry) + "</div>"
            for entry in group
        )
        blocks.append(section(f"group-{number}", HEADINGS[name], f'<div class="cells">{figures}</div>'))
    links = ", ".join(f'<a href="{quote(name)}">{escape(name)}</a>' for name in sheets)
    about = section(
        "reading", "How to read it", bullets([f"From left to right: {', '.join(kinds)}.", *remarks]),
        f"<p>As pictures: {links}</p>",
    )  # fmt: skip
    wide = max(entry.strip.width for entry in entries)
    style = (
        f".cells {{ grid-template-columns: repeat(auto-fill, min(100%, {wide + 2}px)); }} "
        ".cells figure img { height: auto; } header > div, main { max-width: 90rem; }"
    )
    count = f"{len(entries):,} {'image' if len(entries) == 1 else 'images'}"
    return page(title, f"{about}\n{''.join(blocks)}", subtitle=count, style=style)


def _more(entry: SheetEntry) -> str:
    return "" if entry.features is None else f'<a class="soft" href="{quote(entry.features)}">feature maps</a>'


def _grouped(entries: Sequence[SheetEntry]) -> dict[str, list[SheetEntry]]:
    groups: dict[str, list[SheetEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    return groups
