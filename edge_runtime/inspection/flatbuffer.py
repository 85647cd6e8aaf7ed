"""A read-only FlatBuffers reader that checks every offset, for files that nobody has vouched for.

Layout after the FlatBuffers internals document (flatbuffers.dev/internals): a table starts with a signed offset back
to its vtable; the vtable holds its own size, the table's size, and the place of each field in the table (0 = absent).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.errors import BadModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENTRY_LIMIT = 1_000_000  # of a vector of tables or texts; no real model comes near


class FlatTable:
    """One table of a flatbuffer; fields are read by their number in the schema.

    Every method raises BadModel when the data points outside the buffer.
    """

    __slots__ = ("_data", "_fields", "_start")

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        vtable = start - _unpack(data, "<i", start)
        size = _unpack(data, "<H", vtable)
        if size < 4 or size % 2 or vtable + size > len(data):
            raise BadModel(f"The model file is corrupt: a table description at byte {vtable} has the size {size}.")
        table_size = _unpack(data, "<H", vtable + 2)
        self._fields = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)
        if start + table_size > len(data) or any(place >= table_size for place in self._fields if place):
            raise BadModel(f"The model file is corrupt: the table at byte {start} does not fit into the file.")

    def scalar(self, field: int, code: str, default: int = 0) -> int:
        """A number; ``code`` as in the struct module (b, B, h, i, I, q, Q, ?)."""
        place = self._place(field)
        return default if place is None else int(_unpack(self._data, f"<{code}", place))

    def table(self, field: int) -> FlatTable | None:
        """A table within this one, or None when it is absent."""
        place = self._place(field)
        return None if place is None else FlatTable(self._data, self._follow(place))

    def tables(self, field: int) -> list[FlatTable]:
        """The tables of a vector; an absent vector is empty."""
        start, count = self._vector(field, 4)
        if count > _ENTRY_LIMIT:
            raise BadModel(f"The model file is corrupt: a list at byte {start} claims {count:,} entries.")
        return [FlatTable(self._data, self._follow(start + 4 * i)) for i in range(count)]

    def numbers(self, field: int, dtype: str) -> NDArray[Any]:
        """A vector of numbers of the NumPy type ``dtype`` ("<i4", "<f4", "<i8", "u1"); no copy; absent is empty."""
        item = np.dtype(dtype)
        start, count = self._vector(field, item.itemsize)
        return np.frombuffer(self._data, item, count, start) if count else np.empty(0, item)

    def text(self, field: int) -> str:
        """A string; absent is empty, bytes that are no UTF-8 are shown as escapes."""
        return self.numbers(field, "u1").tobytes().decode("utf-8", "backslashreplace")

    def _place(self, field: int) -> int | None:
        if field >= len(self._fields) or not self._fields[field]:
            return None
        return self._start + int(self._fields[field])

    def _follow(self, place: int) -> int:
        return place + int(_unpack(self._data, "<I", place))

    def _vector(self, field: int, item_size: int) -> tuple[int, int]:
        place = self._place(field)
        if place is None:
            return 0, 0
        start = self._follow(place)
        count = int(_unpack(self._data, "<I", start))
        if start + 4 + count * item_size > len(self._data):
            raise BadModel(
                f"The model file is truncated or corrupt: the {count:,} entries at byte {start} end after the file."
            )
        return start + 4, count


def _unpack(data: bytes, code: str, place: int) -> Any:
    if place < 0 or place + struct.calcsize(code) > len(data):
        raise BadModel(f"The model file is truncated or corrupt: it points to byte {place:,} of {len(data):,}.")
    return struct.unpack_from(code, data, place)[0]
