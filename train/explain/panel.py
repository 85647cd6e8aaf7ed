"""The picture of one explained image: the cell as it is, beside it each kind of heat, with the model's answer above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge_runtime.common.text import printable
from edge_runtime.core.card import RESEARCH_USE
from train.explain.choose import ChosenImage
from train.explain.colours import AGAINST, FOR_PARASITE, fit, overlay, ramp
from train.explain.explainer import Explanation

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAPER, INK, SOFT, WARN = (255, 255, 255), (31, 41, 55), (90, 98, 112), (190, 60, 0)
TITLES = {"gradcam": "Grad-CAM", "saliency": "Saliency (SmoothGrad)", "occlusion": "Occlusion"}
_TILE, _GAP, _HEAD, _FOOT = 300, 14, 64, 66
_MAP = 96  # side of one feature map
_MOST_MAPS = 64
# Below these many logits a map stays pale: scaled to its own maximum, a cell without evidence would look full of it.
_FAINT_OCCLUSION = 1.0  # by covering the one place that matters most
_FAINT_EVIDENCE = 0.5  # of Grad-CAM over the whole cell


@dataclass(frozen=True)
class Tile:
    """One heat map, ready to be shown.

    Attributes:
        method: which.
        picture: the cell with its heat.
        low, high: what the two ends of the colour bar stand for.
        signed: whether the bar has a blue half.
    """

    method: str
    picture: Image.Image
    low: str
    high: str
    signed: bool


def tiles(image: NDArray[np.uint8], explanation: Explanation, side: int) -> list[Tile]:
    """The heat maps over an image uint8 [h, w, 3], ``side`` pixels the longer side."""
    cell = fit(image, side)
    made = []
    for method, heat in explanation.heats.items():
        top = float(np.abs(heat).max())
        if method == "occlusion":
            top = max(top, _FAINT_OCCLUSION)
            ends = (f"against: {-top:+.1f}", f"for: {top:+.1f} logits")
        elif method == "gradcam":
            total = float(heat.sum())
            ends = ("none", f"most; {total:+.2f} logits in all")
            top *= max(1.0, _FAINT_EVIDENCE / total) if total > 0 else 0.0
        else:
            heat = _without_speckles(heat)
            top = float(heat.max())
            ends = ("none", "most in this cell")
        made.append(Tile(method, overlay(cell, heat, top), *ends, method == "occlusion"))
    return made


def headline(chosen: ChosenImage, explanation: Explanation, labels: tuple[str, str]) -> str:
    """What the model says and, where known, what the label says."""
    words = f"{explanation.label}, P {explanation.probability:.3f}"
    if chosen.truth is None:
        return words
    truth = labels[chosen.truth]
    return f"{words}; labelled {truth}" + ("" if truth == explanation.label else ": WRONG")


def is_wrong(chosen: ChosenImage, explanation: Explanation, labels: tuple[str, str]) -> bool:
    """Whether the label is known and says otherwise."""
    return chosen.truth is not None and labels[chosen.truth] != explanation.label


def draw_panel(
    image: NDArray[np.uint8], chosen: ChosenImage, explanation: Explanation, labels: tuple[str, str]
) -> Image.Image:
    """The whole picture of an image, uint8 [h, w, 3]."""
    shown = tiles(image, explanation, _TILE)
    columns = 1 + len(shown)
    picture = Image.new("RGB", (columns * (_TILE + _GAP) + _GAP, _HEAD + _TILE + _FOOT), PAPER)
    pen = ImageDraw.Draw(picture)
    wide = picture.width - 2 * _GAP
    colour = WARN if is_wrong(chosen, explanation, labels) else INK
    write(pen, (_GAP, 10), headline(chosen, explanation, labels), 20, colour, wide)
    where = f"   ({chosen.part} part of the run)" if chosen.part else ""
    write(pen, (_GAP, 38), printable(chosen.path.name) + where, 13, SOFT, wide)
    _paste(picture, fit(image, _TILE), _GAP)
    below = _HEAD + _TILE + 6
    height, width = image.shape[:2]
    write(pen, (_GAP, below), "Image", 15, INK, _TILE)
    write(pen, (_GAP, below + 20), f"{width} x {height} pixels", 12, SOFT, _TILE)
    write(pen, (_GAP, below + 40), RESEARCH_USE, 10, SOFT, _TILE)
    for number, tile in enumerate(shown, start=1):
        left = _GAP + number * (_TILE + _GAP)
        _paste(picture, tile.picture, left)
        write(pen, (left, below), TITLES[tile.method], 15, INK, _TILE)
        picture.paste(_bar(_TILE, 8, tile.signed), (left, below + 22))
        write(pen, (left, below + 33), tile.low, 11, SOFT, _TILE)
        end = ImageFont.load_default(11).getlength(tile.high)
        write(pen, (int(left + _TILE - end), below + 33), tile.high, 11, SOFT, _TILE)
        share = explanation.inside[tile.method]
        if share is not None:
            line = f"{share:.0%} on the cell, which covers {explanation.cell_area:.0%}"
            write(pen, (left, below + 46), line, 11, SOFT, _TILE)
    return picture


def draw_features(features: NDArray[np.float32], title: str) -> Image.Image:
    """First-layer maps, float [rows, columns, channels], side by side; each from its own lowest to highest value."""
    count = min(features.shape[-1], _MOST_MAPS)
    columns = min(8, count)
    rows = -(-count // columns)
    step = _MAP + 6
    picture = Image.new("RGB", (columns * step + 2 * _GAP, rows * (step + 14) + _HEAD), PAPER)
    pen = ImageDraw.Draw(picture)
    write(pen, (_GAP, 8), title, 15, INK, picture.width - 2 * _GAP)
    note = f"First {count} of {features.shape[-1]} maps" if count < features.shape[-1] else f"{count} maps"
    write(pen, (_GAP, 30), f"{note}, each from its lowest (black) to its highest value", 12, SOFT, picture.width)
    for channel in range(count):
        row, column = divmod(channel, columns)
        values = features[..., channel]
        low, spread = float(values.min()), float(np.ptp(values))
        grey = np.rint((values - low) / spread * 255) if spread > 0 else np.zeros_like(values)
        tile = Image.fromarray(grey.astype(np.uint8)).resize((_MAP, _MAP), Image.Resampling.BICUBIC)
        place = (_GAP + column * step, _HEAD - 8 + row * (step + 14))
        picture.paste(tile.convert("RGB"), place)
        silent = "" if spread > 0 else ": silent"
        write(pen, (place[0], place[1] + _MAP + 1), f"{channel + 1}{silent}", 10, SOFT, _MAP)
    return picture


def write(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], words: str, size: int, colour: tuple[int, int, int], wide: int
) -> None:
    """Text at a place, shortened in its middle until it is no wider than ``wide`` pixels."""
    font = ImageFont.load_default(size)
    kept = words
    while len(kept) > 8 and font.getlength(kept) > wide:
        half = (len(kept) - 4) // 2
        kept = f"{words[:half]}...{words[-half:]}"
    pen.text(place, kept, fill=colour, font=font)


def _without_speckles(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 4x4 pixels: a gradient by pixel is grainy, and a person looks for places."""
    height, width = heat.shape
    small = Image.fromarray(heat).resize((max(1, width // 4), max(1, height // 4)), Image.Resampling.BOX)
    return np.asarray(small)


def _paste(picture: Image.Image, tile: Image.Image, left: int) -> None:
    pen = ImageDraw.Draw(picture)
    pen.rectangle((left, _HEAD, left + _TILE - 1, _HEAD + _TILE - 1), fill=(0, 0, 0))
    picture.paste(tile, (left + (_TILE - tile.width) // 2, _HEAD + (_TILE - tile.height) // 2))


def _bar(width: int, height: int, signed: bool) -> Image.Image:
    level = np.linspace(-1.0 if signed else 0.0, 1.0, width, dtype=np.float32)
    warm, cold = ramp(np.abs(level), FOR_PARASITE), ramp(np.abs(level), AGAINST)
    # The bar ends in white where the overlay ends in the bare cell.
    colour = np.where(level[:, np.newaxis] >= 0, warm, cold)
    share = np.clip((np.abs(level) - 0.08) / 0.5, 0.0, 1.0)[:, np.newaxis]
    line = np.rint(225 * (1 - share) + colour * share).astype(np.uint8)
    return Image.fromarray(np.repeat(line[np.newaxis], height, axis=0))
