"""Scores of a model file on many cells, through the classifier that runs on the device."""

from __future__ import annotations

import numpy as np

from edge_runtime.common.console import progress
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.pool import ordered_map

_BATCH = 64


def device_logits(classifiers: list[Classifier], pixels: np.ndarray) -> np.ndarray:
    """Logits before calibration.

    Args:
        classifiers: one or more of the same model.
        pixels: uint8 [n, height, width, 3] RGB at the model's size.

    Returns:
        float64 [n].
    """
    batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]

    def score(classifier: Classifier, batch: np.ndarray) -> np.ndarray:
        return classifier.logits(np.ascontiguousarray(batch))

    with progress(ordered_map(score, classifiers, batches), "Classifying", len(batches)) as done:
        return np.concatenate([np.empty(0), *done])
