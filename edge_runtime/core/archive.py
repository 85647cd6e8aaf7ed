"""The ZIP that may follow a model's flatbuffer: found, measured before anything is unpacked, read, written.

This is the convention of TFLite metadata: runtimes ignore what follows the flatbuffer, ``unzip -l`` lists it.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

from edge_runtime.common.text import printable
from edge_runtime.errors import BadModel

MAX_ENTRIES = 64
_END = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_COMMENT = 65535
_LOCAL = b"PK\x03\x04"
_ZIP64_LOCATOR = b"PK\x06\x07"
_LARGEST_DIRECTORY = 1 << 20
_OUR_LOCAL_HEADER = re.compile(rb"PK\x03\x04.{26}(?:card\.json|labels\.txt|golden\.npz)", re.DOTALL)
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP can hold; the same model gives the same bytes


class Archive:
    """The archive behind a flatbuffer.

    Attributes:
        start: byte at which it begins, which is the flatbuffer's length.
        sizes: unpacked size of each entry by name.
    """

    def __init__(self, data: bytes) -> None:
        """Read the directory of the archive at the end of ``data``; BadModel when it is damaged or absurd."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
            raise BadModel(
                f"The archive behind the model is damaged ({printable(str(error))}); copy the model file again."
            ) from error
        self._entries = {entry.filename: entry for entry in entries}
        if not entries or len(self._entries) != len(entries):
            raise BadModel("The archive behind the model is empty or names an entry twice; copy the model file again.")
        self.start = min(entry.header_offset for entry in entries)
        if self.start < 0 or data[self.start : self.start + 4] != _LOCAL:
            raise BadModel(f"The archive behind the model is damaged: no entry at byte {self.start:,}.")
        self.sizes = {name: entry.file_size for name, entry in self._entries.items()}

    def read(self, name: str, limit: int) -> bytes:
        """Unpack one entry; BadModel when it is absent, damaged, encrypted or larger than ``limit`` bytes."""
        entry = self._entries.get(name)
        if entry is None:
            raise BadModel(f"The archive behind the model has no {name}.")
        if entry.file_size > limit:
            raise BadModel(f"The model's {name} claims {entry.file_size:,} bytes; the limit is {limit:,}.")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadModel(f"The model's {name} is encrypted or compressed in an unusual way; pack the model again.")
        try:
            with self._zip.open(entry) as stream:
                return stream.read(limit)  # bounded even when the directory lied about the size
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError) as error:
            raise BadModel(
                f"The model's {name} is damaged ({printable(str(error))}); copy the model file again."
            ) from error


def find_archive(data: bytes) -> Archive | None:
    """The archive at the end of a model file, or None for a plain flatbuffer.

    Raises:
        BadModel: there was an archive, but it is cut off, damaged, or has more than 64 entries.
    """
    end = data.rfind(_END, max(0, len(data) - _END_SIZE - _LONGEST_COMMENT))
    complete = end >= 0 and end + _END_SIZE <= len(data)
    if complete:
        entries, directory, comment = struct.unpack_from("<HI4xH", data, end + 10)
        complete = end + _END_SIZE + comment == len(data)
    if not complete:
        if _OUR_LOCAL_HEADER.search(data):  # the first entry still stands behind the flatbuffer
            raise BadModel("The model file is truncated or has foreign bytes at its end; copy it again.")
        return None
    if not 0 < entries <= MAX_ENTRIES:
        raise BadModel(f"The archive behind the model has {entries:,} entries; at most {MAX_ENTRIES} are read.")
    if directory > _LARGEST_DIRECTORY or data[max(0, end - 20) : max(0, end - 16)] == _ZIP64_LOCATOR:
        raise BadModel("The archive behind the model has an absurdly large directory; pack the model again.")
    archive = Archive(data)
    ours = {match[30:].decode() for match in _OUR_LOCAL_HEADER.findall(data[archive.start :])}
    if len(archive.sizes) != entries or not ours <= set(archive.sizes):
        raise BadModel("The archive behind the model is damaged: its directory is not complete; copy the file again.")
    return archive


def append_archive(flatbuffer: bytes, entries: Mapping[str, bytes]) -> bytes:
    """``flatbuffer`` with the entries as a ZIP behind it; the same input gives the same bytes."""
    buffer = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in entries.items():
            archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def pack(entries: Mapping[str, bytes]) -> bytes:
    """Entries as an uncompressed ZIP of their own (an .npz, which the archive then compresses as a whole)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(_entry(name), content, zipfile.ZIP_STORED)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.create_system = 3  # Unix, so that the permissions below are understood everywhere the same
    entry.external_attr = 0o644 << 16
    return entry
