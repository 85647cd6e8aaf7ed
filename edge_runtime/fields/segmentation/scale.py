"""How large a red cell is in this picture, so that all else can be said in cell diameters, at any magnification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.segmentation.illumination import Light, darkness, gain_for, read_light
from edge_runtime.fields.segmentation.mask import STAINED, Holes, disc, usual_level
from edge_runtime.fields.segmentation.scale_bar import find_bar, paint_over

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_SIDE = 640  # pixels of the longer side on which the first guess is made
_SIDES = (28.0, 44.0)  # diameters in pixels at which the picture is worked on as it is
_WANTED = 33.0
_MOST_UPSCALING = 2.0
_MOST_PIXELS = 6_000_000  # of the working picture
_RIM = 1.08  # the mask for the guess ends inside the cell's soft edge
_RINGS = (1.6, 2.3, 3.2)  # times the first guess that are tried where holes stay open
_RING = 1.3  # a later guess must be so much larger to replace the first
_AGREES = 1.35  # and what is measured with it so near to it
_FULL = 0.985  # part of the mask without its holes at which there is nothing left to fill
_SMALLEST = 3.0  # radius in pixels below which a summit is a speck


@dataclass(frozen=True)
class WorkingPicture:
    """A field reduced to the scale on which cells are found.

    Attributes:
        picture: uint8 [h, w, 3], RGB, scale bar painted over.
        light: its illumination.
        darkness: float32 [h, w], slightly smoothed.
        level: darkness of the usual cell; 0 when there is nothing but glass.
        diameter: of the usual cell in pixels of ``picture``; 0 when there is no cell.
        bar: pixels of the scale bar and its label, None when there is none.
    """

    picture: NDArray[np.uint8]
    light: Light
    darkness: NDArray[np.float32]
    level: float
    diameter: float
    bar: NDArray[np.bool_] | None


def working_picture(image: NDArray[np.uint8]) -> WorkingPicture:
    """Reduce (or enlarge) a field so that its usual cell is about 33 pixels wide.

    Args:
        image: uint8 [h, w, 3], RGB.
    """
    height, width = image.shape[:2]
    factor = min(1.0, _FIRST_SIDE / max(height, width))
    work = _prepare(_scaled(image, factor))
    if work.diameter and not _SIDES[0] <= work.diameter <= _SIDES[1]:
        wanted = factor * _WANTED / work.diameter
        most = min(_MOST_UPSCALING, (_MOST_PIXELS / (height * width)) ** 0.5)
        wanted = min(wanted, most)
        if abs(wanted / factor - 1) > 0.1:
            work = _prepare(_scaled(image, wanted))
    return work


def _scaled(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    cv2 = opencv()
    if factor == 1.0:
        return image
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how))


def _prepare(picture: NDArray[np.uint8]) -> WorkingPicture:
    light = read_light(picture)
    gain = gain_for(light, (picture.shape[1], picture.shape[0]))
    dark = _smooth_darkness(picture, gain)
    level, otsu = usual_level(dark)
    diameter = _diameter(dark, (level + otsu) / 2, level)
    bar = find_bar(picture, diameter) if diameter else None
    if bar is not None:  # too small to change light, level or diameter
        picture = paint_over(picture, bar)
        rows = np.flatnonzero(bar.any(1))
        band = slice(max(int(rows[0]) - 2, 0), int(rows[-1]) + 3)
        dark[band] = _smooth_darkness(picture[band], gain[band])
    return WorkingPicture(picture, light, dark, level, diameter, bar)


def _smooth_darkness(picture: NDArray[np.uint8], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(opencv().GaussianBlur(darkness(picture, gain), (3, 3), 0))


def _diameter(dark: NDArray[np.float32], threshold: float, level: float) -> float:
    """Diameter of the usual cell in pixels: twice the distance to the edge at the summits, large cells weigh more."""
    if level <= 0:
        return 0.0
    mask = dark > threshold
    rough = 2 * _usual_radius(mask, 0.8)
    if not rough:
        return 0.0

    holes = Holes(mask, dark, STAINED * level)

    def measured(guess: float) -> tuple[float, NDArray[np.bool_]]:
        filled = holes.filled(guess)
        return 2 * _RIM * _usual_radius(filled, 0.5), filled

    first, filled = measured(rough)
    # Cells with a wide pallor are rings, and the first guess is the width of the ring.
    for times in _RINGS:
        if filled.sum() > _FULL * _without_holes(filled):
            break
        larger, filled = measured(times * rough)
        if larger > _RING * first:
            again, _ = measured(larger)
            if 1 / _AGREES < again / larger < _AGREES:
                return again
    return first


def _without_holes(mask: NDArray[np.bool_]) -> int:
    """Pixels of the mask when all that does not reach the picture's border is filled."""
    cv2 = opencv()
    outside = np.pad(mask.view(np.uint8), 1)
    cv2.floodFill(outside, None, (0, 0), 1)
    return int(mask.sum() + (outside[1:-1, 1:-1] == 0).sum())


def _usual_radius(mask: NDArray[np.bool_], share: float) -> float:
    """Radius below which the summits make up ``share`` of the area of all summits' discs; 0 when there are none."""
    cv2 = opencv()
    distance = cv2.distanceTransform(np.pad(mask.view(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_5)
    summits = np.sort(distance[(distance >= cv2.dilate(distance, disc(3))) & (distance >= _SMALLEST)])
    if not len(summits):
        return 0.0
    weight = np.cumsum(summits.astype(np.float64) ** 2)
    return float(summits[np.searchsorted(weight, share * weight[-1])])
