"""What is a single whole red cell, and why the rest is not counted as one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.segmentation.mask import disc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.scale import WorkingPicture
    from edge_runtime.fields.segmentation.shapes import Shape

BORDER, CLUMP, WHITE_CELL, PLATELET, DEBRIS, HIDDEN = "border", "clump", "white-cell", "platelet", "debris", "scale-bar"
REASONS = (BORDER, CLUMP, WHITE_CELL, PLATELET, DEBRIS, HIDDEN)

# Areas in areas, lengths in diameters of the usual cell.
_SPECK = 0.06  # smaller regions are not even debris
_FRAGMENT = 0.45
_CUT, _CUT_FRAGMENT = 0.25, 0.70  # part of the outline that is a cut, not an edge; then a fragment may be larger
_RAGGED, _THIN = 0.91, 0.68  # solidity, and short axis, below which together a region is a sliver
_CLUMP_SOLIDITY, _CLUMP_AREA = 0.86, 2.8
_CLUMP_LENGTH, _CLUMP_RAGGED = 1.85, 0.91
_HIDDEN = 0.45  # part of a cell below the scale bar
_DARK_AREA, _DARK_SOLIDITY, _DARK_NUCLEAR = 1.6, 0.93, 0.65
_PLATELET_RED = 1.35  # red light kept back, in that of the usual cell
_NUCLEUS_AREA, _NUCLEUS_PART = 0.3, 0.12
_NUCLEUS_GREEN = (0.8, 0.45)  # optical density at least, and above that of the usual cell
_NUCLEUS_RED = (0.28, 1.2)  # at least, and as a multiple of that of the usual cell
_NUCLEUS_WIDTH = 0.12  # radius of the disc that fits into every part of a nucleus


def gate(work: WorkingPicture, labels: NDArray[np.int32], shapes: dict[int, Shape]) -> dict[int, str | None]:
    """Why each region is no single whole red cell; None for those that are. Specks are left out.

    Args:
        labels, shapes: of :func:`edge_runtime.fields.segmentation.split.split_cells`.
    """
    height, width = labels.shape
    size = max(shapes, default=0) + 1
    cut = cut_parts(labels, size)
    red = _red_passed(work)
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    own = flat[inside]
    pixels = np.maximum(np.bincount(own, minlength=size), 1)
    mean_red = np.bincount(own, -np.log(red.ravel()[inside]), minlength=size) / pixels
    usual_red = float(np.median(mean_red[list(shapes)])) if shapes else 0.0
    nuclear = np.bincount(labels[_nuclei(work, red, usual_red)], minlength=size)
    covered = np.zeros(size) if work.bar is None else np.bincount(labels[work.bar], minlength=size) / pixels
    unit = math.pi / 4 * work.diameter**2
    verdicts: dict[int, str | None] = {}
    for label, shape in shapes.items():
        area = shape.area / unit
        if area < _SPECK:
            continue
        left, top, right, bottom = shape.box
        if left == 0 or top == 0 or right == width or bottom == height:
            verdicts[label] = BORDER
        elif nuclear[label] > _NUCLEUS_PART * unit and not _is_dark_cell(shape, area, nuclear[label] / shape.area):
            verdicts[label] = WHITE_CELL
        elif covered[label] > _HIDDEN:
            verdicts[label] = HIDDEN
        elif _is_fragment(shape, area, work.diameter, float(cut[label])):
            verdicts[label] = PLATELET if mean_red[label] > _PLATELET_RED * usual_red else DEBRIS
        elif _is_clump(shape, area, work.diameter):
            verdicts[label] = CLUMP
        else:
            verdicts[label] = None
    return verdicts


def _is_dark_cell(shape: Shape, area: float, nuclear: float) -> bool:
    """A round region of a red cell's size that is no nucleus through and through: a deeply stained gametocyte."""
    return area < _DARK_AREA and shape.solidity > _DARK_SOLIDITY and nuclear < _DARK_NUCLEAR


def _is_fragment(shape: Shape, area: float, diameter: float, cut: float) -> bool:
    if area < _FRAGMENT or (cut > _CUT and area < _CUT_FRAGMENT):
        return True
    return shape.solidity < _RAGGED and shape.axes[1] < _THIN * diameter


def _is_clump(shape: Shape, area: float, diameter: float) -> bool:
    if area > _CLUMP_AREA or shape.solidity < _CLUMP_SOLIDITY:
        return True
    return shape.axes[0] > _CLUMP_LENGTH * diameter and shape.solidity < _CLUMP_RAGGED


def cut_parts(labels: NDArray[np.int32], size: int) -> NDArray[np.float64]:
    """Part of each region's outline that borders on another region, 0..1, float64 [size]."""
    edges, cuts = np.zeros(size), np.zeros(size)
    for here, there in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        differ = here != there
        a, b = here[differ], there[differ]
        both = (a > 0) & (b > 0)
        edges += np.bincount(a, minlength=size) + np.bincount(b, minlength=size)
        cuts += np.bincount(a[both], minlength=size) + np.bincount(b[both], minlength=size)
    return np.asarray(cuts / np.maximum(edges, 1))


def _red_passed(work: WorkingPicture) -> NDArray[np.float32]:
    """Part of the red light that passes; haemoglobin is almost clear there and nuclei are not; float32 [h, w]."""
    cv2 = opencv()
    height, width = work.darkness.shape
    glass = cv2.resize(np.ascontiguousarray(work.light.glass[..., 0]), (width, height))
    passed = cv2.divide(cv2.extractChannel(work.picture, 0), glass, dtype=cv2.CV_32F)
    return np.asarray(np.clip(passed, 0.02, 1.0), np.float32)


def _nuclei(work: WorkingPicture, red: NDArray[np.float32], usual_red: float) -> NDArray[Any]:
    """Pixels of nuclei of white cells: large, even, and dense in green and in red; bool [h, w].

    Args:
        red: of :func:`_red_passed`.
        usual_red: optical density of the usual region in red.
    """
    cv2 = opencv()
    usual_green = -math.log(max(1 - work.level, 0.02))
    green = 1 - math.exp(-max(_NUCLEUS_GREEN[0], _NUCLEUS_GREEN[1] + usual_green))
    dense = (work.darkness > green) & (red < math.exp(-max(_NUCLEUS_RED[0], _NUCLEUS_RED[1] * usual_red)))
    dense = cv2.morphologyEx(dense.view(np.uint8), cv2.MORPH_OPEN, disc(_NUCLEUS_WIDTH * work.diameter))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dense, connectivity=8, ltype=cv2.CV_32S)
    kept = stats[:, cv2.CC_STAT_AREA] > _NUCLEUS_AREA * math.pi / 4 * work.diameter**2
    kept[0] = False
    return np.asarray(kept[labels])
