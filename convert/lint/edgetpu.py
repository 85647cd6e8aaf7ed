"""Rules of the Edge TPU and its compiler, version 16.

From Coral's model requirements (coral.ai/docs/edgetpu/models-intro) and the refusals in the compiler's issue tracker
(google-coral/edgetpu #631 CONV_2D 6, #845 TRANSPOSE_CONV 4; google-coral/libedgetpu #71 EXP 2).
"""

from __future__ import annotations

from collections.abc import Iterator

from convert.lint.cpu import BUILT_IN_CUSTOM
from convert.lint.findings import LintFinding, operator_place, tensor_place
from edge_runtime.inspection.graph import Graph, Operator

# Highest version of each operator; none newer than what int8 graphs of TensorFlow up to 2.8 hold, which it compiles.
_VERSIONS = {
    "ADD": 4, "AVERAGE_POOL_2D": 3, "CONCATENATION": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "EXPAND_DIMS": 1,
    "FULLY_CONNECTED": 9, "L2_NORMALIZATION": 2, "LOGISTIC": 3, "LSTM": 4, "MAXIMUM": 4, "MAX_POOL_2D": 3, "MEAN": 2,
    "MINIMUM": 4, "MUL": 4, "PACK": 2, "PAD": 2, "PRELU": 1, "QUANTIZE": 2, "REDUCE_MAX": 2, "REDUCE_MIN": 2,
    "RELU": 2, "RELU6": 2, "RELU_N1_TO_1": 1, "RESHAPE": 1, "RESIZE_BILINEAR": 3, "RESIZE_NEAREST_NEIGHBOR": 3,
    "RSQRT": 2, "SLICE": 3, "SOFTMAX": 3, "SPACE_TO_DEPTH": 2, "SPLIT": 4, "SQUARED_DIFFERENCE": 2, "SQUEEZE": 1,
    "STRIDED_SLICE": 4, "SUB": 4, "SUM": 2, "TANH": 3, "TILE": 3, "TRANSPOSE": 4, "TRANSPOSE_CONV": 3,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 4,
}  # fmt: skip
# Proven by a pair of a model and its compiled twin (google-coral/test_data; all else is from the vendor's table):
# keras_lstm_mnist_ptq maps whole, deeplab_mobilenet_edgetpu_slim_cityscapes_quant maps its TILE, deeplabv3_mnv2_* leave
# the resizing to 513 x 513 on the CPU.
_WITH_STATE = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")  # their cell state has 16 bits by TensorFlow's own rule
_RESIZING = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
# Sides of a resized picture: mapped up to 128 and left out at 512 (google-coral/edgetpu #31) and 513 (the pair above).
_RESIZED, _NOT_RESIZED = 128, 512
_DENSE = "FULLY_CONNECTED"
_INT8 = ("int8", "uint8")
# 8 MB of memory, of which the compiler leaves 6.9 MiB to weights in the logs people post (edgetpu #60, #671).
_ON_CHIP = int(6.9 * (1 << 20))
_QUANTISE = "convert with --recipe int8, which quantises every operator and both ends"


def check_edgetpu(graph: Graph) -> Iterator[LintFinding]:
    """Everything that keeps a model, or a part of it, off an Edge TPU."""
    if graph.subgraphs != 1:
        yield LintFinding(
            "error", "subgraphs", "model", f"the file has {graph.subgraphs} subgraphs, the compiler takes one",
            "build the network without control flow (tf.cond, tf.while_loop) and convert again",
        )  # fmt: skip
    yield from _ends(graph)
    yield from _shapes(graph)
    for index, operator in enumerate(graph.operators):
        yield from _operator(graph, index, operator)
    weights = sum(tensor.constant_bytes for tensor in graph.tensors)
    if weights > _ON_CHIP:
        yield LintFinding(
            "warning", "on-chip-memory", "model",
            f"{weights:,} bytes of weights exceed the {_ON_CHIP:,} that stay on the chip; the rest is streamed over "
            "USB for every image",
            "train a thinner network (--alpha 0.5) or a smaller architecture",
        )  # fmt: skip


def _ends(graph: Graph) -> Iterator[LintFinding]:
    for number in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[number]
        if tensor.dtype not in _INT8:
            yield LintFinding(
                "error", "full-int8", tensor_place(graph, number),
                f"an input or output of type {tensor.dtype}; the Edge TPU takes int8 and uint8 only", _QUANTISE,
            )  # fmt: skip


