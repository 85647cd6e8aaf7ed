"""One run on the bench: its held-out cells and float answers, made once, and every attempt at converting it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.gate.drift import Answers, Drift, compare
from convert.gate.limits import Limits
from convert.quantise.quantizer import Quantizer
from convert.quantise.recipes import Recipe
from convert.quantise.representative import DEFAULT_SIZE, Representative, choose, describe
from edge_runtime.core.card import LABELS, Card, OperatingPoints, OutputContract
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import ModelFile
from edge_runtime.core.preprocess import normalise
from edge_runtime.errors import BadData
from train.data.cache import default_cache, load_pixels
from train.data.dataset import Cells
from train.evaluate.device_scores import device_logits
from train.runs.run import Run

if TYPE_CHECKING:
    import keras

HELD_OUT = ("val", "test")


@dataclass(frozen=True)
class Step:
    """How one attempt converts.

    Attributes:
        recipe: what to make.
        method: how ranges are taken, see :data:`convert.quantise.activation_ranges.METHODS`.
        size: calibration images.
        correct_bias: see :mod:`convert.quantise.bias_correction`.
        keep_float: output tensors of operators left in float.
    """

    recipe: Recipe
    method: str = "minmax"
    size: int = DEFAULT_SIZE
    correct_bias: bool = True
    keep_float: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for the card; what does not apply to the recipe is left out."""
        document: dict[str, Any] = {"recipe": self.recipe.name}
        if self.recipe.calibrated:
            document |= {"calibration_size": self.size, "bias_correction": self.correct_bias}
        if self.recipe.activations == "int8":
            document["calibration_method"] = self.method
        if self.recipe.mixed:
            document["kept_in_float"] = list(self.keep_float)
        return document


@dataclass(frozen=True)
class Candidate:
    """A converted model and how it did.

    Attributes:
        step: how it was made.
        flatbuffer: the model.
        representative: the calibration images, None for recipes without.
        logits: float64 [m], of the held-out cells.
        output: calibration fitted on its own validation logits.
        points: operating points chosen on them.
        details: how calibration and points were found.
        drift: the gate's measurement.
    """

    step: Step
    flatbuffer: bytes
    representative: Representative | None
    logits: np.ndarray
    output: OutputContract
    points: OperatingPoints
    details: Mapping[str, Any]
    drift: Drift


class Workbench:
    """A run, ready for attempts.

    Attributes:
        run: the run.
        seed: chooses the calibration images and seeds the bootstrap.
        limits: of the gate.
        rows: int [m], places of the validation and test images in the run.
        held_out: those images.
    """

    def __init__(self, run: Run, limits: Limits | None = None, seed: int = 0) -> None:
        """Take a run; BadData when its images are not those it was trained on."""
        self.run = run
        self.limits = limits or Limits()
        self.seed = seed
        self.rows = run.indices(*HELD_OUT)
        self.held_out: Cells = run.cells.subset(self.rows)
        self._quantizers: dict[int, tuple[Quantizer, Representative | None]] = {}

    @cached_property
    def model(self) -> keras.Model:
        """The run's network in float32, also when it was trained in half precision."""
        return _in_float32(self.run.model())

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint8 [n, H, W, 3] of all images of the run.

        Raises:
            BadData: the images are not those the run was trained on.
        """
        try:
            changed = self.run.cells.fingerprint != self.run.config["data"]["fingerprint"]
        except BadData as error:
            raise BadData(f"{error} If the run's images have moved, say where they are with --data.") from error
        if changed:
            raise BadData(
                f"The images under {self.run.cells.root} are not those {self.run.path} was trained on (their "
                "fingerprint differs); give the original folder with --data."
            )
        cache = self.run.config.get("cache")
        folder = Path(cache) if cache is not None and os.access(cache, os.W_OK) else default_cache()
        return load_pixels(self.run.cells, self.run.contract, folder)

    @cached_property
    def reference(self) -> Answers:
        """The float model's answers on the held-out cells, computed anew in float32 and calibrated as a file's are."""
        from train.network.scoring import keras_logits

        logits = keras_logits(self.model, self.run.contract, self.pixels[self.rows], label="Scoring the float model")
        output, points, _ = self._calibrate(logits)
        return Answers(logits, output, points)

    def quantizer(self, size: int | None) -> tuple[Quantizer, Representative | None]:
        """The run's quantizer with so many calibration images, None for none; made once for each size."""
        if (size or 0) not in self._quantizers:
            made: tuple[Quantizer, Representative | None]
            if size is None:
                made = Quantizer(self.model, self.run.contract), None
            else:
                cells = self.run.cells
                chosen = choose(cells.labels, cells.patients, self.run.parts, size, self.seed)
                real = normalise(self.pixels[chosen], self.run.contract)
                made = Quantizer(self.model, self.run.contract, real), describe(cells, chosen, self.seed)
            for other, _ in self._quantizers.values():
                made[0].share(other)
            self._quantizers[size or 0] = made
        return self._quantizers[size or 0]

    def attempt(self, step: Step) -> Candidate:
        """Convert, score the held-out cells as a device would, calibrate on validation patients, and compare."""
        quantizer, representative = self.quantizer(step.size if step.recipe.calibrated else None)
        if representative is not None:
            step = replace(step, size=len(representative.indices))
        flatbuffer = quantizer.convert(step.recipe, step.method, step.correct_bias, step.keep_float)
        return self.judge(step, flatbuffer, representative)

    def judge(self, step: Step, flatbuffer: bytes, representative: Representative | None) -> Candidate:
        """Score, calibrate and compare a flatbuffer that was made of this run."""
        logits = self.scores(flatbuffer, Card(input=self.run.contract))
        output, points, details = self._calibrate(logits)
        drift = self.compare(Answers(logits, output, points))
        return Candidate(step, flatbuffer, representative, logits, output, points, details, drift)

    def _calibrate(self, logits: np.ndarray) -> tuple[OutputContract, OperatingPoints, dict[str, Any]]:
        from train.training import calibrate

        everywhere = np.full(len(self.run.cells), np.nan)
        everywhere[self.rows] = logits
        return calibrate(self.run, everywhere)

    def scores(self, flatbuffer: bytes, card: Card) -> np.ndarray:
        """Logits of the held-out cells, float64 [m], through the device's classifier."""
        file = ModelFile(self.run.path, flatbuffer, card, LABELS, hashlib.sha256(flatbuffer).hexdigest())
        classifiers = [Classifier(file) for _ in range(os.cpu_count() or 1)]
        return device_logits(classifiers, self.pixels[self.rows])

    def compare(self, answers: Answers) -> Drift:
        """The drift gate on the held-out cells."""
        patients: Sequence[str] | None = self.held_out.patients
        return compare(self.held_out.labels, patients, self.reference, answers, self.limits, self.seed)


def _in_float32(model: keras.Model) -> keras.Model:
    """The same network with every layer computing in float32."""
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    import keras

    copy = keras.Model.from_config(_without_half(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _without_half(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return {**value, "config": {**value["config"], "name": "float32"}}
        return {key: _without_half(item) for key, item in value.items()}
    return [_without_half(item) for item in value] if isinstance(value, (list, tuple)) else value
