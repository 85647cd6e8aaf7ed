"""Flatbuffers as objects that can be changed and written again, and in fewer bytes."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from edge_runtime.core.model_file import MAGIC
from edge_runtime.errors import EnvironmentLacks

# Both packages carry the same generated code; LiteRT's loads in an instant.
_HOMES = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")


def schema() -> ModuleType:
    """The classes generated from TensorFlow's schema.fbs; EnvironmentLacks when no installed package has them."""
    for home in _HOMES:
        try:
            return import_module(home)
        except ImportError:
            continue
    raise EnvironmentLacks("Changing a model needs the TFLite schema; `pip install ai-edge-litert` brings it.")


def unpack(flatbuffer: bytes) -> Any:
    """The model as a ``ModelT`` object tree."""
    return schema().ModelT.InitFromPackedBuf(flatbuffer, 0)


def pack(model: Any) -> bytes:
    """The bytes of a ``ModelT`` object tree."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=MAGIC)
    return bytes(builder.Output())


def compacted(flatbuffer: bytes) -> bytes:
    """The same model, smaller: equal lists of scales and of zero points are stored once.

    A per-channel tensor carries one 8-byte zero point a channel, always 0; together they are a tenth of an int8 file.
    FlatBuffers let any number of tables point at the same vector.
    """
    kinds = schema()
    model = unpack(flatbuffer)
    shared: dict[bytes, int] = {}

    class Sharing(kinds.QuantizationParametersT):  # type: ignore[misc, name-defined]
        """Quantisation that reuses a vector written before."""

        def Pack(self, builder: Any) -> int:
            vectors = {
                add: _vector(builder, values, dtype, shared)
                for add, values, dtype in (
                    (kinds.QuantizationParametersAddScale, self.scale, "<f4"),
                    (kinds.QuantizationParametersAddZeroPoint, self.zeroPoint, "<i8"),
                )
                if values is not None and len(values)
            }
            kinds.QuantizationParametersStart(builder)
            for add, offset in vectors.items():
                add(builder, offset)
            kinds.QuantizationParametersAddQuantizedDimension(builder, self.quantizedDimension)
            return int(kinds.QuantizationParametersEnd(builder))

    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            quantisation = tensor.quantization
            if quantisation is not None and quantisation.details is None:
                quantisation.__class__ = Sharing
    return pack(model)


def _vector(builder: Any, values: Any, dtype: str, shared: dict[bytes, int]) -> int:
    array = np.asarray(values).astype(dtype)
    key = dtype.encode() + array.tobytes()
    if key not in shared:
        shared[key] = builder.CreateNumpyVector(array)
    return shared[key]
