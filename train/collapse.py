"""Notice when a model answers the same for every cell, and say so in words with the likely causes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.metrics import auc

HISTOGRAM_BINS = 20
# A set of cells with this share of both classes cannot rightly get (nearly) one answer.
_MIXED = 0.05
_ONE_ANSWER = 0.99
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
