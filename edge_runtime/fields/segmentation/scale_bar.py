"""Scale bars that the camera's software burnt into the picture: found by their black, painted over from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.segmentation.mask import disc

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLACK = 70  # no channel of a bar reaches it, also not where its edge is blurred; stained nuclei do
_LENGTH, _THICKNESS = 0.6, 0.3  # of the bar: at least, at most, in cell diameters
_LABEL = 1.3  # how far from the bar its label may stand, in diameters


def find_bar(picture: NDArray[np.uint8], diameter: float) -> NDArray[np.bool_] | None:
    """The pixels of a scale bar and its label, with a rim, bool [h, w]; None when there is none.

    Args:
        picture: uint8 [h, w, 3], RGB.
        diameter: of the usual cell in pixels.
    """
    cv2 = opencv()
    black = (cv2.max(cv2.max(picture[..., 0], picture[..., 1]), picture[..., 2]) < _BLACK).view(np.uint8)
    if not black.any():
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(black, connectivity=8, ltype=cv2.CV_32S)
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    long, thick = np.maximum(width, height), np.minimum(width, height)
    bars = (long >= _LENGTH * diameter) & (thick <= _THICKNESS * diameter)
    bars[0] = False
    if not bars.any():
        return None
    reach = _LABEL * diameter
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    kept = bars.copy()
    for bar in np.flatnonzero(bars):
        near = (left + width > left[bar] - reach) & (left < left[bar] + width[bar] + reach)
        near &= (top + height > top[bar] - reach) & (top < top[bar] + height[bar] + reach)
        kept |= near & (long < diameter)
    kept[0] = False
    ink = kept[labels].view(np.uint8)
    return np.asarray(cv2.dilate(ink, disc(0.06 * diameter)).view(bool))


def paint_over(picture: NDArray[np.uint8], ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture with ``ink`` filled from its surroundings (Telea 2004); ``picture`` itself is not changed."""
    cv2 = opencv()
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    margin = 8
    top, bottom = max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin
    left, right = max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin
    painted = picture.copy()
    window = np.ascontiguousarray(picture[top:bottom, left:right])
    hidden = np.ascontiguousarray(ink[top:bottom, left:right]).view(np.uint8)
    painted[top:bottom, left:right] = cv2.inpaint(window, hidden, 3, cv2.INPAINT_TELEA)
    return painted


def without_bar(image: NDArray[np.uint8], bar: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """The image at full resolution with the bar painted over; the image itself when there is none.

    Args:
        image: uint8 [h, w, 3], RGB.
        bar: of :func:`find_bar`, at any scale.
    """
    if bar is None:
        return image
    size = (image.shape[1], image.shape[0])
    ink = opencv().resize(bar.view(np.uint8), size, interpolation=opencv().INTER_NEAREST)
    return paint_over(image, ink.view(bool))
