"""Model files with operators that no converter writes yet, or in an order that none would write them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edge_runtime.inspection.flatbuffer import FlatTable
from edge_runtime.inspection.graph import OPERATOR_NAMES


def with_operator_number(flatbuffer: bytes, name: str, number: int) -> bytes:
    """The model with another number for its operators of one kind.

    Args:
        name: one of ``OPERATOR_NAMES``, which the model uses.
        number: of a builtin operator, or of none.
    """
    changed = bytearray(flatbuffer)
    for code in FlatTable(flatbuffer, int.from_bytes(flatbuffer[:4], "little")).tables(1):
        old, new = code._place(0), code._place(3)
        if old is not None and new is not None and code.scalar(3, "i") == OPERATOR_NAMES.index(name):
            struct.pack_into("<b", changed, old, 127)  # the other field counts
            struct.pack_into("<i", changed, new, number)
            return bytes(changed)
    raise ValueError(f"The model has no {name}.")


class Net:
    """A TFLite graph, put together operator by operator, as no converter would write it."""

    def __init__(self) -> None:
        self._kinds: Any = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="LiteRT brings the schema")
        self._model = self._kinds.ModelT()
        self._model.version, self._model.operatorCodes, self._model.metadata = 3, [], []
        self._model.buffers = [self._kinds.BufferT()]
        self._graph = self._kinds.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "float32",
        data: np.ndarray | None = None,
        quantised: tuple[float, int] | None = None,
    ) -> int:
        """A tensor's number; sides of -1 are left open."""
        tensor = self._kinds.TensorT()
        tensor.name = f"t{len(self._graph.tensors)}"
        tensor.shape = [max(1, side) for side in shape]
        if -1 in shape:
            tensor.shapeSignature = list(shape)
        tensor.type = getattr(self._kinds.TensorType, dtype.upper())
        if data is not None:
            buffer = self._kinds.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        if quantised is not None:
            tensor.quantization = self._kinds.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [quantised[0]], [quantised[1]]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, values: Any, dtype: str = "float32") -> int:
        """A tensor with values."""
        data = np.asarray(values, dtype)
        return self.tensor(data.shape, dtype, data)

    def add(self, name: str, inputs: Sequence[int], output: int, version: int = 1, **options: Any) -> int:
        """An operator, by its builtin name or (in small letters) its custom code; gives back the output."""
        code = self._kinds.OperatorCodeT()
        builtin = getattr(self._kinds.BuiltinOperator, name, None)
        code.builtinCode = self._kinds.BuiltinOperator.CUSTOM if builtin is None else builtin
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = name if builtin is None else None
        code.version = version
        self._model.operatorCodes.append(code)
        operator = self._kinds.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), [output]
        kind = options.pop("options", None)
        if kind is not None:
            operator.builtinOptions = getattr(self._kinds, f"{kind}T")()
            operator.builtinOptionsType = getattr(self._kinds.BuiltinOptions, kind)
            for option, value in options.items():
                setattr(operator.builtinOptions, option, value)
        self._graph.operators.append(operator)
        return output

    def done(self, given: int, output: int, metadata: bytes | None = None) -> bytes:
        """The flatbuffer."""
        import flatbuffers

        self._graph.inputs, self._graph.outputs = [given], [output]
        if metadata is not None:
            buffer, entry = self._kinds.BufferT(), self._kinds.MetadataT()
            buffer.data = np.frombuffer(metadata, np.uint8)
            self._model.buffers.append(buffer)
            entry.name, entry.buffer = "TFLITE_METADATA", len(self._model.buffers) - 1
            self._model.metadata = [entry]
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


REDDER = ((4.0, 0.0, -4.0),)  # logit = 4 (red - blue)


def colour_net(
    shape: Sequence[int] = (1, 16, 16, 3),
    weights: Sequence[Sequence[float]] = REDDER,
    bias: float = 0.0,
    end: Callable[[Net, int], int] | None = None,
    metadata: bytes | None = None,
) -> bytes:
    """A network of the mean colour: one output a row of ``weights``, then what ``end`` adds.

    Args:
        shape: of the input, channels last or first.
    """
    net = Net()
    given = net.tensor(shape)
    last = shape[3] in (1, 3)
    channels, batch = shape[3] if last else shape[1], shape[0]
    mean = net.add(
        "MEAN", [given, net.constant([1, 2] if last else [2, 3], "int32")], net.tensor((batch, channels)),
        options="ReducerOptions", keepDims=False,
    )  # fmt: skip
    outputs = net.add(
        "FULLY_CONNECTED",
        [mean, net.constant(weights), net.constant([bias] * len(weights))],
        net.tensor((batch, len(weights))),
        options="FullyConnectedOptions",
    )
    return net.done(given, outputs if end is None else end(net, outputs), metadata)


def sigmoid(net: Net, logits: int) -> int:
    """An end: a probability for each logit."""
    return net.add("LOGISTIC", [logits], net.tensor((1, 1)))


def metadata_of(
    mean: Sequence[float] = (), std: Sequence[float] = (), label_file: str | None = None, grey: bool = False
) -> bytes:
    """TFLite metadata of one input and one output, by the field numbers of metadata_schema.fbs."""
    flatbuffers = pytest.importorskip("flatbuffers")
    builder = flatbuffers.Builder(256)

    def table(fields: dict[int, tuple[str, Any]]) -> int:
        builder.StartObject(max(fields, default=-1) + 1)
        for number, (kind, value) in fields.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                builder.PrependUint8Slot(number, value, 0)
        return int(builder.EndObject())

    def vector(offsets: Sequence[int]) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    def floats(values: Sequence[float]) -> int:
        return int(builder.CreateNumpyVector(np.asarray(values, np.float32)))

    given: dict[int, tuple[str, Any]] = {}
    if mean:
        options = table({0: ("offset", floats(mean)), 1: ("offset", floats(std))})
        given[4] = ("offset", vector([table({0: ("byte", 1), 1: ("offset", options)})]))
    if grey:
        given[3] = ("offset", table({0: ("byte", 2), 1: ("offset", table({0: ("byte", 2)}))}))
    answer: dict[int, tuple[str, Any]] = {
        5: ("offset", table({0: ("offset", floats([1.0])), 1: ("offset", floats([0.0]))}))
    }
    if label_file is not None:
        answer[6] = ("offset", vector([table({0: ("offset", builder.CreateString(label_file)), 2: ("byte", 2)})]))
    graph = table({2: ("offset", vector([table(given)])), 3: ("offset", vector([table(answer)]))})
    builder.Finish(table({3: ("offset", vector([graph]))}), file_identifier=b"M001")
    return bytes(builder.Output())
