"""Shape of labelled regions, kept so that the shape of two regions together follows without looking at pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.fields.opencv import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Shape:
    """One region.

    Attributes:
        area: pixels.
        moments: sums of x, y, xx, xy, yy over the pixels.
        hull: corners of the convex hull of the pixels (their outer edges), int32 [k, 1, 2], x before y.
        hull_area: area of the hull in pixels.
    """

    area: float
    moments: tuple[float, float, float, float, float]
    hull: NDArray[np.int32]
    hull_area: float

    @cached_property
    def solidity(self) -> float:
        """Part of the hull that the region fills, 0..1."""
        return self.area / max(self.hull_area, 1.0)

    @cached_property
    def axes(self) -> tuple[float, float]:
        """Full lengths of the long and the short axis of the ellipse with the same second moments, in pixels."""
        sx, sy, sxx, sxy, syy = self.moments
        x, y = sx / self.area, sy / self.area
        xx, xy, yy = sxx / self.area - x * x, sxy / self.area - x * y, syy / self.area - y * y
        half, root = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy * xy) ** 0.5
        return 4 * max(half + root, 0.0) ** 0.5, 4 * max(half - root, 0.0) ** 0.5

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels, right and bottom just outside."""
        points = self.hull[:, 0]
        (left, top), (right, bottom) = points.min(0), points.max(0)
        return int(left), int(top), int(right), int(bottom)

    def joined(self, other: Shape) -> Shape:
        """The shape of both regions together."""
        cv2 = opencv()
        hull = cv2.convexHull(np.concatenate([self.hull, other.hull]))
        moments = tuple(a + b for a, b in zip(self.moments, other.moments, strict=True))
        return Shape(self.area + other.area, moments, hull, float(cv2.contourArea(hull)))  # type: ignore[arg-type]


def measure_shapes(labels: NDArray[Any]) -> dict[int, Shape]:
    """The shape of each label above 0 of an integer map [h, w] with less than 65,536 labels."""
    cv2 = opencv()
    # Runs of one label within a row: a tenth of the pixels, and sums over a run follow from its two ends.
    edges = np.empty((labels.shape[0], labels.shape[1] + 1), bool)
    edges[:, 0] = edges[:, -1] = True
    np.not_equal(labels[:, 1:], labels[:, :-1], out=edges[:, 1:-1])
    row, left = np.divmod(np.flatnonzero(edges[:, :-1]), labels.shape[1])
    label = labels[row, left]
    right = np.flatnonzero(edges[:, 1:]) % labels.shape[1] + 1
    kept = np.flatnonzero(label)
    if not len(kept):
        return {}
    order = kept[np.argsort(label[kept].astype(np.uint16), kind="stable")]  # 16 bits are sorted by radix
    label, row, left, right = label[order], row[order], left[order], right[order]
    starts = np.flatnonzero(np.diff(label, prepend=-1))
    y, length = row.astype(np.float64), (right - left).astype(np.float64)
    x = length * (left + right - 1) / 2
    xx = _sum_of_squares(right - 1) - _sum_of_squares(left - 1)
    sums = np.stack([np.add.reduceat(part, starts) for part in (x, y * length, xx, x * y, y * y * length)], 1)
    areas = np.add.reduceat(length, starts)
    corners = np.stack([left, row, left, row + 1, right, row, right, row + 1], 1).astype(np.int32).reshape(-1, 4, 2)
    shapes = {}
    for k, (start, stop) in enumerate(zip(starts.tolist(), [*starts[1:].tolist(), len(label)], strict=True)):
        hull = cv2.convexHull(corners[start:stop].reshape(-1, 1, 2))
        shapes[int(label[start])] = Shape(float(areas[k]), tuple(sums[k]), hull, float(cv2.contourArea(hull)))
    return shapes


def _sum_of_squares(last: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 + 1 + 4 + ... + last squared."""
    n = last.astype(np.float64)
    return n * (n + 1) * (2 * n + 1) / 6
