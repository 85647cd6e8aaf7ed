"""What a training starts from: a freshly built network, and the images it learns from and is stopped by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.core.card import InputContract

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Untrained:
    """A freshly built network, and what training must know of it.

    Attributes:
        model: see :class:`train.architectures.Architecture`; normalised float32 [b, h, w, 3] to the logit [b, 1].
        contract: how pixels become its input.
        pretrained: whether the backbone carries learned weights: then it is frozen first, its BatchNorm always.
    """

    model: keras.Model
    contract: InputContract
    pretrained: bool


@dataclass(frozen=True)
class TrainingSet:
    """Images with targets, of which some are used.

    Attributes:
        pixels: uint8 [n, h, w, 3] RGB.
        targets: float32 [n] in 0..1.
        rows: int [k], the images used.
    """

    pixels: np.ndarray
    targets: np.ndarray
    rows: np.ndarray

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [b, h, w, 3] and float32 [b, 1] of positions in the pixel array."""
        order = np.argsort(rows)
        images = np.asarray(self.pixels[rows[order]])
        return images, self.targets[rows[order], None].astype(np.float32)