def _shapes(graph: Graph) -> Iterator[LintFinding]:
    for number in graph.inputs:
        tensor = graph.tensors[number]
        if -1 in tensor.signature:
            yield LintFinding(
                "error", "static-shape", tensor_place(graph, number),
                f"the input has the shape {list(tensor.signature)}; the compiler needs every side fixed",
                "convert from a model with a fixed batch of 1, as thinsmear convert makes it",
            )  # fmt: skip
        elif tensor.shape and tensor.shape[0] != 1:
            yield LintFinding(
                "error", "batch-1", tensor_place(graph, number),
                f"the input takes {tensor.shape[0]} images at once; the compiler takes one",
                "convert from a model with a fixed batch of 1, as thinsmear convert makes it",
            )  # fmt: skip


def _operator(graph: Graph, index: int, operator: Operator) -> Iterator[LintFinding]:
    place = operator_place(graph, index)
    if operator.custom and operator.name in BUILT_IN_CUSTOM:
        yield LintFinding(
            "warning", "operator", place,
            "it and everything after it runs on the CPU, as in Coral's own detection models",
            "nothing, where it is the last operator",
        )  # fmt: skip
        return
    if operator.custom or operator.name not in _VERSIONS:
        yield LintFinding(
            "error", "operator", place,
            "the Edge TPU does not have this operator; it and everything after it runs on the CPU",
            "leave it out of the network, move it behind the model's output, or quantise it away (--recipe int8)",
        )  # fmt: skip
        return
    if operator.version > _VERSIONS[operator.name]:
        yield LintFinding(
            "error", "operator-version", place,
            f"version {operator.version}; compiler 16 stops with \"Didn't find op\" above {_VERSIONS[operator.name]}",
            "convert with a TensorFlow that writes the older version, or change what made the newer one necessary",
        )  # fmt: skip
    computed = [n for n in (*operator.inputs, *operator.outputs) if n >= 0]
    wide_types = ("float32", "float16", "int64", *(() if operator.name in _WITH_STATE else ("int16",)))
    wide = [n for n in computed if graph.tensors[n].dtype in wide_types]
    if wide:
        yield LintFinding(
            "error", "full-int8", place,
            f"computes with {graph.tensors[wide[0]].dtype} ({tensor_place(graph, wide[0])})", _QUANTISE,
        )  # fmt: skip
    if operator.name in _RESIZING:
        yield from _resizing(graph, operator, place)
    for number in operator.outputs:
        shape = graph.tensors[number].shape
        if any(side > 1 for side in shape[:-3]):
            yield LintFinding(
                "error", "three-dimensions", place,
                f"its output has the shape {list(shape)}; only the three innermost sides may be above 1",
                "reshape in the network so that no tensor has more than three sides above 1",
            )  # fmt: skip
    if operator.name == _DENSE and len(operator.inputs) > 1 and operator.inputs[1] >= 0:
        weights = graph.tensors[operator.inputs[1]]
        if weights.dtype in _INT8 and len(weights.scales) != 1:
            yield LintFinding(
                "error", "dense-scale", tensor_place(graph, operator.inputs[1]),
                f"the weights of a dense layer have {len(weights.scales)} scales; the compiler is written for one",
                "convert with thinsmear convert, or set "
                "converter._experimental_disable_per_channel_quantization_for_dense_layers",
            )  # fmt: skip


def _resizing(graph: Graph, operator: Operator, place: str) -> Iterator[LintFinding]:
    """Resizing to a large picture is left to the CPU, for its precision; the vendor does not say from what size on."""
    largest = max((side for number in operator.outputs for side in graph.tensors[number].shape[1:3]), default=0)
    cure = "let the network end before it, and resize its output in the program"
    if largest >= _NOT_RESIZED:
        yield LintFinding(
            "error", "resize-size", place,
            f"it makes a picture of {largest} pixels a side; the compiler left {_NOT_RESIZED} and 513 on the CPU, with "
            "everything after it", cure,
        )  # fmt: skip
    elif largest > _RESIZED:
        yield LintFinding(
            "warning", "resize-size", place,
            f"it makes a picture of {largest} pixels a side; up to {_RESIZED} is known to be mapped, {_NOT_RESIZED} is "
            "known to stay on the CPU", cure,
        )  # fmt: skip
