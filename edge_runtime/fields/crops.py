"""Single cells cut out of a field as the training cells are: a tight box, black outside the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.segment import Box, SegmentedCell

STAIN = (190.0, 130.0, 140.0)  # RGB that the usual cell gets
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def colour_table(usual: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The table that turns a field's stain into the training cells' usual one, uint8 [256, 1, 3].

    Each channel is multiplied so that the field's usual cell gets the colour that classified best on fields of
    another laboratory (von Kries adaptation; see docs/fields.md for what else was tried).

    Args:
        usual: median colour of the field's cells, float32 [3], 0..255.
    """
    gain = np.array(STAIN, np.float32) / np.maximum(usual, 1.0)
    levels = np.arange(256, dtype=np.float32)[:, np.newaxis, np.newaxis] * gain
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def cut_out(
    image: NDArray[np.uint8], box: Box, mask: NDArray[np.bool_], colours: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """One cell, black outside it, its box shrunk to what is left.

    The mask loses its outermost pixels, where cell and glass mix. The outline is stretched without smoothing: the
    training cells' outlines go in steps as well, because they too were found on a smaller copy.

    Args:
        image: uint8 [h, w, 3], RGB, the whole field.
        box: x, y, width, height in pixels of ``image``.
        mask: bool [rows, columns] of any scale, over the box.
        colours: of :func:`colour_table`, None to leave the colours as they are.

    Returns:
        uint8 [height, width, 3], a copy.
    """
    cv2 = opencv()
    x, y, width, height = box
    rows, columns = mask.shape
    inner = mask.view(np.uint8)
    if rows > 4 and columns > 4:
        inner = cv2.erode(inner, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)[1:-1, 1:-1]
        left, right = round(width / columns), width - round(width / columns)
        top, bottom = round(height / rows), height - round(height / rows)
        x, y, width, height = x + left, y + top, right - left, bottom - top
    inside = cv2.resize(inner, (width, height), interpolation=cv2.INTER_NEAREST)
    window = image[y : y + height, x : x + width]
    if colours is not None:
        window = cv2.LUT(window, colours)
    return np.asarray(cv2.bitwise_and(window, window, mask=inside))


def cell_pixels(
    image: NDArray[np.uint8], cell: SegmentedCell, colours: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """The cell cut out of its field, black outside it: uint8 [height, width, 3].

    Args:
        colours: ``colour_table(field.stain)`` for the classifier; None for the colours of the image.
    """
    return cut_out(image, cell.box, cell.mask, colours)
