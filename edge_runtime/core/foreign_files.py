"""What a file is that is no picture this program reads, by its first bytes, and how to get a picture out of it."""

from __future__ import annotations

import struct
from typing import BinaryIO

HEAD_BYTES = 512  # of a file, by which its kind is known

_EXPORT = "open it in a picture program and export it as JPEG, PNG or TIFF"
_UNPACK = "unpack it and name the folder that comes out"
_FRAMES = "write its frames as pictures with `ffmpeg -i FILE frame-%04d.png` and name those"
_DEVELOP = "develop it to TIFF or PNG in the camera's program, darktable or RawTherapee, or let the camera write JPEG"
_PHONE = "export it as JPEG, or let the phone write JPEG (iPhone: Settings, Camera, Formats, Most Compatible)"
_PROPRIETARY = "export the field as TIFF or PNG in the microscope's program or with Bio-Formats (bfconvert)"

# (brands of an ISO base media file, its first word after "ftyp": ISO/IEC 14496-12, 23008-12; what it is, the way out)
_BRANDS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture", _PHONE),
    ((b"avif", b"avis"), "an AVIF picture", _EXPORT),
    ((b"jp2 ", b"jpx ", b"jph "), "a JPEG 2000 picture", _EXPORT),
    ((b"crx ",), "a raw file of a camera (Canon CR3)", _DEVELOP),
    ((b"qt  ",), "a video (QuickTime MOV)", _FRAMES),
    ((b"M4A ", b"M4B "), "a sound file", "name pictures"),
)
# (how the file begins, what it is, the way out)
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", _EXPORT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _EXPORT),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture", _EXPORT),
    (b"\xff\x0a", "a JPEG XL picture", _EXPORT),
    (b"FUJIFILMCCD-RAW", "a raw file of a camera (Fujifilm RAF)", _DEVELOP),
    (b"IIU\x00", "a raw file of a camera (Panasonic RW2)", _DEVELOP),
    (b"IIRO", "a raw file of a camera (Olympus ORF)", _DEVELOP),
    (b"IIRS", "a raw file of a camera (Olympus ORF)", _DEVELOP),
    (b"MMOR", "a raw file of a camera (Olympus ORF)", _DEVELOP),
    (b"FOVb", "a raw file of a camera (Sigma X3F)", _DEVELOP),
    (b"\x00MRM", "a raw file of a camera (Minolta MRW)", _DEVELOP),
    (b"PK\x03\x04", "a ZIP archive (or an Office document, which is one)", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", "pack it again"),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"%PDF-", "a PDF document", "take its pictures out with `pdfimages -png FILE picture`, and name those"),
    (b"%!PS", "a PostScript document", _EXPORT),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document", _EXPORT),
    (b"\x1aE\xdf\xa3", "a video (Matroska MKV or WebM)", _FRAMES),
    (b"\x00\x00\x01\xba", "a video (MPEG)", _FRAMES),
    (b"\x00\x00\x01\xb3", "a video (MPEG)", _FRAMES),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (Windows Media)", _FRAMES),
    (b"FLV\x01", "a video (Flash)", _FRAMES),
    (b"OggS", "a video or sound (Ogg)", _FRAMES),
    (b"8BPS", "a Photoshop file", _EXPORT),
    (b"gimp xcf", "a GIMP file", _EXPORT),
    (b"\x00\x00\x01\x00", "an icon", _EXPORT),
    (b"\x59\xa6\x6a\x95", "a Sun raster picture", _EXPORT),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", _EXPORT),
    (b"#?RADIANCE", "a Radiance HDR picture", _EXPORT),
    (b"SIMPLE  =", "a FITS file", _EXPORT),
    (b"ZISRAWFILE", "a microscope's file (Zeiss CZI)", _PROPRIETARY),
    (b"\xda\xce\xbe\x0a", "a microscope's file (Nikon ND2)", _PROPRIETARY),
    (b"\x70\x00\x00\x00", "a microscope's file (Leica LIF)", _PROPRIETARY),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a microscope's file (Olympus OIB, Zeiss ZVI) or an old Office document",
     _PROPRIETARY),
    (b"\x89HDF\r\n", "an HDF5 file, which holds arrays", "write its pictures as PNG files"),
    (b"\x93NUMPY", "a NumPy array", "write it as a PNG file"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened here", "write its pictures as PNG files"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file with `git lfs pull`"),
    (b"<!DOCTYPE", "a web page", "look at it: a download that failed often leaves one; fetch the picture again"),
    (b"<html", "a web page", "look at it: a download that failed often leaves one; fetch the picture again"),
    (b"<svg", "a drawing (SVG), not a picture of pixels", _EXPORT),
    (b"<?xml", "an XML document", "name the picture that belongs to it"),
    (b"{", "a JSON document", "name the pictures that belong to it"),
)  # fmt: skip
# (what stands where in the file: all of it; what it is, the way out)
_PLACES: tuple[tuple[tuple[tuple[int, bytes], ...], str, str], ...] = (
    (((0, b"RIFF"), (8, b"AVI ")), "a video (AVI)", _FRAMES),
    (((0, b"RIFF"), (8, b"WAVE")), "a sound file", "name pictures"),
    *((((4, word),), "a video (QuickTime MOV)", _FRAMES) for word in (b"moov", b"mdat", b"wide", b"free", b"skip")),
    (((0, b"G"), (188, b"G"), (376, b"G")), "a video (MPEG transport stream)", _FRAMES),
    (((6, b"HEAPCCDR"),), "a raw file of a camera (Canon CRW)", _DEVELOP),
    (((128, b"DICM"),), "a DICOM file", "export the picture as PNG or TIFF in the viewer that shows it"),
    (((257, b"ustar"),), "a tar archive", _UNPACK),
)

