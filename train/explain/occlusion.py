"""Occlusion check: cover a patch of the cell, look how far the logit moves, slide on. Needs no gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import WrongUsage
from train.explain.cell_mask import cell_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.uint8]], NDArray[np.float64]]

FILLS = ("cell", "grey", "black")
_PATCH_SHARE = 6  # the patch is a sixth of the image wide: about a ring form
_STEPS_A_PATCH = 2
_GREY = 128
_BATCH = 64


def occlusion(
    score: Score, pixels: NDArray[np.uint8], fill: str = "cell", patch: int | None = None
) -> NDArray[np.float32]:
    """How much each place supports the logit, after Zeiler and Fergus 2014 (arXiv:1311.2901).

    Args:
        score: uint8 [n, h, w, 3] to logits float64 [n]; called with batches.
        pixels: uint8 [h, w, 3] RGB at the model's size.
        fill: what covers: "cell", the median colour of this cell, so that the patch itself looks like nothing;
            "grey", the mid-grey of the paper; or "black", as outside the cell.
        patch: side of the square, pixels; None: a sixth of the image. It moves by half its side and reaches beyond
            the border, so that every pixel is covered equally often.

    Returns:
        float32 [h, w] in logits: positive where covering lowers the logit (evidence for a parasite), negative where
        it raises it. Each patch counts most at its middle.

    Raises:
        WrongUsage: another fill, or a patch without size.
    """
    height, width = pixels.shape[:2]
    side = max(2, round(max(height, width) / _PATCH_SHARE)) if patch is None else patch
    if side < 1:
        raise WrongUsage(f"The patch is {side} pixels wide; it must be 1 or more.")
    colour = _colour(pixels, fill)
    rows, columns = _starts(height, side), _starts(width, side)
    boxes = [(row, column) for row in rows for column in columns]
    base = float(score(pixels[np.newaxis])[0])
    drops = np.empty(len(boxes))
    for start in range(0, len(boxes), _BATCH):
        some = boxes[start : start + _BATCH]
        covered = np.repeat(pixels[np.newaxis], len(some), axis=0)
        for image, (row, column) in zip(covered, some, strict=True):
            image[max(row, 0) : row + side, max(column, 0) : column + side] = colour
        drops[start : start + len(some)] = base - score(covered)
    # Tent weights are separable: the map is two small matrix products instead of a loop over patches and pixels.
    down, across = _tents(rows, side, height), _tents(columns, side, width)
    table = drops.reshape(len(rows), len(columns))
    weight = np.outer(down.sum(axis=0), across.sum(axis=0))
    return np.asarray(down.T @ table @ across / weight, np.float32)


def _colour(pixels: NDArray[np.uint8], fill: str) -> NDArray[np.uint8]:
    if fill not in FILLS:
        raise WrongUsage(f"Unknown fill {fill!r}; there are {', '.join(FILLS)}.")
    if fill == "cell":
        mask = cell_mask(pixels)
        return np.median(pixels[mask], axis=0).astype(np.uint8) if mask.any() else np.zeros(3, np.uint8)
    return np.full(3, _GREY if fill == "grey" else 0, np.uint8)


def _starts(length: int, side: int) -> list[int]:
    """First pixels of the patches along one side, from half a patch before the image to half a patch beyond."""
    step = max(1, side // _STEPS_A_PATCH)
    return list(range(-(side // 2), length - side // 2 + step, step))


def _tents(starts: list[int], side: int, length: int) -> NDArray[np.float64]:
    """Weights [patches, length]: 1 in the middle of a patch, falling to 0 at its edges."""
    middles = np.array(starts)[:, np.newaxis] + (side - 1) / 2
    distance = np.abs(np.arange(length) - middles)
    return np.maximum(0.0, 1.0 - distance / (side / 2 + 0.5))
