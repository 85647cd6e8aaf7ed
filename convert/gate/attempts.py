"""Attempts at converting one trained model, each measured by the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from convert.gate.drift import Answers, Drift
from convert.gate.gate import Gate
from convert.gate.limits import FAILED
from convert.quantise.quantizer import Quantizer
from convert.quantise.recipes import QuantisationRecipe
from convert.quantise.representative import DEFAULT_SIZE, Representative, draw_representative
from convert.quantise.trained_model import TrainedModel
from edge_runtime.core.preprocess import normalise


@dataclass(frozen=True)
class ConversionSettings:
    """How one attempt converts.

    Attributes:
        recipe: what to make.
        method: how ranges are taken, see :data:`convert.quantise.activation_ranges.METHODS`.
        size: calibration images.
        correct_bias: see :mod:`convert.quantise.bias_correction`.
        keep_float: output tensors of operators left in float.
    """

    recipe: QuantisationRecipe
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
class Attempt:
    """A converted model and how it did.

    Attributes:
        settings: how it was made.
        flatbuffer: the model.
        representative: the calibration images, None for recipes without.
        answers: to the held-out cells, with the calibration and the operating points found on its own logits.
        details: how calibration and points were found.
        drift: the gate's measurement.
    """

    settings: ConversionSettings
    flatbuffer: bytes
    representative: Representative | None
    answers: Answers
    details: Mapping[str, Any]
    drift: Drift

    @property
    def failed(self) -> bool:
        """Whether the gate refuses it."""
        return self.drift.decision.name == FAILED


class Attempts:
    """Converts one trained model by any settings; what attempts share (float graph, calibration runs) is made once.

    Attributes:
        trained: the model.
        gate: measures every attempt; its seed also chooses the calibration images.
    """

    def __init__(self, trained: TrainedModel, gate: Gate) -> None:
        """Take a model and the gate that holds cells of the same run."""
        self.trained = trained
        self.gate = gate
        self._quantizers: dict[int, tuple[Quantizer, Representative | None]] = {}

    def quantizer(self, size: int | None) -> tuple[Quantizer, Representative | None]:
        """The quantizer with so many calibration images, None for none; made once for each size."""
        if (size or 0) not in self._quantizers:
            made = self._make_quantizer(size)
            for other, _ in self._quantizers.values():
                made[0].share(other)
            self._quantizers[size or 0] = made
        return self._quantizers[size or 0]

    def convert(self, settings: ConversionSettings) -> Attempt:
        """Convert, score the held-out cells as a device would, calibrate on validation patients, and compare."""
        quantizer, representative = self.quantizer(settings.size if settings.recipe.calibrated else None)
        if representative is not None:
            settings = replace(settings, size=len(representative.indices))
        flatbuffer = quantizer.convert(settings.recipe, settings.method, settings.correct_bias, settings.keep_float)
        return self.judge(settings, flatbuffer, representative)

    def judge(self, settings: ConversionSettings, flatbuffer: bytes, representative: Representative | None) -> Attempt:
        """Score, calibrate and compare a flatbuffer that was made of this model."""
        answers, details = self.gate.held_out.answers(flatbuffer)
        return Attempt(settings, flatbuffer, representative, answers, details, self.gate.compare(answers))

    def _make_quantizer(self, size: int | None) -> tuple[Quantizer, Representative | None]:
        trained, contract = self.trained, self.trained.run.contract
        if size is None:
            return Quantizer(trained.network, contract), None
        chosen = draw_representative(trained.run.cells, trained.run.parts, size, self.gate.seed)
        real = normalise(trained.pixels[chosen.indices], contract)
        return Quantizer(trained.network, contract, real), chosen
