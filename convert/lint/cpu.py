"""Rules of a CPU: what XNNPACK, the quick kernels of LiteRT, takes; everything else falls back to slower ones.

From the operator lists of the XNNPACK delegate's README in the TensorFlow repository.
"""

from __future__ import annotations

from collections.abc import Iterator

from convert.lint.findings import LintFinding, operator_place, tensor_place
from edge_runtime.inspection.graph import Graph, Operator

_FLOAT = frozenset(
    {
        "ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CEIL", "CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE",
        "DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV", "ELU", "EXPAND_DIMS", "FLOOR", "FULLY_CONNECTED", "GELU",
        "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "PAD",
        "PRELU", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "ROUND", "RSQRT", "SLICE",
        "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM",
        "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
    }
)  # fmt: skip
_INT8 = frozenset(
    {
        "ADD", "CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "ELU", "EXPAND_DIMS",
        "FULLY_CONNECTED", "LEAKY_RELU", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "QUANTIZE", "RESHAPE",
        "RESIZE_BILINEAR", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TRANSPOSE",
        "TRANSPOSE_CONV",
    }
)  # fmt: skip
# custom operators that TensorFlow Lite's own resolver registers (register.cc), so every runtime has them
BUILT_IN_CUSTOM = ("TFLite_Detection_PostProcess", "AudioSpectrogram", "Mfcc", "NumericVerify")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_KINDS = {"float32": _FLOAT, "int8": _INT8, "uint8": _INT8}


def check_cpu(graph: Graph) -> Iterator[LintFinding]:
    """Everything that falls back, or that the interpreter lacks altogether."""
    for index, operator in enumerate(graph.operators):
        yield from _operator(graph, index, operator)


def _operator(graph: Graph, index: int, operator: Operator) -> Iterator[LintFinding]:
    place = operator_place(graph, index)
    if operator.custom and operator.name not in BUILT_IN_CUSTOM:
        yield LintFinding(
            "error", "custom-operator", place, "no built-in operator; the interpreter needs a plug-in that has it",
            "run it where the plug-in is, or convert without custom operators",
        )  # fmt: skip
        return
    if operator.custom:  # every runtime brings a plain kernel of its own for them
        return
    if not operator.known:
        yield LintFinding(
            "error", "unknown-operator", place,
            "newer than this program, so whether the interpreter has it cannot be said",
            "upgrade thinsmear and ai-edge-litert, or convert the model with an older TensorFlow",
        )  # fmt: skip
        return
    computed = [n for n in (*operator.inputs, *operator.outputs) if n >= 0 and not graph.tensors[n].constant_bytes]
    kinds = {graph.tensors[n].dtype for n in computed}
    kind = next((k for k in kinds if k not in ("int32", "bool")), "float32")
    if operator.name in _WEIGHTED and operator.version and len(operator.inputs) > 1 and operator.inputs[1] >= 0:
        weights = graph.tensors[operator.inputs[1]]
        if kind == "float32" and weights.dtype in ("int8", "uint8") and operator.name == "DEPTHWISE_CONV_2D":
            yield LintFinding(
                "warning", "fallback", place,
                f"int8 weights with float activations ({tensor_place(graph, operator.inputs[1])}): XNNPACK does not "
                "take depthwise convolutions of this kind, they run on slower kernels",
                "convert with --recipe int8 or float16 instead of dynamic",
            )  # fmt: skip
            return
    if kind not in _KINDS or operator.name not in _KINDS[kind]:
        yield LintFinding(
            "warning", "fallback", place,
            f"XNNPACK does not take {operator.name} in {kind}; it runs on slower kernels",
            "convert with --recipe int8 or float32, or replace the operator in the network",
        )  # fmt: skip
