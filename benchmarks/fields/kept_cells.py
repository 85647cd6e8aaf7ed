"""The cells of fields as the device cuts them out, kept in the user's cache, so that a model is judged in a minute."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from benchmarks.fields.detection import ReadField
from benchmarks.harness.reading_program import reading_program
from edge_runtime.common.files import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.card import InputContract
    from edge_runtime.core.classifier import Classifier

_PARTS = ("size", "boxes", "pixels", "shapes", "stain", "accepted")


@dataclass(frozen=True)
class KeptCells:
    """One field's cells before any model has seen them.

    Attributes:
        size: (width, height) of the field, pixels.
        boxes: float64 [n, 4]: x, y, width, height in pixels of the field.
        crops: n cells, uint8 [h, w, 3] RGB in the colours of the image, black outside the cell.
        stain: median colour of the field's cells, float32 [3], 0..255, for
            :func:`edge_runtime.fields.crops.colour_table`.
        accepted: whether the field's quality lets it count.
    """

    size: tuple[int, int]
    boxes: NDArray[np.float64]
    crops: tuple[NDArray[np.uint8], ...]
    stain: NDArray[np.float32]
    accepted: bool

    def pixels(self, contract: InputContract) -> NDArray[np.uint8]:
        """The cells as the device hands them to a classifier, in the training cells' colours: uint8 [n, h, w, 3]."""
        from edge_runtime.core.preprocess import resize
        from edge_runtime.fields.crops import colour_table
        from edge_runtime.fields.opencv import opencv

        colours = colour_table(self.stain)  # black stays black
        cells = [resize(np.asarray(opencv().LUT(crop, colours)), contract) for crop in self.crops]
        return np.stack(cells) if cells else np.empty((0, contract.height, contract.width, 3), np.uint8)


def read_field(path: Path, classifier: Classifier, cache: Path) -> ReadField:
    """A field's cells with their scores, as :class:`edge_runtime.fields.FieldReader` gives them.

    Args:
        path: an image.
        cache: see :func:`cells_of`.
    """
    cells = cells_of(path, cache)
    logits = np.asarray(classifier.logits(cells.pixels(classifier.contract)), np.float64)
    return ReadField(cells.size, cells.boxes, logits, cells.accepted)


def cells_of(path: Path, cache: Path) -> KeptCells:
    """The cells of a field; what the cache has is not cut out again.

    Args:
        path: an image.
        cache: folder, made when needed.
    """
    folder = cache / "field-cells"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(reading_program().encode() + path.read_bytes()).hexdigest()
    kept = folder / f"{digest[:32]}.npz"
    cells = _load(kept)
    if cells is None:
        cells = _cut(path)
        _keep(kept, cells)
    return cells


def _cut(path: Path) -> KeptCells:
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import segment
    from edge_runtime.fields.crops import cell_pixels
    from edge_runtime.fields.quality import measure_quality
    from edge_runtime.fields.segmentation.scale_bar import without_bar

    image = load_image(path)
    field = segment(image)
    clean = without_bar(image, field.work.bar)
    return KeptCells(
        field.size,
        np.array([cell.box for cell in field.cells], np.float64).reshape(-1, 4),
        tuple(cell_pixels(clean, cell) for cell in field.cells),
        np.asarray(field.stain, np.float32),
        measure_quality(image, field).accepted,
    )


def _load(path: Path) -> KeptCells | None:
    """What was kept; None where nothing is, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            size, boxes, pixels, shapes, stain, accepted = (kept[name] for name in _PARTS)
        crops = tuple(_parted(pixels, shapes))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return KeptCells((int(size[0]), int(size[1])), boxes, crops, stain, bool(accepted))


def _parted(pixels: NDArray[np.uint8], shapes: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    start = 0
    for height, width in shapes:
        end = start + 3 * int(height) * int(width)
        yield pixels[start:end].reshape(height, width, 3)
        start = end


def _keep(path: Path, cells: KeptCells) -> None:
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        size=np.array(cells.size),
        boxes=cells.boxes,
        pixels=np.concatenate([crop.ravel() for crop in cells.crops]) if cells.crops else np.empty(0, np.uint8),
        shapes=np.array([crop.shape[:2] for crop in cells.crops], np.int64).reshape(-1, 2),
        stain=cells.stain,
        accepted=np.array(cells.accepted),
    )
    write_atomically(path, stream.getvalue())
