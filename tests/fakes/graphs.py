"""Model files with operators that no converter writes yet."""

from __future__ import annotations

import struct

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
