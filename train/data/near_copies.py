"""Images that are nearly the same: one cell re-encoded or resized, found by their thumbnails in time that grows with n.

Cells of 18,472 NIH images as 16x16 thumbnails: an image and itself as JPEG (quality 50 to 75), WebP, at half or double
size or squeezed to 64x64 lie 0.5 to 3.4 levels apart (root mean square), different cells at least 10.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.text import printable
from train.data.dataset import Cells

SIDE = 16  # pixels of a thumbnail
ALIKE = 5.0  # levels of 0..255, root mean square between thumbnails
_OF_CONTRAST = 0.15  # and at most this share of a thumbnail's own standard deviation: flat pictures tell nothing
_AXES = 24  # main axes of the thumbnails on which candidates are compared first
_GRID_AXES, _CELL, _GRIDS = 6, 200.0, 10  # grids of such cells over the first axes, each shifted otherwise
_NEIGHBOURS = 48  # of an image within a cell of a grid; so many are compared
_SAMPLE = 256  # thumbnails that the axes are found on
_CHUNK = 128


@dataclass(frozen=True)
class NearCopies:
    """Which of n images are nearly the same.

    Attributes:
        groups: positions, ascending, of each group of two or more; in the order of their first.
    """

    groups: tuple[tuple[int, ...], ...]

    @property
    def images(self) -> int:
        """Images in all groups."""
        return sum(map(len, self.groups))

    def group_of(self, n: int) -> NDArray[np.int64]:
        """int [n], the first image of each image's group; itself where it has none."""
        first = np.arange(n)
        for group in self.groups:
            first[list(group)] = group[0]
        return first


def find_near_copies(pixels: np.ndarray) -> NearCopies:
    """Group images whose thumbnails differ by at most :data:`ALIKE` levels.

    Thumbnails are laid on their main axes, these cut into cells by ten grids; only images of one cell are compared,
    each with its next 48 along the first axis. The work grows with n, not with its square; a pair is missed where the
    grids part it every time or more than that many others lie between.

    Args:
        pixels: uint8 [n, height, width, 3], n images of one size, at least 16 pixels high and wide.
    """
    n = len(pixels)
    if n < 2 or min(pixels.shape[1:3]) < SIDE:
        return NearCopies(())
    thumbs = _thumbnails(pixels)
    limit = np.minimum(ALIKE, _OF_CONTRAST * thumbs.std(axis=1)) * np.sqrt(thumbs.shape[1])  # Euclidean
    axes = _main_axes(thumbs)
    places = thumbs @ axes
    parent = list(range(n))
    for one, other in _candidates(places, limit):
        apart = np.linalg.norm(thumbs[one] - thumbs[other], axis=1)
        same = apart <= np.minimum(limit[one], limit[other])
        for a, b in zip(one[same].tolist(), other[same].tolist(), strict=True):
            first, second = sorted((_root(parent, a), _root(parent, b)))
            parent[second] = first
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for i in range(n):
        groups[_root(parent, i)].append(i)
    return NearCopies(tuple(tuple(group) for group in groups.values() if len(group) > 1))


def near_copies_warning(found: NearCopies, cells: Cells) -> str | None:
    """How many images are nearly the same, two of them by name, and where labels or patients differ; None: none are."""
    if not found.groups:
        return None
    one, other = (printable(cells.paths[i]) for i in found.groups[0][:2])
    labels = sum(len({int(cells.labels[i]) for i in group}) > 1 for group in found.groups)
    patients = cells.patients
    apart = 0 if patients is None else sum(len({patients[i] for i in group}) > 1 for group in found.groups)
    return (
        f"{found.images:,} images are nearly the same as another of them (re-encoded or resized?), in "
        f"{len(found.groups):,} groups, for instance {one} and {other}; {labels:,} groups have both labels"
        + (f", {apart:,} several patients." if patients is not None else ".")
    )


def _thumbnails(pixels: np.ndarray) -> NDArray[np.float32]:
    """float32 [n, 768], mean colours of 16x16 blocks; of large images of every second, third ... pixel."""
    step = max(min(pixels.shape[1:3]) // (4 * SIDE), 1)
    pixels = pixels[:, ::step, ::step]
    height, width = pixels.shape[1:3]
    rows, columns = (np.linspace(0, side, SIDE, endpoint=False).astype(int) for side in (height, width))
    area = np.diff(rows, append=height)[:, None, None] * np.diff(columns, append=width)[None, :, None]

    def shrink(start: int) -> NDArray[np.float32]:
        part = pixels[start : start + _CHUNK]
        sums = np.add.reduceat(np.add.reduceat(part, rows, axis=1, dtype=np.uint32), columns, axis=2)
        return (sums / area).astype(np.float32).reshape(len(part), -1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(shrink, range(0, len(pixels), _CHUNK))))


def _main_axes(thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [768, up to 24], orthonormal, the widest first, of an even sample."""
    sample = thumbs[np.linspace(0, len(thumbs) - 1, min(len(thumbs), _SAMPLE)).astype(int)]
    _, _, vectors = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)
    return np.ascontiguousarray(vectors[:_AXES].T)


def _candidates(
    places: NDArray[np.float32], limit: NDArray[np.float32]
) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs that lie near each other on the axes [n, 24]: two index arrays a grid and step."""
    draw = np.random.default_rng(0)
    shifts = draw.random((_GRIDS, _GRID_AXES)) * _CELL
    keys = draw.integers(1, 1 << 40, _GRID_AXES)  # a cell's place as one number; two that share one cost time, no error
    found = []
    for shift in shifts:
        cells = np.floor((places[:, :_GRID_AXES] + shift[: places.shape[1]]) / _CELL).astype(np.int64)
        cell = cells @ keys[: cells.shape[1]]
        order = np.lexsort((places[:, 0], cell))
        sorted_cell = cell[order]
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            together = np.flatnonzero(sorted_cell[step:] == sorted_cell[:-step])
            if not len(together):
                break
            one, other = order[together], order[together + step]
            near = ((places[one] - places[other]) ** 2).sum(axis=1) <= np.minimum(limit[one], limit[other]) ** 2
            if near.any():
                found.append((one[near], other[near]))
    return found


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
