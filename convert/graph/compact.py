"""Make a flatbuffer smaller without changing what it says: equal lists of scales and zero points are stored once.

A per-channel tensor carries one 8-byte zero point a channel, always 0; together they are a tenth of an int8 file.
FlatBuffers let any number of tables point at the same vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.graph.edit import pack, schema, unpack


def compacted(flatbuffer: bytes) -> bytes:
    """The same model, smaller."""
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
