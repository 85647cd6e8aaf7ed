"""Notice when a model answers the same for every cell, by chance, or the wrong way round, and say so in words."""

from __future__ import annotations

import math
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
# Below one half by this much, and by twice what chance moves it, the AUC is that of exchanged classes.
_FAR_BELOW = 0.1
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
        exchanged: True when it tells the classes apart the wrong way round.
        message: what was found, in words; None when nothing is wrong.
    """

    parasitized: tuple[int, ...]
    uninfected: tuple[int, ...]
    called: float
    collapsed: bool
    message: str | None
    exchanged: bool = False


def inspect_predictions(labels: np.ndarray, probabilities: np.ndarray, remedy: str | None = None) -> Predictions:
    """Histogram the answers and look for a collapse to one class.

    Args:
        labels: int [n], n at least 1, 1 parasitized.
        probabilities: P(parasitized) [n].
        remedy: what to do about exchanged classes, the end of a sentence.
    """
    truth, p = np.asarray(labels) == 1, np.asarray(probabilities, dtype=float)
    called, share = float(np.mean(p >= 0.5)), float(np.mean(truth))
    message = None
    mixed = _MIXED <= share <= 1 - _MIXED
    area = auc(truth, p) if mixed else math.nan
    exchanged = mixed and _is_exchanged(area, int(truth.sum()), int((~truth).sum()))
    if exchanged:
        message = (
            f"The labels look the wrong way round: the model ranks the cells well, but the other way (AUC {area:.3f}; "
            f"with the classes exchanged {1 - area:.3f}). Either the model's output speaks for the other class, or the "
            f"data's labels are exchanged{'' if remedy is None else f': {remedy}'}."
        )
    elif mixed:
        if max(called, 1 - called) >= _ONE_ANSWER:
            answer = "parasitized" if called >= 0.5 else "uninfected"
            message = (
                f"The model calls {max(called, 1 - called):.1%} of the cells {answer}, although {share:.0%} are "
                f"labelled parasitized (P from {p.min():.3g} to {p.max():.3g}): it has collapsed to one class."
            )
        elif area < 0.6:
            message = f"The model ranks cells hardly better than chance (AUC {area:.3f}): it has learnt nothing yet."
    if message is not None and not exchanged:
        message += f" Likely causes: {'; '.join(_CAUSES)}."
    return Predictions(
        parasitized=_histogram(p[truth]),
        uninfected=_histogram(p[~truth]),
        called=called,
        collapsed=message is not None and not exchanged,
        message=message,
        exchanged=exchanged,
    )


def _is_exchanged(area: float, parasitized: int, uninfected: int) -> bool:
    """Whether an AUC is so far below one half that chance does not explain it.

    By chance the AUC of n1 and n0 cells has the standard deviation sqrt((n1 + n0 + 1) / (12 n1 n0)) (Mann and Whitney
    1947); of very few cells only a (nearly) perfect order the other way round tells anything.
    """
    if min(parasitized, uninfected) < 2:
        return False
    chance = math.sqrt((parasitized + uninfected + 1) / (12 * parasitized * uninfected))
    return area <= max(0.5 - max(_FAR_BELOW, 2 * chance), 0.05)


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
