"""Ways to bring a field's colours closer to the training cells' that the device could take, and does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.crops import STAIN, cell_pixels, colour_table
from train.trainer.tissue import density_of, tissue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields import SegmentedField

_SCALE = (0.6, 1.6)  # least and most change of the spread of optical densities


def colour_tables(image: NDArray[np.uint8], field: SegmentedField) -> dict[str, NDArray[np.uint8] | None]:
    """A field's tables by way, each as :func:`edge_runtime.fields.crops.colour_table` gives it; None changes nothing.

    ``shipped`` is the device's own way, ``plain`` leaves colours as they are, ``half`` goes half of the device's way
    (the square root of each gain), ``density`` gives the field's median cell the mean and the spread of optical
    densities that healthy training cells have, ``mean`` the mean alone.

    Args:
        image: uint8 [h, w, 3], RGB, without a scale bar.
        field: what was found in it; at least one cell.
    """
    half = np.sqrt(np.maximum(field.stain, 1.0) * np.array(STAIN, np.float32))
    return {
        "shipped": colour_table(field.stain),
        "plain": None,
        "half": colour_table(half),
        "mean": _density_table(image, field, with_spread=False),
        "density": _density_table(image, field, with_spread=True),
    }


def _density_table(image: NDArray[np.uint8], field: SegmentedField, with_spread: bool) -> NDArray[np.uint8]:
    measured = np.array([density_of(cell_pixels(image, cell)) for cell in field.cells])
    mean, spread = np.nanmedian(measured, axis=0)
    known = tissue()
    scale = np.clip(known.own_spread / np.maximum(spread, 1e-6), *_SCALE) if with_spread else np.ones(3)
    density = -np.log((np.arange(256.0)[:, np.newaxis, np.newaxis] + 1.0) / 256.0)
    levels = 256.0 * np.exp(-((density - mean) * scale + known.own_mean)) - 1.0
    levels[0] = 0.0  # black outside the cell stays black
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
