"""Which pixels belong to cells: a threshold that follows the neighbourhood, holes filled, gaps between cells kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.fields.opencv import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Parts of the level (darkness of the usual red cell) between which the local threshold moves.
_LEAST, _MOST = 0.30, 0.55
_HALF = 0.5  # way from the brightest to the darkest neighbour at which a cell ends
_REACH = 0.5  # the neighbourhood's radius, in cell diameters
_VALLEY = 0.2  # part of the level by which a thin bright line lies below both its sides when two cells meet there
_VALLEY_WIDTH = 0.08  # radius, in diameters, of what is thin
_NOISE = 4.0  # a threshold is never nearer to the glass than this many standard deviations of its noise
_PALE_LEAST = 0.22  # part of the level from which a broad pale patch may be a cell
_PALE_WIDTH = 0.15  # radius of the disc that such a patch must hold, in diameters
_PALE_AREA = 0.10  # area of such a patch, in areas of a cell
_HOLE_MOST = 0.35  # larger holes are glass, in areas of a cell
STAINED = 0.28  # part of the level that glass does not reach, not even in a blurred gap
_HOLE_SPECK = 3  # pixels; smaller holes are noise
_RAYS = 24
_RAY_REACH = 0.72  # diameters from the middle of a pallor within which its cell ends
_RAY_SHARE = 0.5  # of the rays that must end so


def usual_level(darkness: NDArray[np.float32]) -> tuple[float, float]:
    """Darkness of the usual red cell and Otsu's threshold below it, both 0..1."""
    cv2 = opencv()
    grey = (darkness * 255).astype(np.uint8)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()[int(otsu) + 1 :].cumsum()
    if not len(counts) or counts[-1] == 0:
        return 0.0, float(otsu) / 255
    median = int(np.searchsorted(counts, counts[-1] / 2)) + int(otsu) + 1
    return (median + 0.5) / 255, (float(otsu) + 0.5) / 255


def cell_mask(darkness: NDArray[np.float32], level: float, noise: float, diameter: float) -> NDArray[np.bool_]:
    """Pixels of cells as dark as their neighbours: where darkness passes half-way between glass and cell.

    The way is measured in each neighbourhood, so that a gap between two cells stays open although their blur fills
    it, and a pale cell that lies alone is found as well as a dark one.

    Args:
        darkness: float32 [h, w], 0 glass to 1 black.
        level: darkness of the usual cell.
        noise: standard deviation of the darkness of glass.
        diameter: of the usual cell in pixels.
    """
    cv2 = opencv()
    height, width = darkness.shape
    small = cv2.resize(darkness, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    near = disc(_REACH * diameter / 4)
    high = np.minimum(cv2.dilate(small, near), level)
    low = cv2.erode(small, near)
    least = max(_LEAST * level, _NOISE * noise)
    threshold = np.clip(low + _HALF * (high - low), least, max(_MOST * level, least))
    threshold = cv2.resize(cv2.blur(threshold, (3, 3)), (width, height), interpolation=cv2.INTER_LINEAR)
    valley = cv2.morphologyEx(darkness, cv2.MORPH_CLOSE, disc(_VALLEY_WIDTH * diameter)) - darkness
    mask = (darkness > threshold) & (valley < _VALLEY * level)
    mask = fill_pallor(mask, darkness, STAINED * level, diameter)
    return np.asarray(cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disc(1)).view(bool))


def pale_patches(
    darkness: NDArray[np.float32], mask: NDArray[np.bool_], level: float, noise: float, diameter: float
) -> NDArray[np.bool_]:
    """Broad patches beside ``mask`` that are darker than glass: cells, or parts of cells, that lost their stain."""
    cv2 = opencv()
    low = (darkness > max(_PALE_LEAST * level, _NOISE * noise)) & ~mask
    radius = _PALE_WIDTH * diameter
    opened = cv2.morphologyEx(low.view(np.uint8), cv2.MORPH_OPEN, disc(radius))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4, ltype=cv2.CV_32S)
    kept = stats[:, cv2.CC_STAT_AREA] > _PALE_AREA * np.pi / 4 * diameter**2
    kept[0] = False
    if not kept.any():
        return np.zeros_like(mask)
    core = kept[labels].view(np.uint8)
    return np.asarray(cv2.dilate(core, disc(2)).view(bool) & low)


def fill_pallor(
    mask: NDArray[np.bool_], darkness: NDArray[np.float32], stained: float, diameter: float
) -> NDArray[np.bool_]:
    """Fill the holes that lie inside a cell; keep those that lie between cells.

    Args:
        darkness: float32 [h, w].
        stained: darkness that glass does not reach.
        diameter: of the usual cell in pixels.
    """
    return Holes(mask, darkness, stained).filled(diameter)


class Holes:
    """The holes of a mask, looked for once, filled for any size of cell.

    A hole that is nowhere as bright as glass is pale tissue. Else it may be a pallor, which is seen from inside: from
    its middle most ways out of the mask are about half a diameter long. From a gap between touching cells most ways
    lead through whole cells.

    Args:
        mask: bool [h, w].
        darkness: float32 [h, w].
        stained: darkness that glass does not reach.
    """

    def __init__(self, mask: NDArray[np.bool_], darkness: NDArray[np.float32], stained: float) -> None:
        cv2 = opencv()
        count, labels, stats, centres = cv2.connectedComponentsWithStats(
            (~mask).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
        )
        height, width = mask.shape
        left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
        right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
        self._mask, self._labels, self._centres = mask, labels, centres
        self._area = stats[:, cv2.CC_STAT_AREA]
        self._enclosed = (left > 0) & (top > 0) & (right < width) & (bottom < height)
        self._enclosed[0] = False
        doubtful = self._enclosed & (self._area > _HOLE_SPECK)
        holes = np.flatnonzero(doubtful[labels])
        brightest = np.full(count, np.inf, np.float32)
        np.minimum.at(brightest, labels.ravel()[holes], darkness.ravel()[holes])
        self._pale = doubtful & (brightest > stained)

    def filled(self, diameter: float) -> NDArray[np.bool_]:
        """The mask without the holes that lie inside cells of a diameter in pixels."""
        speck = self._enclosed & (self._area <= _HOLE_SPECK)
        small = self._enclosed & ~speck & (self._area < _HOLE_MOST * np.pi / 4 * diameter**2)
        filled = speck | (small & self._pale)
        doubtful = np.flatnonzero(small & ~self._pale)
        if len(doubtful):
            exits = _near_exits(self._mask, self._labels, self._centres[doubtful], doubtful, diameter)
            filled[doubtful] = exits >= _RAY_SHARE
        return np.asarray(self._mask | filled[self._labels])


def _near_exits(
    mask: NDArray[np.bool_], labels: NDArray[np.int32], centres: NDArray[Any], holes: NDArray[Any], diameter: float
) -> NDArray[np.float64]:
    """Share of the rays from the middle of each hole that leave the mask within reach, [k]."""
    height, width = mask.shape
    steps = np.arange(0.0, _RAY_REACH * diameter, 1.0)
    angles = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    x = centres[:, 0, None, None] + np.cos(angles)[:, None] * steps
    y = centres[:, 1, None, None] + np.sin(angles)[:, None] * steps
    column = np.clip(np.rint(x), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(y), 0, height - 1).astype(np.intp)
    own = labels[row, column] == holes[:, None, None]
    outside = ~mask[row, column] & ~own
    share: NDArray[np.float64] = outside.any(2).mean(1)
    return share


def disc(radius: float) -> NDArray[np.uint8]:
    """A round structuring element of at least one pixel's radius."""
    cv2 = opencv()
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
