"""A contact sheet as pictures of A4 pages, to be printed and marked with a pen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from edge_runtime.core.card import RESEARCH_USE

if TYPE_CHECKING:
    from edge_runtime.sessions.sheets.contents import Sheet, SheetCell

DPI = 200
_WIDTH, _HEIGHT = 1654, 2339  # A4 at 200 dots an inch
_MARGIN = 60
_COLUMNS = range(6, 12)  # as few as will do: the pictures are the larger
_GAP = 7
_LABEL = 26
_HEAD = 150
_FOOT = 40
_INK, _SOFT, _LINE = (20, 20, 20), (80, 80, 80), (200, 200, 200)


def sheet_pngs(sheet: Sheet, pictures: Mapping[str, bytes]) -> Iterator[bytes]:
    """The pages as PNG files, at most 132 cells each.

    Args:
        sheet: whose cells.
        pictures: JPEG by the cell's name.
    """
    columns = next((number for number in _COLUMNS if _room(number) >= len(sheet.cells)), _COLUMNS[-1])
    a_page = _room(columns)
    pages = [sheet.cells[start : start + a_page] for start in range(0, len(sheet.cells), a_page)]
    for number, cells in enumerate(pages, 1):
        stream = io.BytesIO()
        _page(sheet, pictures, cells, columns, f"Page {number} of {len(pages)}").save(stream, "PNG", dpi=(DPI, DPI))
        yield stream.getvalue()


def _step(columns: int) -> int:
    return (_WIDTH - 2 * _MARGIN) // columns


def _room(columns: int) -> int:
    """Cells of a page."""
    return columns * ((_HEIGHT - 2 * _MARGIN - _HEAD - _FOOT) // (_step(columns) + _LABEL))


def _page(
    sheet: Sheet, pictures: Mapping[str, bytes], cells: Sequence[SheetCell], columns: int, which: str
) -> Image.Image:
    step, side = _step(columns), _step(columns) - _GAP
    page = Image.new("RGB", (_WIDTH, _HEIGHT), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    title, text, small = (ImageFont.load_default(size) for size in (40, 25, 22))
    pen.text((_MARGIN, _MARGIN), f"Sheet {sheet.code} of session {sheet.session}", _INK, title)
    pen.text((_WIDTH - _MARGIN, _MARGIN + 40), which, _SOFT, text, anchor="rs")
    pen.text((_MARGIN, _MARGIN + 58), f"Slide {sheet.slide}, cells {cells[0].number} to {cells[-1].number} of "
        f"{len(sheet.cells):,}. Mark cells with parasites: A asexual, G gametocyte, U unsure. Others: none.", _SOFT,
        text)  # fmt: skip
    pen.text((_MARGIN, _MARGIN + 95), RESEARCH_USE, _INK, text)
    for place, cell in enumerate(cells):
        left = _MARGIN + step * (place % columns)
        top = _MARGIN + _HEAD + (step + _LABEL) * (place // columns)
        with Image.open(io.BytesIO(pictures[cell.name])) as opened:
            picture = _fitted(opened.convert("RGB"), side)
        page.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))
        pen.rectangle((left, top, left + side, top + side), outline=_LINE)
        pen.text((left + 2, top + side + 2), str(cell.number), _INK, small)
        pen.line((left + 50, top + side + _LABEL, left + side, top + side + _LABEL), _LINE)  # for the pen
    made = f"Made {sheet.made[:16].replace('T', ' ')} UTC. Answers: a table with the columns sheet, number, verdict."
    pen.text((_MARGIN, _HEIGHT - _MARGIN), made, _SOFT, small, anchor="ls")
    return page


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """As large as its place allows, small pictures enlarged too."""
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)
