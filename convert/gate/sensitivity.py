"""Which operators should stay in float: each is tried alone, and ranked by how much nearer it brings the logit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convert.quantise.recipes import RECIPES
from edge_runtime.common.console import progress
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import lookup_table, to_tensor
from edge_runtime.inspection.graph import read_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convert.gate.attempts import Attempts, ConversionSettings
    from convert.quantise.quantizer import Quantizer

_IMAGES = 64
# Operators that compute; casts and reshapes have nothing to lose.
_COMPUTING = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MEAN", "AVERAGE_POOL_2D", "CONCATENATION")


def most_sensitive(attempts: Attempts, settings: ConversionSettings) -> tuple[str, ...]:
    """Rank the operators of a run's network.

    Every operator in turn is left in float while all others are int8; the root mean square distance of the logit
    from the float model's, over 64 training images, says what it would save.

    Args:
        attempts: at converting the run's model.
        settings: how the rest is quantised; its bias correction is left out, which would cover the differences up.

    Returns:
        output tensor names as :class:`convert.gate.attempts.ConversionSettings` takes them, the most profitable
        first.
    """
    trained = attempts.trained
    quantizer, representative = attempts.quantizer(settings.size)
    assert representative is not None
    rows = representative.indices
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(_IMAGES, len(rows))).astype(int))]
    return rank_operators(quantizer, settings.method, trained.run.contract, trained.pixels[rows])


def rank_operators(
    quantizer: Quantizer, method: str, contract: InputContract, pixels: NDArray[np.uint8]
) -> tuple[str, ...]:
    """The ranking itself, on pixels uint8 [n, H, W, 3]; see :func:`most_sensitive`."""
    reference = quantizer.float_flatbuffer
    graph = read_graph(reference)
    names = [graph.tensors[o.outputs[0]].name for o in graph.operators if o.name in _COMPUTING]
    wanted = _logits(reference, contract, pixels)
    distance = {}
    with progress(names, "Searching operators", len(names)) as each:
        for name in each:
            flatbuffer = quantizer.convert(RECIPES["int8-mixed"], method, correct_bias=False, keep_float=(name,))
            distance[name] = float(np.sqrt(np.mean((_logits(flatbuffer, contract, pixels) - wanted) ** 2)))
    return tuple(sorted(distance, key=lambda name: distance[name]))


def _logits(flatbuffer: bytes, contract: InputContract, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    interpreter = open_interpreter(flatbuffer)
    tensor, output = interpreter.input, interpreter.output
    table = lookup_table(contract, tensor.dtype, tensor.scale, tensor.zero_point)
    raw = [interpreter.run(to_tensor(pixels[i : i + 1], table, contract)).item() for i in range(len(pixels))]
    values = np.asarray(raw, np.float64)
    return (values - output.zero_point) * output.scale if output.scale else values
