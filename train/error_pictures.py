"""Small pictures of the cells a model got wrong, the surest mistakes first."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.errors import BadImage
from edge_runtime.images import load_image
from train.dataset import Cells

_PICTURE = 112  # pixels, the longer side


@dataclass(frozen=True)
class ErrorPicture:
    """A cell the model got wrong.

    Attributes:
        path: its file.
        patient: whose it is, None when unknown.
        label: 1 parasitized, as labelled.
        probability: P(parasitized) the model gave.
        png: a small picture of it.
    """

    path: Path
    patient: str | None
    label: int
    probability: float
    png: bytes


def error_pictures(cells: Cells, probabilities: np.ndarray, limit: int = 24) -> list[ErrorPicture]:
    """The wrong cells the model was surest of, as small pictures; files that cannot be read any more are skipped.

    Args:
        cells: n cells.
        probabilities: P(parasitized) [n].
        limit: how many at most; both kinds of error get half when there are enough.
    """
    p = np.asarray(probabilities, dtype=float)
    wrong = (p >= 0.5) != (cells.labels == 1)
    chosen: list[int] = []
    by_kind = [np.flatnonzero(wrong & (cells.labels == label)) for label in (0, 1)]
    for label, indices in enumerate(by_kind):
        share = max(limit // 2, limit - len(by_kind[1 - label]))
        chosen += [int(i) for i in indices[np.argsort(-np.abs(p[indices] - 0.5), kind="stable")][:share]]
    pictures = []
    for i in chosen:
        path = cells.root / cells.paths[i]
        try:
            png = _thumbnail(path)
        except (BadImage, OSError):
            continue
        patient = None if cells.patients is None else cells.patients[i]
        pictures.append(ErrorPicture(path, patient, int(cells.labels[i]), float(p[i]), png))
    return pictures


def _thumbnail(path: Path) -> bytes:
    picture = Image.fromarray(load_image(path))
    picture.thumbnail((_PICTURE, _PICTURE))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()
