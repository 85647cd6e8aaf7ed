"""Whether a model of another maker gives probabilities, logits or class numbers.

Decided by what the file says of its output (how it is quantised, metadata) and by the values of a trial, never by the
name of the last operator: an average of two sigmoids is a probability, and a graph that was compiled for an Edge TPU
has one operator only. A quantised output is judged by its scale and zero point alone, so a file and its compiled twin
agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import BadModel
from edge_runtime.inspection.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.inspection.metadata import Metadata

KINDS = ("probability", "logit", "class")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
_INT16_PROBABILITY = 1 / 32768  # softmax and sigmoid of 16 bits: the negative half of the range is never used
_SLACK = 0.02  # of a quantised range beyond 0..1, from calibration
_ROUNDING = 1e-3  # of values beyond 0..1
_PASSING_OPERATORS = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST")
_CHOOSING_OPERATORS = ("ARG_MAX", "ARG_MIN", "TOPK_V2")


def kind_of_output(graph: Graph, metadata: Metadata, answers: NDArray[np.float64] | None) -> str:
    """One of ``KINDS``.

    Args:
        graph: with one output.
        metadata: of the file.
        answers: [n, values], the output of a trial in real numbers; None when none was held.

    Raises:
        BadModel: a float output, and no trial to decide by.
    """
    output = graph.tensors[graph.outputs[0]]
    quantised = bool(output.scales) and output.scales[0] > 0
    if _chooses(graph) or (output.dtype not in ("float32", "float16") and not quantised):
        return "class"
    if quantised and output.dtype in _LIMITS:
        zero_point = output.zero_points[0] if output.zero_points else 0
        low, high = ((limit - zero_point) * output.scales[0] for limit in _LIMITS[output.dtype])
        if output.dtype == "int16" and abs(output.scales[0] - _INT16_PROBABILITY) < _INT16_PROBABILITY / 100:
            low = 0.0
        within = low >= -_SLACK and high <= 1 + _SLACK
        return "probability" if within or metadata.says_probability else "logit"
    if answers is None:
        raise BadModel("The model's output is not quantised and it was not tried, so what it means is not known.")
    return "probability" if stays_in_unit_range(answers) else "logit"


def stays_in_unit_range(answers: NDArray[np.float64]) -> bool:
    """Whether no value of a trial leaves 0..1; what is no number says nothing."""
    known = answers[np.isfinite(answers)]
    return bool(known.size) and float(known.min()) >= -_ROUNDING and float(known.max()) <= 1 + _ROUNDING


def class_refusal(graph: Graph) -> BadModel:
    """The error for a model whose output is the number of a class."""
    output = graph.tensors[graph.outputs[0]]
    return BadModel(
        f"The model answers with the number of a class ({output.dtype} from {_maker(graph)}), which is no score: "
        "nothing can be ranked or calibrated by it; export the model without its ArgMax, or give --output class to "
        "take its decisions as they are."
    )


def _chooses(graph: Graph) -> bool:
    return _maker(graph) in _CHOOSING_OPERATORS


def _maker(graph: Graph) -> str:
    """Name of the operator that makes the output, leaving out those that only change its form."""
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    number = graph.outputs[0]
    for _ in graph.operators:
        operator = makers.get(number)
        if operator is None or operator.name not in _PASSING_OPERATORS or not operator.inputs:
            break
        number = operator.inputs[0]
    return makers[number].name if number in makers else "no operator"
