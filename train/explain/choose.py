"""Which images to explain: those that were named, or a run's most confident, least confident and wrong test cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.core.sources import STDIN, find_sources
from edge_runtime.errors import BadData, BadImage, WrongUsage
from train.data.labels import statement
from train.metrics.calibration import calibrated

if TYPE_CHECKING:
    from train.runs.run import Run

WRONG, LEAST, MOST, NAMED = "wrong", "least confident", "most confident", "named"
MOST_IMAGES = 1000  # at seconds each and a thumbnail in the index


@dataclass(frozen=True)
class ChosenImage:
    """An image to explain.

    Attributes:
        path: its file.
        group: why it was chosen: one of the four group names of this module.
        truth: 1 parasitized, 0 uninfected, as labelled; None when unknown.
        part: of the run, "train", "val" or "test"; None when it is none of its images.
        problem: set when it is already known that it cannot be read.
    """

    path: Path
    group: str
    truth: int | None = None
    part: str | None = None
    problem: BadImage | None = None


def named_images(names: Sequence[str], run: Run | None) -> tuple[list[ChosenImage], int]:
    """Images of files, folders and globs, and how many other files the folders held.

    An image's label is known when it is one of the run's, or when its folder says it (Parasitized, Uninfected ...).

    Raises:
        WrongUsage: there is no image, or there are too many.
    """
    if STDIN in names:
        raise WrongUsage("An explanation is a file beside its image; name files or folders, not standard input.")
    found = find_sources(names)
    if not found.sources:
        raise WrongUsage("There is no image to explain; name image files or folders that hold some.")
    if len(found.sources) > MOST_IMAGES:
        raise WrongUsage(
            f"There are {len(found.sources):,} images; up to {MOST_IMAGES:,} can be explained at a time, name fewer."
        )
    known: dict[Path, tuple[int, str]] = {}
    if run is not None:
        rows = zip(run.cells.paths, run.cells.labels, run.parts, strict=True)
        root = run.cells.root.resolve()
        known = {root / path: (int(label), str(part)) for path, label, part in rows}
    chosen = []
    for source in found.sources:
        path = Path(source.path)
        truth, part = known.get(path.absolute(), known.get(_resolved(path), (None, None)))
        if truth is None:
            said = statement(path.absolute().parent.name)
            truth = None if said is None else said.label
        chosen.append(ChosenImage(path, NAMED, truth, part, source.problem))
    return chosen, found.others


def choose_test_cells(run: Run, count: int) -> list[ChosenImage]:
    """A run's test cells that teach most: wrong, least confident and most confident ones, ``count`` of each.

    Confidence is the distance of the calibrated probability from one half. Wrong cells come with the surest mistakes
    first, half of each kind where there are enough; the least confident are those nearest to one half that are not
    shown yet; the most confident are right and, where there are enough, half parasitized, half uninfected.

    Raises:
        WrongUsage: the run has no test part, or no scores.
        BadData: its scores are damaged or lack test cells.
    """
    indices = run.indices("test")
    if not len(indices):
        raise WrongUsage(f"{run.path} has no test part to choose from; name images.")
    logits = _logits(run, indices)
    labels = run.cells.labels[indices]
    # The calibrated log-odds rank as the probability does, but do not saturate at 1.
    odds = logits / run.output.temperature + run.output.bias
    wrong = (calibrated(logits, run.output) >= 0.5) != (labels == 1)
    sure = np.argsort(-np.abs(odds), kind="stable")
    chosen: dict[int, str] = {}
    for i in _half_and_half(sure[wrong[sure]], labels, count):
        chosen[i] = WRONG
    doubtful = [int(i) for i in sure[::-1] if int(i) not in chosen][:count]
    chosen |= dict.fromkeys(doubtful, LEAST)
    right = np.array([i for i in sure if not wrong[i] and int(i) not in chosen], np.int64)
    for i in _half_and_half(right, labels, count):
        chosen[i] = MOST
    return [
        ChosenImage(run.cells.root / run.cells.paths[indices[i]], group, int(labels[i]), "test")
        for i, group in chosen.items()
    ]


def _half_and_half(ranked: np.ndarray, labels: np.ndarray, count: int) -> list[int]:
    """The first ``count`` of a ranking, half of each label where there are enough, in the order of the ranking."""
    by_label = [[int(i) for i in ranked if labels[i] == label] for label in (1, 0)]
    first = max((count + 1) // 2, count - len(by_label[1]))
    kept = set(by_label[0][:first])
    kept |= set(by_label[1][: count - len(kept)])
    return [int(i) for i in ranked if int(i) in kept]


def _logits(run: Run, indices: np.ndarray) -> np.ndarray:
    from train.evaluate.measure import read_scores

    path = run.path / "scores.csv"
    try:
        scores = read_scores(path)
        logits = np.array([scores[run.cells.paths[i]] for i in indices], np.float64)
    except FileNotFoundError as error:
        raise WrongUsage(f"{run.path} has no scores.csv to choose by; finish the training, or name images.") from error
    except KeyError as error:
        raise BadData(f"{path} has no score for {error}; evaluate the run again, or name images.") from error
    except (OSError, ValueError, TypeError) as error:
        raise BadData(f"The scores in {path} are damaged ({error}); train again, or name images.") from error
    if not np.isfinite(logits).all():
        raise BadData(f"The scores in {path} are damaged (some are no finite numbers); train again, or name images.")
    return logits


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        return path
