"""What a converted model is measured on: cells of validation and test patients, and the float model's answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.gate.drift import Answers
from convert.quantise.trained_model import TrainedModel
from edge_runtime.core.card import LABELS, Card
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import ModelFile
from train.data.dataset import Cells
from train.evaluate.device_logits import device_logits
from train.runs.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = ("val", "test")


@dataclass(frozen=True)
class HeldOut:
    """Cells of a run that its training did not learn from; nothing here changes.

    Attributes:
        run: the run.
        cells: the held-out images, m of them.
        rows: int [m], their places in the run.
        pixels: uint8 [n, H, W, 3] of all images of the run, which may lie on disk.
        reference: the float model's answers on the held-out cells.
    """

    run: Run
    cells: Cells
    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    reference: Answers

    def logits(self, model: ModelFile) -> NDArray[np.float64]:
        """What a model file with a card says to the held-out cells, through the device's classifier: float64 [m]."""
        classifiers = [Classifier(model) for _ in range(os.cpu_count() or 1)]
        return device_logits(classifiers, self.pixels[self.rows])

    def answers(self, flatbuffer: bytes) -> tuple[Answers, Mapping[str, Any]]:
        """What a model made of this run says, calibrated on its own logits; and how calibration and points were found.

        Args:
            flatbuffer: of any recipe; it takes what the run's contract makes of pixels.
        """
        digest = hashlib.sha256(flatbuffer).hexdigest()
        # the path only names the model where the runtime refuses it
        model = ModelFile(self.run.path, flatbuffer, Card(input=self.run.contract), LABELS, digest)
        return _calibrated(self.run, self.rows, self.logits(model))


def hold_out(trained: TrainedModel) -> HeldOut:
    """Score a run's held-out cells by its float model, anew in float32 and calibrated as a file's answers are.

    Raises:
        BadData: the run's images are not those it was trained on.
    """
    from train.network.keras_logits import keras_logits

    run = trained.run
    rows = run.indices(*PARTS)
    logits = keras_logits(trained.network, run.contract, trained.pixels[rows], label="Scoring the float model")
    reference, _ = _calibrated(run, rows, logits)
    return HeldOut(run, run.cells.subset(rows), rows, trained.pixels, reference)


def _calibrated(run: Run, rows: NDArray[np.int64], logits: NDArray[np.float64]) -> tuple[Answers, Mapping[str, Any]]:
    """Logits [m] of the cells at ``rows``, with the calibration and the points of the validation cells among them."""
    from train.evaluate.measure import calibrate

    everywhere = np.full(len(run.cells), np.nan)
    everywhere[rows] = logits
    output, points, details = calibrate(run, everywhere)
    return Answers(logits, output, points), details
