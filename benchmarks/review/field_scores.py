"""What the device's own reading makes of annotated fields, kept in the user's cache by image, model and program."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from benchmarks.harness.annotations import STAGES, Truth
from benchmarks.harness.boxes import at_border, match
from benchmarks.harness.reading_program import reading_program
from benchmarks.review.slides import ReviewSlide
from edge_runtime.common.files import write_atomically

if TYPE_CHECKING:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.fields import FieldReader

IOU = 0.5
_DOUBTFUL = "difficult"
_PARTS = ("size", "boxes", "probabilities", "accepted")


@dataclass(frozen=True)
class FieldScores:
    """The cells of one field as the device read it.

    Attributes:
        size: (width, height), pixels.
        boxes: float64 [n, 4]: x, y, width, height.
        probabilities: float64 [n].
        accepted: whether the field's quality lets it count.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    probabilities: np.ndarray
    accepted: bool


def read_scores(truths: Iterable[Truth], classifier: Classifier, cache: Path) -> list[FieldScores]:
    """Each field's cells with their scores; what the cache has is not read again.

    Args:
        truths: the fields.
        cache: folder, made when needed.
    """
    from edge_runtime.fields import FieldReader

    reader = FieldReader([classifier])
    folder = cache / "field-scores"
    folder.mkdir(parents=True, exist_ok=True)
    program = f"{classifier.model.sha256} {reading_program()}".encode()
    found = []
    for truth in truths:
        content = truth.path.read_bytes()
        kept = folder / f"{hashlib.sha256(program + content).hexdigest()[:32]}.npz"
        scores = _load(kept)
        if scores is None:
            scores = _read(truth.path, reader)
            _keep(kept, scores)
        found.append(scores)
    return found


def slides_of(
    truths: Sequence[Truth], scores: Sequence[FieldScores], groups: Sequence[Sequence[int]]
) -> list[ReviewSlide]:
    """Slides of accepted fields, with their annotations as the reviewer.

    A box is infected when it overlaps the box of an annotated stage (IoU 0.5), and left out when that is said to be
    difficult. Any other is no parasite, whether annotated as something else or not at all. Slides without a box of
    either kind are left out.

    Args:
        groups: positions of the fields of each slide.
    """
    found = []
    for group in groups:
        parts = [_judged(truths[place], scores[place]) for place in group if scores[place].accepted]
        kinds = [kind for part, _, _ in parts for kind in part]
        p = np.concatenate([values for _, values, _ in parts]) if parts else np.empty(0)
        infected = np.array([kind in STAGES for kind in kinds], dtype=bool)
        healthy = np.array([kind not in (*STAGES, _DOUBTFUL) for kind in kinds], dtype=bool)
        if infected.any() and healthy.any():
            stages = tuple(kind for kind in kinds if kind in STAGES)
            found.append(ReviewSlide(p[infected], stages, p[healthy], sum(unseen for _, _, unseen in parts)))
    return found


def _judged(truth: Truth, scores: FieldScores) -> tuple[list[str], np.ndarray, int]:
    """Kind of each box, "" for one that is not annotated; its P; and the whole infected cells without a box."""
    pairs = match(scores.boxes, truth.boxes, scores.size, IOU).pairs
    kinds = [""] * len(scores.boxes)
    for i, j in pairs:
        kinds[i] = truth.types[j]
    boxed, cut = {j for _, j in pairs}, at_border(truth.boxes, scores.size)
    unseen = sum(kind in STAGES and j not in boxed and not cut[j] for j, kind in enumerate(truth.types))
    return kinds, scores.probabilities, int(unseen)


def _read(path: Path, reader: FieldReader) -> FieldScores:
    from edge_runtime.core.images import load_image

    result = reader.read(load_image(path))
    boxes = np.array([cell.box for cell in result.field.cells], np.float64).reshape(-1, 4)
    p = np.array([verdict.probability for verdict in result.verdicts], np.float64)
    return FieldScores(result.field.size, boxes, p, result.quality.accepted)


def _load(path: Path) -> FieldScores | None:
    """What was kept; None where nothing is, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            size, boxes, p, accepted = (kept[name] for name in _PARTS)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return FieldScores((int(size[0]), int(size[1])), boxes, p, bool(accepted))


def _keep(path: Path, scores: FieldScores) -> None:
    stream = io.BytesIO()
    np.savez(
        stream,
        size=np.array(scores.size),
        boxes=scores.boxes,
        probabilities=scores.probabilities,
        accepted=np.array(scores.accepted),
    )
    write_atomically(path, stream.getvalue())
