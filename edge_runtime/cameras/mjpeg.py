"""Parts of a ``multipart/x-mixed-replace`` stream, from bytes that arrive in pieces of any size."""

from __future__ import annotations

_LONGEST_HEAD = 16_384


class PartReader:
    """Finds the pictures in a stream whose makers disagree about the format.

    Parts with and without Content-Length are read; so are boundaries announced with their two dashes or without.
    Parts that are too long are passed over without being kept.

    Attributes:
        oversized: parts that were passed over.
    """

    def __init__(self, boundary: str, longest: int) -> None:
        """
        Args:
            boundary: as the Content-Type header gives it.
            longest: bytes of the longest part that is kept.
        """
        self.oversized = 0
        self._marker = b"--" + boundary.strip().strip('"').removeprefix("--").encode("latin-1", "replace")
        self._longest = longest
        self._buffer = bytearray()
        self._length: int | None = None
        self._read = self._to_boundary
        self._searched = 0
        self._passing_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """The parts that are complete with ``data``; empty ones are left out."""
        self._buffer += data
        parts: list[bytes] = []
        while self._read(parts):
            pass
        return parts

    # Each step takes what it can from the buffer and says whether it got further; else more bytes are needed.

    def _to_boundary(self, parts: list[bytes]) -> bool:
        place = self._buffer.find(self._marker)
        if place < 0:
            del self._buffer[: max(0, len(self._buffer) - len(self._marker))]  # it may have arrived half
            return False
        del self._buffer[: place + len(self._marker)]
        self._read = self._head
        return True

    def _head(self, parts: list[bytes]) -> bool:
        ends = [(place, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (place := self._buffer.find(mark)) >= 0]
        if not ends:
            if len(self._buffer) > _LONGEST_HEAD:  # no head: look for the next boundary
                self._read = self._to_boundary
                return True
            return False
        place, width = min(ends)
        head = bytes(self._buffer[:place]).decode("latin-1").lower()
        del self._buffer[: place + width]
        lengths = [line.partition(":")[2].strip() for line in head.splitlines() if line.startswith("content-length:")]
        self._length = int(lengths[0]) if lengths and lengths[0].isdecimal() and len(lengths[0]) < 19 else None
        self._searched = 0
        self._passing_over = self._length is not None and self._length > self._longest
        self.oversized += self._passing_over
        if self._passing_over:
            self._read = self._to_boundary
        else:
            self._read = self._sized if self._length else self._unsized
        return True

    def _sized(self, parts: list[bytes]) -> bool:
        length = self._length or 0
        if len(self._buffer) < length:
            return False
        parts.append(bytes(self._buffer[:length]))
        del self._buffer[:length]
        self._read = self._to_boundary
        return True

    def _unsized(self, parts: list[bytes]) -> bool:
        place = self._buffer.find(self._marker, self._searched)
        if place < 0:
            if len(self._buffer) > self._longest + len(self._marker):
                self.oversized += 1
                self._read = self._to_boundary
                return True
            self._searched = max(0, len(self._buffer) - len(self._marker))
            return False
        part = bytes(self._buffer[:place]).removesuffix(b"\n").removesuffix(b"\r")
        if len(part) > self._longest:
            self.oversized += 1
        elif part:
            parts.append(part)
        del self._buffer[:place]
        self._read = self._to_boundary
        return True
