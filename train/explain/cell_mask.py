"""Which pixels belong to the cell, and how much of an explanation lies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# As in training's augmentation: resizing leaves a dim rim outside the cell that is not part of it.
_BLACK = 12


def cell_mask(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool [h, w] of pixels uint8 [h, w, 3]: true where any channel is clearly above black."""
    return np.asarray(pixels.max(axis=-1) > _BLACK)


def share_inside(heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> float | None:
    """Share of a map's mass, float [h, w], on the true pixels of a mask bool [h, w]; signs do not matter.

    Returns:
        0..1, or None for a map that is zero everywhere.
    """
    mass = np.abs(np.asarray(heat, np.float64))
    total = float(mass.sum())
    return float(mass[mask].sum()) / total if total > 0 else None
