"""A small PDF writer: text in the viewer's own Helvetica, rectangles and JPEG pictures, on A4.

PDF 1.4 (Adobe's PDF Reference, third edition). Text stays text, sharp at any size and searchable, without a font or a
library to install on the device; Pillow's own PDF writer knows only whole pages as pictures.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

WIDTH, HEIGHT = 595.28, 841.89  # A4 in points
Colour = tuple[float, float, float]
BLACK: Colour = (0.0, 0.0, 0.0)

# Advance widths in thousandths of the size, characters 32 to 126, from Adobe's font metrics.
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip
_OTHERS = {"µ": (556, 611), "–": (556, 556), "±": (584, 584), "·": (278, 278), "×": (584, 584), "•": (350, 350)}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of one line in points."""
    widths = _BOLD if bold else _REGULAR
    return sum(_OTHERS[c][bold] if c in _OTHERS else widths[ord(c) - 32] for c in _drawable(text)) * size / 1000


def wrapped(text: str, size: float, width: float, bold: bool = False) -> list[str]:
    """Lines of at most ``width`` points, broken at spaces, and within a word only when it alone is too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, bold) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and text_width(lines[-1] + letter, size, bold) > width:
                lines.append("")
            lines[-1] += letter
    return lines


@dataclass
class Page:
    """One page; positions are points from its upper left corner, text stands on its base line."""

    _content: list[bytes] = field(default_factory=list)
    _pictures: list[tuple[bytes, int, int]] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, size: float, bold: bool = False, colour: Colour = BLACK) -> None:
        """One line of text; what Helvetica lacks becomes a question mark."""
        encoded = _drawable(text).encode("cp1252")
        escaped = encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        font = "F2" if bold else "F1"
        start = f"BT /{font} {size:.2f} Tf {_rgb(colour)} rg {x:.2f} {HEIGHT - y:.2f} Td ("
        self._content.append(start.encode() + escaped + b") Tj ET\n")

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle, ``y`` its upper edge."""
        place = f"{x:.2f} {HEIGHT - y - height:.2f} {width:.2f} {height:.2f}"
        self._content.append(f"{_rgb(colour)} rg {place} re f\n".encode())

    def picture(self, x: float, y: float, side: float, jpeg: bytes) -> None:
        """An RGB JPEG, fitted into a square whose upper left corner is at x, y."""
        from PIL import Image

        with Image.open(io.BytesIO(jpeg)) as image:
            columns, rows = image.size
        scale = side / max(columns, rows)
        width, height = columns * scale, rows * scale
        left, bottom = x + (side - width) / 2, HEIGHT - y - (side + height) / 2
        name = f"I{len(self._pictures)}"
        self._pictures.append((jpeg, columns, rows))
        self._content.append(f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm /{name} Do Q\n".encode())


def write_pdf(stream: BinaryIO, pages: Sequence[Page], title: str, made: str) -> None:
    """Write a document.

    Args:
        stream: written from where it stands, which must be its beginning.
        title: for the viewer's window.
        made: ``YYYYMMDDHHMMSS``, UTC.
    """
    writer = _Writer(stream)
    stream.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    catalog, tree, info, regular, bold = (writer.reserve() for _ in range(5))
    kids = []
    for page in pages:
        names = []
        for number, (jpeg, columns, rows) in enumerate(page._pictures):
            kind = f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} /ColorSpace /DeviceRGB"
            picture = writer.reserve()
            writer.put_stream(picture, f"{kind} /BitsPerComponent 8 /Filter /DCTDecode", jpeg)
            names.append(f"/I{number} {picture} 0 R")
        content, kid = writer.reserve(), writer.reserve()
        writer.put_stream(content, "/Filter /FlateDecode", zlib.compress(b"".join(page._content)))
        resources = f"<< /Font << /F1 {regular} 0 R /F2 {bold} 0 R >> /XObject << {' '.join(names)} >> >>"
        size = f"/MediaBox [0 0 {WIDTH} {HEIGHT}]"
        writer.put(kid, f"<< /Type /Page /Parent {tree} 0 R {size} /Contents {content} 0 R /Resources {resources} >>")
        kids.append(f"{kid} 0 R")
    for font, name in ((regular, "Helvetica"), (bold, "Helvetica-Bold")):
        writer.put(font, f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
    writer.put(tree, f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>")
    writer.put(catalog, f"<< /Type /Catalog /Pages {tree} 0 R /Lang (en) >>")
    writer.put(info, f"<< /Title <{_hex(title)}> /Producer (thinsmear) /CreationDate (D:{made}Z) >>")
    writer.finish(catalog, info)


class _Writer:
    """Numbered objects and the table of where they stand."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._places: list[int] = []

    def reserve(self) -> int:
        self._places.append(0)
        return len(self._places)

    def put(self, number: int, body: str) -> None:
        self._begin(number)
        self._stream.write(body.encode("ascii") + b"\nendobj\n")

    def put_stream(self, number: int, entries: str, data: bytes) -> None:
        self._begin(number)
        self._stream.write(f"<< {entries} /Length {len(data)} >>\nstream\n".encode("ascii"))
        self._stream.write(data + b"\nendstream\nendobj\n")

    def finish(self, catalog: int, info: int) -> None:
        start = self._stream.tell()
        count = len(self._places) + 1
        rows = "".join(f"{place:010} 00000 n \n" for place in self._places)
        trailer = f"trailer\n<< /Size {count} /Root {catalog} 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._stream.write(f"xref\n0 {count}\n0000000000 65535 f \n{rows}{trailer}".encode("ascii"))

    def _begin(self, number: int) -> None:
        self._places[number - 1] = self._stream.tell()
        self._stream.write(f"{number} 0 obj\n".encode("ascii"))


def _drawable(text: str) -> str:
    return "".join(c if " " <= c <= "~" or c in _OTHERS else "?" for c in text)


def _rgb(colour: Colour) -> str:
    return " ".join(f"{part:.3f}" for part in colour)


def _hex(text: str) -> str:
    return ("\ufeff" + text).encode("utf-16-be").hex()
