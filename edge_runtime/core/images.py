"""Image files to 8-bit RGB arrays, with one clear error for everything that can be wrong with a file.

The kind of a file is decided by its first bytes, never by its name. Only the formats of microscope cameras,
phones and data sets are decoded; Pillow's other plug-ins (some start other programs) are never loaded. What decoders
pass over in silence is looked for: damage in JPEG data, levels of 10 to 14 bits, further pages.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from edge_runtime.common.text import printable
from edge_runtime.core.deep_pixels import depth_said, has_lower_bytes, is_deep, to_eight_bits, with_lower_bytes
from edge_runtime.core.foreign_files import HEAD_BYTES, raw_file, what_it_is
from edge_runtime.core.pages import turn_to_page
from edge_runtime.errors import BadImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pnm"}
)
MAX_PIXELS = 100_000_000
MAX_BYTES = 1 << 30
_MOST_HEAD = 1 << 16  # bytes in which PNG's sBIT stands

_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# (format, does a file that starts with these bytes have it, Pillow's module, its class)
_FORMATS: tuple[tuple[str, Callable[[bytes], bool], str, str], ...] = (
    ("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), "PngImagePlugin", "PngImageFile"),
    ("JPEG", lambda head: head.startswith(b"\xff\xd8\xff"), "JpegImagePlugin", "JpegImageFile"),
    ("WebP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", "WebPImagePlugin", "WebPImageFile"),
    ("TIFF", lambda head: head[:4] in _TIFF_MAGIC, "TiffImagePlugin", "TiffImageFile"),
    ("BMP", lambda head: head[:2] == b"BM", "BmpImagePlugin", "BmpImageFile"),
    ("GIF", lambda head: head[:6] in (b"GIF87a", b"GIF89a"), "GifImagePlugin", "GifImageFile"),
    ("PNM", lambda head: head[:2] in (b"P4", b"P5", b"P6") and head[2:3].isspace(), "PpmImagePlugin", "PpmImageFile"),
)
_FORMAT_NAMES = ", ".join(row[0] for row in _FORMATS)
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Reading:
    """How pictures are read.

    Attributes:
        max_pixels: larger images are refused before they are decoded.
        page: which picture of a file with several, from 1; None for the first, with a note where there are others.
        tell: gets a sentence on what a person should know about a picture that was read all the same.
        thorough: the codes of a JPEG file are walked through, which takes about twice the time of decoding; without it
            only data that end early or are left over are noticed, which costs nothing (frames of cameras).
        as_it_is: what a damaged JPEG file still shows is given too: for pictures that were taken in long ago.
    """

    max_pixels: int = MAX_PIXELS
    page: int | None = None
    tell: Callable[[str], None] | None = None
    thorough: bool = True
    as_it_is: bool = False


def load_image(
    source: Path | str | bytes | BinaryIO,
    max_pixels: int = MAX_PIXELS,
    called: str = "The input",
    reading: Reading | None = None,
) -> NDArray[np.uint8]:
    """Decode one image, turned upright as its EXIF orientation says.

    Grey, palette, CMYK and one-bit images become RGB; what is transparent is black. Of 16 bits a colour the range that
    is used (by what the file says, else by its largest level) becomes 0..255.

    Args:
        source: a path, the file's bytes, or a binary stream (read from where it stands).
        max_pixels: larger images are refused before they are decoded.
        called: name in errors of what has none of its own, fit for a terminal.
        reading: how, with its own ``max_pixels``.

    Returns:
        uint8 [h, w, 3], RGB, possibly read-only.

    Raises:
        BadImage: with kind ``unreadable-file`` (missing, no permission, a loop of links, a folder), ``empty-file``,
            ``not-an-image``, ``too-large``, ``no-such-page``, ``truncated-image``, ``damaged-image`` (a JPEG file that
            a decoder would paint over), ``too-dark`` (16 bits of which under a tenth are used) or ``unreadable-image``.
    """
    how = reading or Reading(max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(source), called, how)
    if isinstance(source, (str, Path)):
        name = printable(source)
        try:
            with _open_file(source, name) as stream:
                return _decode(stream, name, how)
        except OSError as error:
            raise BadImage(
                f"{name} cannot be read: {error.strerror or error}; check the path and the permissions.",
                kind="unreadable-file",
            ) from error
    content = source.read(MAX_BYTES + 1)
    return _decode(io.BytesIO(content), called, how)


def _open_file(path: str | Path, name: str) -> BinaryIO:
    """The file, or for a pipe its content; anything else that a path can lead to is refused before it is opened."""
    kind = os.stat(path).st_mode
    if stat.S_ISREG(kind):
        return open(path, "rb")
    if stat.S_ISFIFO(kind):
        with open(path, "rb") as pipe:
            return io.BytesIO(pipe.read(MAX_BYTES + 1))
    what = "a folder" if stat.S_ISDIR(kind) else "a device or a socket"
    raise BadImage(f"{name} is {what}, not a file; name an image file.", kind="unreadable-file")


def _decode(stream: BinaryIO, name: str, how: Reading) -> NDArray[np.uint8]:
    head = stream.read(HEAD_BYTES)
    size = stream.seek(0, os.SEEK_END)
    if not head:
        raise BadImage(f"{name} is empty (0 bytes); copy or record it again.", kind="empty-file")
    if size > MAX_BYTES:
        raise BadImage(f"{name} has more than {MAX_BYTES:,} bytes; that is no single picture.", kind="too-large")
    row = next((row for row in _FORMATS if row[1](head)), None)
    foreign = what_it_is(head) if row is None else raw_file(stream) if row[0] == "TIFF" else None
    if foreign is not None:
        raise BadImage(f"{name} is {foreign[0]}, which is not read here; {foreign[1]}.", kind="not-an-image")
    if row is None:
        raise BadImage(
            f"{name} is not an image that can be read: it starts with {head[:8]!r}; supported are {_FORMAT_NAMES}.",
            kind="not-an-image",
        )
    format_name, _, module, class_name = row
    try:
        opener = getattr(import_module(f"PIL.{module}"), class_name)
        return _read(opener, stream, format_name, name, how)
    except BadImage:
        raise
    except MemoryError as error:
        raise BadImage(f"{name} does not fit into memory; make it smaller.", kind="too-large") from error
    except Exception as error:  # on damaged files Pillow raises nearly anything: OSError, SyntaxError, struct.error...
        if isinstance(error, Image.DecompressionBombError):
            raise BadImage(f"{name} has more than {how.max_pixels:,} pixels; make it smaller.", "too-large") from error
        reason = printable(" ".join(str(error).split()).rstrip(".")) or type(error).__name__
        if _is_cut_short(stream, format_name, size) or "truncated" in reason.lower():
            raise BadImage(
                f"{name} is incomplete: the {format_name} data ends early at {size:,} bytes ({reason}); copy it again.",
                kind="truncated-image",
            ) from error
        raise BadImage(
            f"{name} is a damaged or unsupported {format_name} file ({reason}); save it again as PNG.",
            kind="unreadable-image",
        ) from error


def _read(
    opener: Callable[[BinaryIO], Image.Image], stream: BinaryIO, format_name: str, name: str, how: Reading
) -> NDArray[np.uint8]:
    """The picture of a file whose format is known; whatever Pillow raises comes through."""
    stream.seek(0)
    with opener(stream) as image:
        _check_size(image.size, name, how.max_pixels)
        if getattr(image, "is_animated", False):
            turn_to_page(image, name, how.page, how.tell)
            _check_size(image.size, name, how.max_pixels)
        elif how.page not in (None, 1):
            raise BadImage(f"{name} holds one picture, not {how.page}; leave --page out.", kind="no-such-page")
        if format_name == "JPEG":
            from edge_runtime.core.jpeg.loading import load_jpeg  # only for them: a Pi's start is short of time

            load_jpeg(image, stream, name, thorough=how.thorough, as_it_is=how.as_it_is)
        lower = has_lower_bytes(image)
        image.load()
        turn = _turn_of(image)
        if not lower and not is_deep(image):
            return _to_rgb(image if turn is None else image.transpose(turn), name)
        if lower:
            stream.seek(0)
            with opener(stream) as again:
                again.seek(image.tell())
                values = with_lower_bytes(image, again)[..., :3]
        else:
            values = np.asarray(image)
        stream.seek(0)
        levels = to_eight_bits(values, depth_said(image, stream.read(_MOST_HEAD)), name, how.tell)
        return _of_levels(levels, image, turn)


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadImage(f"{name} is {width} x {height} pixels: it shows nothing.")
    if width * height > max_pixels:
        raise BadImage(
            f"{name} is {width} x {height} = {width * height:,} pixels, more than {max_pixels:,}; make it smaller.",
            kind="too-large",
        )


def _is_cut_short(stream: BinaryIO, format_name: str, size: int) -> bool:
    """Whether the file ends before its own format says so."""
    if format_name == "WebP":
        stream.seek(4)
        return int.from_bytes(stream.read(4), "little") + 8 > size
    endings = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b"\x3b"}
    if format_name not in endings:
        return False
    stream.seek(max(0, size - 4096))  # other programs may have appended something
    return endings[format_name] not in stream.read(4096)


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """What turns a picture upright."""
    if not ({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & image.info.keys()) and not hasattr(
        image, "tag_v2"
    ):
        return None
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return None
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _to_rgb(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode == "F":
        raise BadImage(f"{name} holds floating-point pixels, whose black and white are unknown; save it as PNG.")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _over_black(image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _of_levels(levels: NDArray[np.uint8], image: Image.Image, turn: Image.Transpose | None) -> NDArray[np.uint8]:
    """Scaled levels [h, w] or [h, w, 3] as RGB, upright, black where the picture they come from is transparent."""
    picture = Image.fromarray(levels).convert("RGB")
    if image.mode == "RGBA":
        picture.putalpha(image.getchannel("A"))
    turned = picture if turn is None else picture.transpose(turn)
    return _over_black(turned) if image.mode == "RGBA" else np.asarray(turned)


def _over_black(image: Image.Image) -> NDArray[np.uint8]:
    opaque = image.convert("RGB")
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return np.asarray(opaque)
    return np.asarray(Image.composite(opaque, Image.new("RGB", image.size), alpha))
