"""The fields of one smear against each other: focus beside the best one's, and whether a field was seen before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv
from edge_runtime.fields.quality import FOCUS_SHARE, Quality, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPEAT_SHARE = 0.12  # of the hash's bits in which a repeat may differ
_HASH = 16  # rows and columns of the perceptual hash


class Smear:
    """Judges the fields of one smear against each other: best focus so far, and fields seen before.

    Args:
        remembered: fields back that a repeat is looked for.
    """

    def __init__(self, remembered: int = 50) -> None:
        self._best = 0.0
        self._hashes: list[NDArray[np.bool_]] = []
        self._remembered = remembered

    def judge(self, image: NDArray[np.uint8], quality: Quality) -> Quality:
        """The quality with the session's view added; an accepted field is remembered.

        Args:
            image: uint8 [h, w, 3], RGB.
            quality: of :func:`measure_quality`.
        """
        refusals = list(quality.refusals)
        self._best = max(self._best, quality.focus)
        relative = quality.focus / self._best if self._best else 0.0
        if not refusals and relative < FOCUS_SHARE:
            refusals.append(
                Refusal(
                    "focus",
                    f"The field is at {relative:.0%} of the session's best focus (at least {FOCUS_SHARE:.0%} is "
                    "needed); turn the fine focus.",
                )
            )
        own = perceptual_hash(image)
        distance = min((hash_distance(own, other) for other in self._hashes), default=1.0)
        if distance <= REPEAT_SHARE:
            refusals.append(
                Refusal(
                    "repeat",
                    f"The field looks like an earlier one ({1 - distance:.0%} of its hash agree); move the stage by a "
                    "full field.",
                )
            )
        judged = replace(quality, relative_focus=relative, refusals=tuple(refusals))
        if judged.accepted:
            self._hashes = [*self._hashes, own][-self._remembered :]
        return judged


def perceptual_hash(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Difference hash of a field: whether each of 16 x 16 patches is brighter than its right neighbour, bool [256].

    It survives noise, compression and a change of exposure, not a move of the stage (difference hash: N. Krawetz
    2013).
    """
    cv2 = opencv()
    grey = cv2.extractChannel(np.ascontiguousarray(image), 1)
    small = cv2.resize(grey, (_HASH + 1, _HASH), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.asarray((small[:, :-1] > small[:, 1:]).ravel())


def hash_distance(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Part of the bits in which two hashes differ, 0..1; unrelated fields are near 0.5."""
    return float((first != second).mean())
