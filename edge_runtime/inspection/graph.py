"""The graph inside a TFLite file (operators, tensors, sizes), read without a runtime and checked while reading.

Field numbers are those of TensorFlow's schema.fbs, version 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.core.model_file import MAGIC
from edge_runtime.errors import BadModel
from edge_runtime.inspection.flatbuffer import FlatTable

OPERATOR_NAMES = tuple(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
    SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
    BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
    ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
    TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
    LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
    FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
    REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
    HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
    BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
    ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
    DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
    STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
    STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
    STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
    STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
    STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
    STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
    """.split()  # noqa: SIM905 (a text, because 210 quoted names would fill four screens)
)
# name and bits of one value, by the schema's TensorType; 0 bits: no fixed size
_TYPES = (
    ("float32", 32), ("float16", 16), ("int32", 32), ("uint8", 8), ("int64", 64), ("string", 0), ("bool", 8),
    ("int16", 16), ("complex64", 64), ("int8", 8), ("float64", 64), ("complex128", 128), ("uint64", 64),
    ("resource", 0), ("variant", 0), ("uint32", 32), ("uint16", 16), ("int4", 4), ("bfloat16", 16), ("int2", 2),
    ("uint4", 4), ("float8_e4m3fn", 8), ("float8_e5m2", 8),
)  # fmt: skip
_UNKNOWN = "UNKNOWN_"
_OLD_CODE_LIMIT = 127  # operators up to here also stand in the schema's first, one-byte field
_LARGEST_TENSOR = 1 << 31


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph.

    Attributes:
        name: as the converter wrote it.
        shape: as stored, dynamic sides as 1.
        signature: the shape with -1 for dynamic sides; equal to ``shape`` when there are none.
        dtype: "float32", "int8", ...
        scales: quantisation scales, one, one a channel, or none.
        zero_points: like ``scales``.
        constant_bytes: size of the weights it carries, 0 for tensors that are computed.
    """

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    constant_bytes: int


@dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        name: builtin name ("CONV_2D"), the custom code, or "UNKNOWN_" and the number of a builtin that is not in
            ``OPERATOR_NAMES``.
        version: operator version of the schema.
        custom: the runtime needs a plug-in for it.
        inputs: tensor numbers, -1 for an optional input that is left out.
        outputs: tensor numbers.
    """

    name: str
    version: int
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def known(self) -> bool:
        """Whether the operator has a name here; what newer schemas brought has only its number."""
        return self.custom or not self.name.startswith(_UNKNOWN)


@dataclass(frozen=True)
class Graph:
    """The first subgraph of a model file.

    Attributes:
        subgraphs: how many subgraphs the file has; only the first is described here.
        description: the file's own description, usually the converter.
    """

    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: int
    description: str


def read_graph(flatbuffer: bytes) -> Graph:
    """Read and check the structure of a TFLite model.

    Every offset, index and size of all subgraphs is checked against the file, so what passes is safe to walk. What an
    operator's own options say is left to the runtime.

    Raises:
        BadModel: no TFLite file, truncated, or contradicting itself.
    """
    if flatbuffer[4:8] != MAGIC:
        raise BadModel(f"This is no TFLite model: bytes 4 to 7 are {flatbuffer[4:8]!r} instead of {MAGIC!r}.")
    model = FlatTable(flatbuffer, int.from_bytes(flatbuffer[:4], "little"))
    version = model.scalar(0, "I")
    if version != 3:
        raise BadModel(f"The TFLite schema version is {version}; supported is 3.")
    codes = [_operator_code(code) for code in model.tables(1)]
    buffer_sizes = [_buffer_size(buffer, len(flatbuffer)) for buffer in model.tables(4)]
    graphs = [_subgraph(subgraph, codes, buffer_sizes) for subgraph in model.tables(2)]
    if not graphs:
        raise BadModel("The model file holds no graph.")
    tensors, operators, inputs, outputs = graphs[0]
    return Graph(operators, tensors, inputs, outputs, len(graphs), model.text(3))


