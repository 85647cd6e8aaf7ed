"""Bias correction: undo the mean shift that rounding the weights gives each channel (Nagel et al. 2019, section 4.2).

Rounded weights move the mean of a channel's output, and the shifts of sixty layers add up to a shift of the logit.
Adding the difference of the means to the bias repairs it: exactly where no activation function is fused into the
operator, nearly where one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convert.graph_edit import pack, unpack
from convert.probe import Probe
from edge_runtime.console import progress
from edge_runtime.tflite_schema import Graph, Operator, read_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WITH_BIAS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_IMAGES = 64


def corrected(quantised: bytes, reference: bytes, real: NDArray[np.float32]) -> bytes:
    """Repair the biases of an int8 model, from input to output, each with those before it already repaired.

    Args:
        quantised: model of int8 activations whose input is int8 or float32; tensors named as in ``reference``.
        reference: the float model.
        real: float32 [n, H, W, 3] representative images; at most 64 of them are used, evenly spread.

    Returns:
        the model with other biases; what cannot be paired with the float model stays as it is.
    """
    images = real[np.unique(np.linspace(0, len(real) - 1, min(_IMAGES, len(real))).astype(int))]
    graph, original = read_graph(quantised), read_graph(reference)
    pairs = _pairs(graph, original)
    wanted = _means(reference, [twin.outputs[0] for _, twin in pairs], list(images))
    model = unpack(quantised)
    tensor = graph.tensors[graph.inputs[0]]
    tensors: list[NDArray[Any]] = list(images)
    if tensor.dtype == "int8":
        tensors = [_quantised(image, tensor.scales[0], tensor.zero_points[0]) for image in images]
    with progress(list(enumerate(pairs)), "Correcting biases", len(pairs)) as steps:
        for i, (operator, _) in steps:
            output = graph.tensors[operator.outputs[0]]
            found = _means(quantised, [operator.outputs[0]], tensors)[0]
            shift = wanted[i] - (found - output.zero_points[0]) * output.scales[0]
            _add_to_bias(model, operator, shift)
            quantised = pack(model)
    return quantised


def _pairs(graph: Graph, original: Graph) -> list[tuple[Operator, Operator]]:
    """Operators with a bias, each with its float twin, whose output has the same name."""
    twins = {original.tensors[operator.outputs[0]].name: operator for operator in original.operators}
    return [
        (operator, twins[graph.tensors[operator.outputs[0]].name])
        for operator in graph.operators
        if operator.name in _WITH_BIAS
        and len(operator.inputs) == 3
        and graph.tensors[operator.outputs[0]].dtype == "int8"
        and graph.tensors[operator.outputs[0]].name in twins
        and graph.tensors[operator.inputs[2]].dtype == "int32"
    ]


def _means(flatbuffer: bytes, numbers: list[int], images: list[NDArray[Any]]) -> list[NDArray[np.float64]]:
    probe = Probe(flatbuffer)
    sums = [np.float64(0)] * len(numbers)
    for image in images:
        probe.run(image[np.newaxis])
        for i, number in enumerate(numbers):
            values = probe.tensor(number)
            sums[i] = sums[i] + values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
    return [np.asarray(total) / len(images) for total in sums]


def _quantised(image: NDArray[np.float32], scale: float, zero_point: int) -> NDArray[np.int8]:
    return np.clip(np.round(image / scale) + zero_point, -128, 127).astype(np.int8)


def _add_to_bias(model: Any, operator: Operator, shift: NDArray[np.float64]) -> None:
    tensors = model.subgraphs[0].tensors
    bias = tensors[operator.inputs[2]]
    buffer = model.buffers[bias.buffer]
    values = np.frombuffer(bytes(buffer.data), "<i4").astype(np.int64)
    scales = np.asarray(bias.quantization.scale, np.float64)
    limits = np.iinfo(np.int32)
    moved = np.clip(values + np.round(shift / scales).astype(np.int64), limits.min, limits.max)
    buffer.data = np.frombuffer(moved.astype("<i4").tobytes(), np.uint8)
