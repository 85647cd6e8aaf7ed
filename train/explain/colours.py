"""Heat laid over a cell so that the cell can still be seen: colours, and enlarging to a tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Stops at equal distances, dark to light; light and dark differ, so they also work in grey and for the colour-blind.
FOR_PARASITE = ((92, 38, 0), (213, 94, 0), (240, 178, 30), (255, 226, 96))
AGAINST = ((0, 32, 80), (0, 114, 178), (86, 180, 233), (150, 212, 255))
_OPAQUE = 0.6  # what lies below the hottest place stays visible
_FADE = 0.55  # how far the colours of the cell fade to grey below the heat


def fit(image: NDArray[np.uint8], side: int) -> Image.Image:
    """An image, uint8 [h, w, 3], with its longer side ``side`` pixels and its own proportions."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)


def overlay(cell: Image.Image, heat: NDArray[np.float32], top: float) -> Image.Image:
    """A cell with its heat: orange for a parasite, blue against; where there is none the cell shows, half faded.

    Args:
        cell: RGB of any size.
        heat: float [H, W], stretched to the cell's size.
        top: the heat that gets the strongest colour; where it is 0 nothing is coloured.
    """
    stretched = Image.fromarray(np.asarray(heat, np.float32)).resize(cell.size, Image.Resampling.BICUBIC)
    level = np.asarray(stretched) / top if top > 0 else np.zeros((cell.height, cell.width), np.float32)
    strength = np.clip(np.abs(level), 0.0, 1.0)[..., np.newaxis]
    warm, cold = ramp(strength[..., 0], FOR_PARASITE), ramp(strength[..., 0], AGAINST)
    colour = np.where(level[..., np.newaxis] >= 0, warm, cold)
    base = np.asarray(cell, np.float32)
    grey = base.mean(axis=-1, keepdims=True)
    base = base + _FADE * (grey - base)
    share = _OPAQUE * np.clip((strength - 0.08) / 0.5, 0.0, 1.0)
    return Image.fromarray(np.rint(base * (1 - share) + colour * share).astype(np.uint8))


def ramp(level: NDArray[np.float32], stops: tuple[tuple[int, int, int], ...]) -> NDArray[np.float32]:
    """Colours float [..., 3] for levels 0..1 along equally spaced stops."""
    places = np.linspace(0.0, 1.0, len(stops))
    channels = [np.interp(level, places, [stop[c] for stop in stops]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
