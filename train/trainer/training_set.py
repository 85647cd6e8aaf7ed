"""The images a training step draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingSet:
    """Images with targets: pixels uint8 [n, h, w, 3]; targets float32 [n] in 0..1; rows int [k] are the ones used."""

    pixels: np.ndarray
    targets: np.ndarray
    rows: np.ndarray

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [b, h, w, 3] and float32 [b, 1] of positions in the pixel array."""
        order = np.argsort(rows)
        images = np.asarray(self.pixels[rows[order]])
        return images, self.targets[rows[order], None].astype(np.float32)