def _operator_code(code: FlatTable) -> tuple[str, int, bool]:
    old, new = code.scalar(0, "b"), code.scalar(3, "i")
    number = new if old == _OLD_CODE_LIMIT else max(old, new)
    custom = code.text(1)
    version = code.scalar(2, "i", 1)
    if custom:
        return custom, version, True
    if number < 0:
        raise BadModel(f"The model file is corrupt: it uses the operator number {number}.")
    return OPERATOR_NAMES[number] if number < len(OPERATOR_NAMES) else f"{_UNKNOWN}{number}", version, False


def _buffer_size(buffer: FlatTable, file_size: int) -> int:
    """Bytes of a buffer; large models keep them outside the flatbuffer, by offset and size."""
    offset, size = buffer.scalar(1, "Q"), buffer.scalar(2, "Q")
    if offset > 1:
        if offset + size > file_size:
            raise BadModel(f"The model file is truncated: weights at byte {offset:,} end after the file.")
        return size
    return len(buffer.numbers(0, "u1"))


def _subgraph(
    subgraph: FlatTable, codes: list[tuple[str, int, bool]], buffer_sizes: list[int]
) -> tuple[tuple[Tensor, ...], tuple[Operator, ...], tuple[int, ...], tuple[int, ...]]:
    tensors = tuple(_tensor(tensor, buffer_sizes) for tensor in subgraph.tables(0))
    operators = []
    for operator in subgraph.tables(3):
        index = operator.scalar(0, "I")
        if index >= len(codes):
            raise BadModel(f"The model file is corrupt: an operator has the code {index} of {len(codes)}.")
        name, version, custom = codes[index]
        operators.append(
            Operator(
                name,
                version,
                custom,
                _tensor_numbers(operator.numbers(1, "<i4"), len(tensors), optional=True),
                _tensor_numbers(operator.numbers(2, "<i4"), len(tensors), optional=False),
            )
        )
        _tensor_numbers(operator.numbers(8, "<i4"), len(tensors), optional=True)
    inputs = _tensor_numbers(subgraph.numbers(1, "<i4"), len(tensors), optional=False)
    outputs = _tensor_numbers(subgraph.numbers(2, "<i4"), len(tensors), optional=False)
    return tensors, tuple(operators), inputs, outputs


def _tensor_numbers(numbers: Any, count: int, optional: bool) -> tuple[int, ...]:
    values = tuple(int(number) for number in numbers)
    lowest = -1 if optional else 0
    if any(not lowest <= value < count for value in values):
        raise BadModel(f"The model file is corrupt: it names the tensors {list(values[:8])} of {count}.")
    return values


def _tensor(tensor: FlatTable, buffer_sizes: list[int]) -> Tensor:
    name = tensor.text(3)
    shape = tuple(int(side) for side in tensor.numbers(0, "<i4"))
    kind = tensor.scalar(1, "b")
    buffer = tensor.scalar(2, "I")
    if not 0 <= kind < len(_TYPES):
        raise BadModel(f"The tensor {printable(name)!r} has the unknown type {kind}.")
    dtype, bits = _TYPES[kind]
    size = math.prod(shape) * bits // 8
    if any(side < 0 for side in shape) or size > _LARGEST_TENSOR:
        raise BadModel(
            f"The tensor {printable(name)!r} has the shape {list(shape[:8])}, which no cell classifier needs."
        )
    if buffer >= max(1, len(buffer_sizes)):
        raise BadModel(f"The model file is corrupt: the tensor {printable(name)!r} names the buffer {buffer}.")
    constant_bytes = buffer_sizes[buffer] if buffer_sizes else 0
    if constant_bytes and bits >= 8 and tensor.table(6) is None and constant_bytes != size:
        raise BadModel(
            f"The tensor {printable(name)!r} should have {size:,} bytes of weights and has {constant_bytes:,}."
        )
    quantisation = tensor.table(4)
    return Tensor(
        name=name,
        shape=shape,
        signature=tuple(int(side) for side in tensor.numbers(7, "<i4")) or shape,
        dtype=dtype,
        scales=tuple(map(float, quantisation.numbers(2, "<f4"))) if quantisation else (),
        zero_points=tuple(map(int, quantisation.numbers(3, "<i8"))) if quantisation else (),
        constant_bytes=constant_bytes,
    )
