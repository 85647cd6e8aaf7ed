"""A picture of what was read: cells boxed, suspected ones numbered, all left out with its reason, objects dashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.fields.segmentation.exclusions import BORDER, CLUMP, DEBRIS, HIDDEN, PLATELET, WHITE_CELL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult
    from edge_runtime.fields.reader import FieldResult
    from edge_runtime.fields.segmentation.segment import Box, SegmentedField

RED_CELL_UM = 7.6  # usual diameter of a red cell on a dried smear; the only ruler a field carries
_CELL, _REVIEW, _COUNT, _OBJECT = (0, 120, 60), (230, 140, 0), (210, 0, 0), (200, 0, 130)
_EXCLUDED = {
    BORDER: (110, 110, 110),
    CLUMP: (60, 60, 200),
    WHITE_CELL: (120, 0, 160),
    PLATELET: (0, 130, 160),
    DEBRIS: (130, 90, 40),
    HIDDEN: (20, 20, 20),
}
_SIZES = (12, 48)  # of the text, in pixels


def draw_overlay(image: NDArray[np.uint8], result: FieldResult) -> NDArray[np.uint8]:
    """The field with its cells marked and a legend below.

    Suspected cells (review or count) carry the numbers of :func:`suspected`; the legend says what the colours mean,
    what was refused, and gives a scale bar taken from the usual cell.

    Args:
        image: uint8 [h, w, 3], RGB, the field as it was read.

    Returns:
        uint8 [h + legend, w, 3], RGB.
    """
    size = int(np.clip(image.shape[1] // 64, *_SIZES))
    font = ImageFont.load_default(size)
    lines = _legend(result)
    step = round(size * 1.5)
    height, width = image.shape[:2]
    sheet = Image.new("RGB", (width, height + step * (len(lines) + 1)), (255, 255, 255))
    sheet.paste(Image.fromarray(image))
    brush = ImageDraw.Draw(sheet)
    line = max(1, size // 8)
    for item in result.field.excluded:
        _frame(brush, item.box, _EXCLUDED[item.reason], line)
        _say(brush, item.box, item.reason, _EXCLUDED[item.reason], font)
    numbers = {cell: number for number, cell in enumerate(suspected(result.verdicts), start=1)}
    for index, (cell, verdict) in enumerate(zip(result.field.cells, result.verdicts, strict=True)):
        colour = _COUNT if verdict.count else _REVIEW if verdict.review else _CELL
        _frame(brush, cell.box, colour, line * 2 if index in numbers else line)
        if index in numbers:
            _say(brush, cell.box, str(numbers[index]), colour, font)
    for found in result.objects:
        _dashed(brush, found.box, _OBJECT, line * 2)
    for row, (colour, text) in enumerate(lines):
        top = height + step // 2 + row * step
        brush.rectangle((size, top, size * 2, top + size), fill=colour)
        brush.text((size * 2.6, top), text, fill=(0, 0, 0), font=font)
    _draw_scale(brush, result.field, (width - size, height + step), size, font)
    return np.asarray(sheet)


def suspected(verdicts: Sequence[CellResult]) -> list[int]:
    """Indices of the cells that a person should look at, the most suspicious first."""
    chosen = [index for index, verdict in enumerate(verdicts) if verdict.review or verdict.count]
    return sorted(chosen, key=lambda index: (-verdicts[index].probability, index))


def _legend(result: FieldResult) -> list[tuple[tuple[int, int, int], str]]:
    counted = sum(verdict.count for verdict in result.verdicts)
    review = sum(verdict.review and not verdict.count for verdict in result.verdicts)
    lines = [
        (_CELL, f"{len(result.verdicts) - counted - review} cells without suspicion"),
        (_REVIEW, f"{review} cells to review"),
        (_COUNT, f"{counted} cells counted as infected"),
    ]
    for reason, count in result.field.excluded_counts().items():
        if count:
            lines.append((_EXCLUDED[reason], f"{count} left out: {reason}"))
    if result.objects:
        lines.append((_OBJECT, f"{len(result.objects)} of what was left out to review (dashed)"))
    lines.extend((_COUNT, f"Refused: {refusal.message}") for refusal in result.quality.refusals)
    return [*lines, ((255, 255, 255), RESEARCH_USE)]


def _frame(brush: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int], line: int) -> None:
    x, y, width, height = box
    brush.rectangle((x, y, x + width - 1, y + height - 1), outline=colour, width=line)


def _dashed(brush: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int], line: int) -> None:
    x, y, width, height = box
    right, bottom, dash = x + width - 1, y + height - 1, 3 * line
    for start in range(x, right, 2 * dash):
        for row in (y, bottom):
            brush.line((start, row, min(start + dash, right), row), fill=colour, width=line)
    for start in range(y, bottom, 2 * dash):
        for column in (x, right):
            brush.line((column, start, column, min(start + dash, bottom)), fill=colour, width=line)


def _say(
    brush: ImageDraw.ImageDraw,
    box: Box,
    text: str,
    colour: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    brush.text((box[0] + 3, box[1] + 2), text, fill=colour, font=font, stroke_width=2, stroke_fill=(255, 255, 255))


def _draw_scale(
    brush: ImageDraw.ImageDraw,
    field: SegmentedField,
    corner: tuple[int, int],
    size: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Ten micrometres, if the usual cell is taken for a usual red cell; right end at ``corner``."""
    if not field.diameter:
        return
    length = round(10 / RED_CELL_UM * field.diameter)
    right, top = corner
    brush.line((right - length, top, right, top), fill=(0, 0, 0), width=max(2, size // 6))
    text = "about 10 um, from the median cell"
    brush.text((right, top + size // 3), text, fill=(0, 0, 0), font=font, anchor="ra")
