"""Quantisation error operator by operator: where in the network does the converted model depart from the float one?

Two views. The operator's own error: the float operator on the very inputs the converted operator got, so that only
this operator's rounding shows. The error so far: the converted model's tensor against the float model's on the same
image, everything before included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.graph.operators import pair_operators, split_operators
from convert.graph.probe import Probe
from edge_runtime.common.console import progress
from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import lookup_table, normalise, to_tensor
from edge_runtime.inspection.graph import Graph, Operator, Tensor, read_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rounding to a step is uniform noise of step / sqrt(12); well above that, values were clipped or weights rounded badly.
HEALTHY = 1 / math.sqrt(12)
SUSPICIOUS = 0.7


@dataclass(frozen=True)
class OperatorError:
    """One operator of the converted model.

    Attributes:
        index: its place in the converted model.
        operator: "CONV_2D", ...
        name: of the layer, shortened from the output tensor's name.
        tensor: the output tensor's name in the float model.
        scale: step of the output tensor, None when it is not quantised.
        rmse: root mean square of the operator's own error, in real units.
        ratio: rmse / scale; near 0.289 healthy, above 0.7 suspicious; None without a scale.
        cosine: between converted and float output, own error only.
        snr: signal to noise of the operator's own error, dB; None when there is no error at all.
        snr_so_far: the same with everything before included.
    """

    index: int
    operator: str
    name: str
    tensor: str
    scale: float | None
    rmse: float
    ratio: float | None
    cosine: float
    snr: float | None
    snr_so_far: float | None

    @property
    def suspicious(self) -> bool:
        """Whether the own error is much larger than rounding to the output's step explains."""
        return self.ratio is not None and self.ratio > SUSPICIOUS


def operator_errors(
    converted: bytes, reference: bytes, contract: InputContract, pixels: NDArray[np.uint8]
) -> tuple[OperatorError, ...]:
    """Measure every operator on real images.

    Args:
        converted: the model to look into; any recipe.
        reference: the float model it was made from, fixed batch of 1.
        contract: how pixels become the input of both.
        pixels: uint8 [n, H, W, 3], n at least 1; 16 to 64 are enough.

    Raises:
        BadModel: the two models do not have the same operators in the same order.
    """
    graph, original = read_graph(converted), read_graph(reference)
    pairs = pair_operators(graph, original)
    alone = split_operators(reference, original)
    trials = {twin: (Probe(alone[twin][0]), alone[twin][1]) for _, twin in pairs}
    sums = [_Sums() for _ in pairs]
    sums_so_far = [_Sums() for _ in pairs]
    probe, float_probe = Probe(converted), Probe(reference)
    entry = graph.tensors[graph.inputs[0]]
    table = lookup_table(contract, entry.dtype, *_quantisation(entry))
    with progress(range(len(pixels)), "Measuring operators", len(pixels)) as images:
        for i in images:
            probe.run(to_tensor(pixels[i : i + 1], table, contract))
            float_probe.run(normalise(pixels[i : i + 1], contract))
            for j, (number, twin) in enumerate(pairs):
                operator, trial, fed = graph.operators[number], *trials[twin]
                trial.run(*(_real(probe, graph, operator.inputs[position]) for position in fed))
                got = _real(probe, graph, operator.outputs[0])
                sums[j].add(trial.tensor(trial.outputs[0]), got)
                sums_so_far[j].add(float_probe.tensor(original.operators[twin].outputs[0]), got)
    return tuple(
        _result(number, graph, original.operators[twin], original, sums[j], sums_so_far[j])
        for j, (number, twin) in enumerate(pairs)
    )


def layer_name(tensor: str) -> str:
    """The Keras layer in a tensor name such as "a/mobilenetv2/block_1_project_BN_1/batchnorm/sub1"."""
    pieces = tensor.split(";")[0].split("/")
    return pieces[2] if len(pieces) > 3 else pieces[-2] if len(pieces) == 3 else pieces[-1]


class _Sums:
    """Running sums of squares and products of a float and a converted tensor."""

    def __init__(self) -> None:
        self.noise = self.signal = self.power = self.product = 0.0
        self.values = 0

    def add(self, wanted: NDArray[Any], got: NDArray[Any]) -> None:
        x, y = wanted.ravel().astype(np.float64), got.ravel().astype(np.float64)
        self.noise += float(np.square(x - y).sum())
        self.signal += float(np.square(x).sum())
        self.power += float(np.square(y).sum())
        self.product += float(x @ y)
        self.values += x.size

    @property
    def snr(self) -> float | None:
        return 10 * math.log10(self.signal / self.noise) if self.noise > 0 and self.signal > 0 else None


def _real(probe: Probe, graph: Graph, number: int) -> NDArray[np.float32]:
    values, (scale, zero_point) = probe.tensor(number), _quantisation(graph.tensors[number])
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    return ((values.astype(np.float32) - zero_point) * np.float32(scale)).astype(np.float32)


def _quantisation(tensor: Tensor) -> tuple[float, int]:
    return (tensor.scales[0], tensor.zero_points[0]) if len(tensor.scales) == 1 else (0.0, 0)


def _result(number: int, graph: Graph, twin: Operator, original: Graph, own: _Sums, so_far: _Sums) -> OperatorError:
    operator = graph.operators[number]
    scale = _quantisation(graph.tensors[operator.outputs[0]])[0] or None
    rmse = math.sqrt(own.noise / max(1, own.values))
    lengths = math.sqrt(own.signal * own.power)
    tensor = original.tensors[twin.outputs[0]].name
    return OperatorError(
        index=number,
        operator=operator.name,
        name=layer_name(tensor),
        tensor=tensor,
        scale=scale,
        rmse=rmse,
        ratio=None if scale is None else rmse / scale,
        cosine=own.product / lengths if lengths else 1.0,
        snr=own.snr,
        snr_so_far=so_far.snr,
    )