_PHOTOMETRIC, _SUB_IFDS, _DNG = 262, 330, 50706
_SENSOR = (32803, 34892)  # photometric interpretation: colour filter array, linear raw
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I"}
_MOST_ENTRIES, _MOST_VALUES = 512, 64


def what_it_is(head: bytes) -> tuple[str, str] | None:
    """What a file is that begins with these bytes (``HEAD_BYTES`` of them), and what to do; None: not known."""
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for parts, what, way in _PLACES:
        if all(head[at : at + len(word)] == word for at, word in parts):
            return what, way
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, what, way in _BEGINNINGS:
        if head.startswith(beginning) or (beginning[:1] in b"<{" and text.startswith(beginning.lower())):
            return what, way
    return None


def _of_brands(head: bytes) -> tuple[str, str]:
    """An ISO base media file by the brands in its first box, the main one first."""
    size = min(len(head), int.from_bytes(head[:4], "big"))
    brands = (head[8:12], *(head[place : place + 4] for place in range(16, size, 4)))
    known = ((what, way) for brand in brands for names, what, way in _BRANDS if brand in names)
    return next(known, ("a video (MP4)", _FRAMES))


def raw_file(stream: BinaryIO) -> tuple[str, str] | None:
    """Whether a TIFF file is a camera's raw file (DNG, NEF, ARW, CR2, PEF...): its picture would be a thumbnail.

    Args:
        stream: of the whole file; its position is changed.
    """
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    if head[8:10] == b"CR":
        return "a raw file of a camera (Canon CR2)", _DEVELOP
    try:
        tags = _directory(stream, struct.unpack_from(f"{order}I", head, 4)[0], order)
        if _DNG in tags:
            return "a raw file of a camera (DNG)", _DEVELOP
        below = [_directory(stream, place, order) for place in tags.get(_SUB_IFDS, ())[:8]]
        if any(photometric in _SENSOR for part in (tags, *below) for photometric in part.get(_PHOTOMETRIC, ())):
            return "a raw file of a camera", _DEVELOP
    except (struct.error, OverflowError):  # damaged: the decoder will say so
        return None
    return None


def _directory(stream: BinaryIO, place: int, order: str) -> dict[int, tuple[int, ...]]:
    """Whole numbers of an image file directory (TIFF 6.0, section 2), of those tags that are looked at."""
    stream.seek(place)
    (count,) = struct.unpack(f"{order}H", stream.read(2))
    entries = stream.read(12 * min(count, _MOST_ENTRIES))
    found: dict[int, tuple[int, ...]] = {}
    for i in range(len(entries) // 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", entries, 12 * i)
        if tag not in (_PHOTOMETRIC, _SUB_IFDS, _DNG) or kind not in _TYPES or not 0 < number <= _MOST_VALUES:
            continue
        size = number * struct.calcsize(_TYPES[kind])
        value = entries[12 * i + 8 : 12 * i + 12]
        if size > len(value):
            stream.seek(struct.unpack(f"{order}I", value)[0])
            value = stream.read(size)
        found[tag] = struct.unpack_from(f"{order}{number}{_TYPES[kind]}", value)
    return found
