"""The cells a model got wrong, the surest mistakes first: a list of all, and small pictures of some."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage
from train.data.dataset import Cells
from train.data.tables import write_csv

ERRORS = "errors.csv"  # beside the report
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


def wrong_cells(cells: Cells, probabilities: np.ndarray) -> np.ndarray:
    """int [k], the cells on the wrong side of P 0.5, the surest mistakes first.

    Args:
        cells: n cells.
        probabilities: P(parasitized) [n].
    """
    p = np.asarray(probabilities, dtype=float)
    wrong = np.flatnonzero((p >= 0.5) != (cells.labels == 1))
    return wrong[np.argsort(-np.abs(p[wrong] - 0.5), kind="stable")]


def write_errors(path: Path, cells: Cells, probabilities: np.ndarray) -> None:
    """CSV of all wrong cells (path, label, patient, probability), the surest mistakes first."""
    patients = cells.patients or ("",) * len(cells)
    wrong = wrong_cells(cells, probabilities)
    rows = ((cells.paths[i], int(cells.labels[i]), patients[i], float(probabilities[i])) for i in wrong)
    write_csv(path, ("path", "label", "patient", "probability"), rows)


def error_pictures(cells: Cells, probabilities: np.ndarray, limit: int = 24) -> list[ErrorPicture]:
    """The wrong cells the model was surest of, as small pictures; files that cannot be read any more are skipped.

    Args:
        cells: n cells.
        probabilities: P(parasitized) [n].
        limit: how many at most; both kinds of error get half when there are enough.
    """
    p = np.asarray(probabilities, dtype=float)
    wrong = wrong_cells(cells, p)
    by_kind = [wrong[cells.labels[wrong] == label] for label in (0, 1)]
    chosen: list[int] = []
    for label, indices in enumerate(by_kind):
        chosen += indices[: max(limit // 2, limit - len(by_kind[1 - label]))].tolist()
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
