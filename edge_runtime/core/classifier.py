"""Cell images to logits and decisions: the one path that the device, the host's gate and the benchmarks share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR
from edge_runtime.core.card import CLASS, LABELS, Card, InputContract
from edge_runtime.core.decision import decide, logit_of, probability
from edge_runtime.core.layout import Layout, as_laid_out, layout_of
from edge_runtime.core.model_file import ModelFile, open_model
from edge_runtime.core.preprocess import lookup_table, resize, tensor_map
from edge_runtime.errors import BadModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BEYOND = 0.02  # of 0..1, that rounding and quantisation explain
_MOST_DECIDED = 1024  # decisions kept; a float model gives ever new values


@dataclass(frozen=True)
class CellResult:
    """The verdict on one cell.

    Attributes:
        label: "Parasitized" from probability 0.5 up, else "Uninfected" (or the labels of a model of another maker).
        probability: calibrated P(parasitized), 0..1, whatever the label; assumes the training cells' half-and-half mix.
        review: at or above the sensitive operating point.
        count: at or above the strict operating point.
        logit: the model's own output, before calibration.
    """

    label: str
    probability: float
    review: bool
    count: bool
    logit: float


class Classifier:
    """A model, ready to classify. One instance serves one thread at a time.

    Attributes:
        model: the file behind it.
        card: the card in force.
        contract: the card's input contract.
        labels: (negative, positive).
        interpreter: the loaded model.
        on_edgetpu: whether an Edge TPU runs it, or a part of it.
    """

    def __init__(
        self,
        model: ModelFile,
        threads: int = 1,
        card: Card | None = None,
        labels: tuple[str, str] | None = None,
        accelerator: str = "auto",
    ) -> None:
        """Load the model.

        Args:
            threads: threads of the runtime's kernels.
            card: used instead of the file's own; needed for files without one, which nobody has vouched for:
                :func:`edge_runtime.inspection.opening.open_classifier` checks them before they are loaded here.
            labels: (negative, positive) instead of the file's own.
            accelerator: "auto", "cpu" or "edgetpu"; see :func:`edge_runtime.core.backends.uses_edgetpu`.

        Raises:
            BadModel: no card, the tensors contradict it, or the runtime refuses the model.
            EnvironmentLacks: no runtime is installed, or the Edge TPU cannot be used.
            WrongUsage: the model cannot run on the accelerator that is asked for.
        """
        chosen = card or model.card
        if chosen is None:
            raise BadModel(
                f"{model.path.name} has no card; say what it is with --labels (in output order) and --input-range."
            )
        self.model = model
        self.card = chosen
        self.contract: InputContract = chosen.input
        own = (model.labels[0], model.labels[1]) if model.card is not None else LABELS
        self.labels: tuple[str, str] = labels or own
        self.interpreter = open_interpreter(model.flatbuffer, threads, accelerator=accelerator)
        tensor, output = self.interpreter.input, self.interpreter.output
        layout = layout_of(tensor.signature or tensor.shape) or Layout(1, 0, 0, 3)
        wanted = layout.shape(self.contract)
        if tensor.shape != wanted and -1 in (layout.height, layout.width):
            self.interpreter.reshape(wanted)
            tensor, output = self.interpreter.input, self.interpreter.output
        if tensor.shape != wanted:
            raise BadModel(f"The model takes {list(tensor.shape)}, its card says {list(wanted)}; convert it again.")
        self._batch = layout.batch
        values = math.prod(output.shape) // layout.batch
        if chosen.output.index >= values and chosen.output.kind != CLASS:
            raise BadModel(f"The card reads output {chosen.output.index}, but the model has {values}; convert again.")
        try:
            table = lookup_table(self.contract, tensor.dtype, tensor.scale, tensor.zero_point)
        except ValueError as error:
            raise BadModel(f"The model's input cannot be fed: {error}") from error
        self._to_tensor = as_laid_out(layout, tensor_map(table, self.contract))
        self._how = (threads, card, labels, accelerator)
        self._decided: dict[float, CellResult] = {}

    @property
    def on_edgetpu(self) -> bool:
        """Whether an Edge TPU runs it, or a part of it."""
        return CUSTOM_OPERATOR in self.model.flatbuffer

    def twin(self) -> Classifier:
        """The same model once more, for another thread."""
        threads, card, labels, accelerator = self._how
        return Classifier(self.model, threads, card, labels, accelerator)

    def side_by_side(self, count: int) -> list[Classifier]:
        """This one and its twins, ``count`` in all, for as many threads."""
        return [self, *(self.twin() for _ in range(count - 1))]

    @classmethod
    def open(cls, path: Path | str | None = None, threads: int = 1, accelerator: str = "auto") -> Classifier:
        """A classifier from a model file, a shipped model's name, or (None) the default model; errors as above."""
        return cls(open_model(path), threads, accelerator=accelerator)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Raw logits of images of the model's size.

        Args:
            pixels: uint8 [n, H, W, 3], RGB, resized by :func:`edge_runtime.core.preprocess.resize`.

        Returns:
            float64 [n], before temperature and bias.
        """
        result = np.empty(len(pixels))
        for i in range(len(pixels)):
            result[i] = self._logit(self.interpreter.run(self._to_tensor(pixels[i : i + 1])))
        return result

    def decide(self, logit: float) -> CellResult:
        """Calibrate one raw logit and apply the card's operating points."""
        known = self._decided.get(logit)  # a quantised output knows 256 values
        if known is not None:
            return known
        value = probability(float(logit), self.card.output.temperature, self.card.output.bias)
        decision = decide(value, self.card.points, self.labels)
        result = CellResult(decision.label, value, decision.review, decision.count, float(logit))
        if len(self._decided) < _MOST_DECIDED:
            self._decided[result.logit] = result
        return result

    def classify(self, image: NDArray[np.uint8]) -> CellResult:
        """Classify one image, uint8 [h, w, 3], RGB, of any size."""
        pixels = resize(image, self.contract)[np.newaxis]
        return self.decide(self._logit(self.interpreter.run(self._to_tensor(pixels))))

    def _logit(self, raw: NDArray[Any]) -> float:
        contract, tensor = self.card.output, self.interpreter.output
        values = raw.reshape(self._batch, -1)[0]
        if contract.kind == CLASS:
            logit = logit_of(float(round(_real(values[0], tensor.scale, tensor.zero_point)) == contract.index))
        elif len(values) == 1:
            own = _real(values[0], tensor.scale, tensor.zero_point)
            logit = own if contract.kind == "logit" else _logit_of(own)
        else:
            real = [_real(value, tensor.scale, tensor.zero_point) for value in values]
            own = real.pop(contract.index)
            if contract.kind == "logit":  # the log-odds of a softmax: own logit against all others together
                largest = max(real)
                logit = own - largest - math.log(math.fsum(math.exp(other - largest) for other in real))
            else:
                logit = _logit_of(own)
        return -logit if contract.complement else logit


def _logit_of(value: float) -> float:
    if not -_BEYOND <= value <= 1 + _BEYOND:
        raise BadModel(
            f"The model answers {value:.6g}, which is no probability; say --output logit if it gives log-odds."
        )
    return logit_of(value)


def _real(value: Any, scale: float, zero_point: int) -> float:
    real = (int(value) - zero_point) * scale if scale else float(value)
    if not math.isfinite(real):
        raise BadModel(f"The model answers {real}, which is no number to decide by; convert or copy it again.")
    return real
