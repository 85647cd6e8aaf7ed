"""Scores of a model file on many cells, through the classifier that runs on the device."""

from __future__ import annotations

import numpy as np

from edge_runtime.common.console import progress
from edge_runtime.common.text import printable
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import ModelFile
from edge_runtime.core.pool import ordered_map
from edge_runtime.errors import WrongUsage

_BATCH = 64


def open_classifiers(
    model: ModelFile,
    count: int,
    labels: str | None = None,
    positive: str | None = None,
    input_range: str | None = None,
) -> list[Classifier]:
    """Several classifiers of one model, each for a thread of its own.

    Args:
        model: the file.
        count: how many.
        labels: for a file without a card: class names in the order of its outputs, separated by commas.
        positive: for a file without a card: the label that means parasitized.
        input_range: for a file without a card: a key of :data:`edge_runtime.inspection.cardless.INPUT_RANGES`.

    Raises:
        WrongUsage: the file has a card and is described all the same, or has none and is not.
    """
    if model.card is not None:
        if labels or positive or input_range:
            raise WrongUsage("The model has a card that says it all; leave --labels, --positive and --input-range out.")
        return [Classifier(model) for _ in range(count)]
    names = [label.strip() for label in labels.split(",")] if labels else list(model.labels)
    if not names or input_range is None:
        raise WrongUsage(
            f"{printable(model.path)} has no card; say what it is with --labels A,B (in the order of its outputs) "
            "and --input-range."
        )
    from edge_runtime.inspection.cardless import describe

    card, pair = describe(model.flatbuffer, names, input_range, positive)
    return [Classifier(model, card=card, labels=pair) for _ in range(count)]


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
