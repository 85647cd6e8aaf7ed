"""Notice when a model answers the same for every cell, and say so in words with the likely causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.metrics.metrics import auc

HISTOGRAM_BINS = 20
# A set of cells with this share of both classes cannot rightly get (nearly) one answer.
_MIXED = 0.05
_ONE_ANSWER = 0.99
# Above this AUC the network tells the classes apart, and one answer for all is a matter of offset or scale.
_RANKS_WELL = 0.8
_CAUSES = (
    "a learning rate too high for the layers that were trained",
    "pixels normalised otherwise than the network expects",
    "batch normalisation left in training mode or with moving averages of another data set",
    "labels shuffled against the images, or one class missing from training",
)


@dataclass(frozen=True)
class Predictions:
    """How a model's answers are spread.

    Attributes:
        parasitized: int [20], cells labelled parasitized in 20 equal bins of P.
        uninfected: int [20], the same for cells labelled uninfected.
        called: share of all cells with P >= 0.5.
        collapsed: True when the model gives one answer to a mixed set, or answers by chance.
        message: what was found, in words; None when nothing is wrong.
    """

    parasitized: tuple[int, ...]
    uninfected: tuple[int, ...]
    called: float
    collapsed: bool
    message: str | None


def inspect_predictions(labels: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Histogram the answers and look for a collapse to one class.

    Args:
        labels: int [n], n at least 1, 1 parasitized.
        probabilities: P(parasitized) [n].
    """
    truth, p = np.asarray(labels) == 1, np.asarray(probabilities, dtype=float)
    called, share = float(np.mean(p >= 0.5)), float(np.mean(truth))
    message = None
    if _MIXED <= share <= 1 - _MIXED:
        if max(called, 1 - called) >= _ONE_ANSWER:
            answer = "parasitized" if called >= 0.5 else "uninfected"
            message = (
                f"The model calls {max(called, 1 - called):.1%} of the cells {answer}, although {share:.0%} are "
                f"labelled parasitized (P from {p.min():.3g} to {p.max():.3g}): it has collapsed to one class."
            )
        elif (area := auc(truth, p)) < 0.6:
            message = f"The model ranks cells hardly better than chance (AUC {area:.3f}): it has learnt nothing yet."
    if message is not None:
        message += f" Likely causes: {'; '.join(_CAUSES)}."
    return Predictions(
        parasitized=_histogram(p[truth]),
        uninfected=_histogram(p[~truth]),
        called=called,
        collapsed=message is not None,
        message=message,
    )


def training_warning(found: Predictions, area: float, epoch: int, epochs: int) -> str | None:
    """What to say after an epoch's validation, with the histogram; None while all is well or may yet become so.

    Args:
        found: of the validation cells.
        area: their AUC, NaN when undefined.
        epoch: how many are done, from 1.
        epochs: how many are planned.
    """
    ranks_well = area > _RANKS_WELL
    # The first of several epochs may still be finding its way. A network that ranks well gets half of them: moving
    # averages of few steps give it one answer for everything until they have settled.
    grace = epochs // 2 if ranks_well else 1
    if found.message is None or (epoch <= grace and epochs > 1):
        return None
    offset = (
        f" It ranks them well all the same (AUC {area:.3f}), so its answers are shifted or far too large: the rate, or "
        "moving averages that have seen too few steps."
        if ranks_well
        else ""
    )
    return f"{found.message}{offset} {histogram_text(found)}"


def collapses_of(history: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence on the epochs of a training after which a collapse was said, or nothing; rows as in history.csv."""
    epochs = [str(row["epoch"]) for row in history if str(row.get("collapsed")) == "1"]
    if not epochs:
        return ()
    return (
        f"While it was trained, the network gave the validation cells (nearly) one answer or answered by chance after "
        f"epoch {', '.join(epochs)}; see `called` in history.csv for the share it called parasitized.",
    )


def histogram_text(found: Predictions) -> str:
    """The answers in one line: cells in five equal bins of P, by label."""
    bins = [
        f"{low / 5:.1f}-{low / 5 + 0.2:.1f}: {sum(found.parasitized[low * 4 : low * 4 + 4])}/"
        f"{sum(found.uninfected[low * 4 : low * 4 + 4])}"
        for low in range(5)
    ]
    return f"Cells labelled parasitized/uninfected by P: {', '.join(bins)}."


def _histogram(probabilities: np.ndarray) -> tuple[int, ...]:
    counts = np.histogram(probabilities, bins=HISTOGRAM_BINS, range=(0, 1))[0]
    return tuple(int(count) for count in counts)
