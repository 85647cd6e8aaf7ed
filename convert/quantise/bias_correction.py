"""Bias correction: undo the mean shift that rounding the weights gives each channel (Nagel et al. 2019, section 4.2).

Rounded weights move the mean of a channel's output, and the shifts of sixty layers add up to a shift of the logit.
Adding the difference of the means to the bias repairs it: exactly where no activation function is fused into the
operator, nearly where one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convert.graph.edit import pack, unpack
from convert.graph.operators import pair_operators
from convert.graph.probe import Probe
from edge_runtime.common.console import progress
from edge_runtime.inspection.graph import Graph, Operator, Tensor, read_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WITH_BIAS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_IMAGES = 64


def corrected(quantised: bytes, reference: bytes, real: NDArray[np.float32]) -> bytes:
    """Repair the biases of a model with rounded weights, from input to output, those before already repaired.

    Args:
        quantised: any model whose weights were quantised; its input is int8, int16 or float32.
        reference: the float model it was made from.
        real: float32 [n, H, W, 3] representative images; at most 64 of them are used, evenly spread.

    Returns:
        the model with other biases.

    Raises:
        BadModel: the two models do not have the same operators.
    """
    images = real[np.unique(np.linspace(0, len(real) - 1, min(_IMAGES, len(real))).astype(int))]
    graph, original = read_graph(quantised), read_graph(reference)
    pairs = [
        (graph.operators[ours], original.operators[theirs].outputs[0])
        for ours, theirs in pair_operators(graph, original)
        if graph.operators[ours].name in _WITH_BIAS and len(graph.operators[ours].inputs) == 3
    ]
    wanted = _means(reference, [twin for _, twin in pairs], list(images))
    model = unpack(quantised)
    fed = [_fed(image, graph.tensors[graph.inputs[0]]) for image in images]
    with progress(list(enumerate(pairs)), "Correcting biases", len(pairs)) as steps:
        for i, (operator, _) in steps:
            output = graph.tensors[operator.outputs[0]]
            found = _means(quantised, [operator.outputs[0]], fed)[0]
            if output.scales:
                found = (found - output.zero_points[0]) * output.scales[0]
            _add_to_bias(model, operator, graph, wanted[i] - found)
            quantised = pack(model)
    return quantised


def _means(flatbuffer: bytes, numbers: list[int], images: list[NDArray[Any]]) -> list[NDArray[np.float64]]:
    """Mean of each channel of the tensors ``numbers``, in the tensor's own units."""
    probe = Probe(flatbuffer)
    sums = [np.float64(0)] * len(numbers)
    for image in images:
        probe.run(image[np.newaxis])
        for i, number in enumerate(numbers):
            values = probe.tensor(number)
            sums[i] = sums[i] + values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
    return [np.asarray(total) / len(images) for total in sums]


def _fed(image: NDArray[np.float32], tensor: Tensor) -> NDArray[Any]:
    if not tensor.scales:
        return image
    limits = np.iinfo(tensor.dtype)
    steps = np.round(image / tensor.scales[0]) + tensor.zero_points[0]
    return np.clip(steps, limits.min, limits.max).astype(tensor.dtype)


def _add_to_bias(model: Any, operator: Operator, graph: Graph, shift: NDArray[np.float64]) -> None:
    number = operator.inputs[2]
    if not graph.tensors[number].constant_bytes:
        return  # kept in float, its bias comes out of a DEQUANTIZE; nothing was rounded
    tensor = graph.tensors[number]
    buffer = model.buffers[model.subgraphs[0].tensors[number].buffer]
    kind = np.dtype(tensor.dtype).newbyteorder("<")
    values = np.frombuffer(bytes(buffer.data), kind).astype(np.float64)
    moved = values + shift if kind.kind == "f" else np.round(values + shift / np.asarray(tensor.scales))
    if kind.kind == "i":
        limits = np.iinfo(kind)
        moved = np.clip(moved, limits.min, limits.max)
    buffer.data = np.frombuffer(moved.astype(kind).tobytes(), np.uint8)
