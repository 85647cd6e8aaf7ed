"""What is no picture that is read here is called by its name, with the way to a picture."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import pytest
from PIL import Image

from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage


def box(brand: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + brand + b"\0\0\0\0" + b"".join(others)
    return struct.pack(">I", 4 + len(body)) + body + b"\0\0\0\x08mdat" + bytes(200)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("cell.png", b"x")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("cell.png"), io.BytesIO())
    return stream.getvalue()


def raw_tiff(order: str, tags: list[tuple[int, int, int]], below: list[tuple[int, int, int]] | None = None) -> bytes:
    """A TIFF file with a first directory of (tag, type, value), and one below it where it is given."""

    def directory(entries: list[tuple[int, int, int]]) -> bytes:
        body = b"".join(
            struct.pack(f"{order}HHI", tag, kind, 1)
            + struct.pack(f"{order}HH" if kind == 3 else f"{order}I", *((value, 0) if kind == 3 else (value,)))
            for tag, kind, value in sorted(entries)
        )
        return struct.pack(f"{order}H", len(entries)) + body + b"\0\0\0\0"

    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    if below is None:
        return head + directory(tags)
    place = 8 + 2 + 12 * (len(tags) + 1) + 4
    return head + directory([*tags, (330, 4, place)]) + directory(below)


PHONE, FRAMES, DEVELOP, UNPACK = "export it as JPEG", "ffmpeg -i", "develop it to TIFF", "unpack it"
FOREIGN = {
    "heic": (box(b"heic", b"mif1", b"heic"), "HEIC", PHONE),
    "heic of another maker": (box(b"mif1", b"heic"), "HEIC", PHONE),
    "avif": (box(b"avif"), "AVIF", "export it as JPEG, PNG or TIFF"),
    "avif behind mif1": (box(b"avis", b"mif1"), "AVIF", "export it"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000", "export it"),
    "jpeg 2000 codestream": (b"\xff\x4f\xff\x51" + bytes(20), "JPEG 2000", "export it"),
    "jpeg xl": (b"\xff\x0a" + bytes(20), "JPEG XL", "export it"),
    "cr3": (box(b"crx "), "raw file of a camera (Canon CR3)", DEVELOP),
    "cr2": (b"II*\0\x10\0\0\0CR\x02\0" + bytes(50), "Canon CR2", DEVELOP),
    "dng": (raw_tiff("<", [(254, 4, 1), (50706, 4, 0x00000401)]), "DNG", DEVELOP),
    "nef": (raw_tiff(">", [(254, 4, 1), (262, 3, 2)], [(262, 3, 32803)]), "raw file of a camera", DEVELOP),
    "arw": (raw_tiff("<", [(254, 4, 1), (262, 3, 6)], [(262, 3, 32803)]), "raw file of a camera", DEVELOP),
    "pef": (raw_tiff(">", [(262, 3, 32803)]), "raw file of a camera", DEVELOP),
    "raf": (b"FUJIFILMCCD-RAW 0201FF" + bytes(50), "Fujifilm RAF", DEVELOP),
    "rw2": (b"IIU\0" + bytes(50), "Panasonic RW2", DEVELOP),
    "orf": (b"IIRO\x08\0\0\0" + bytes(50), "Olympus ORF", DEVELOP),
    "x3f": (b"FOVb" + bytes(50), "Sigma X3F", DEVELOP),
    "zip": (zipped(), "ZIP archive", UNPACK),
    "tar": (tarred(), "tar archive", UNPACK),
    "gzip": (b"\x1f\x8b\x08" + bytes(50), "gzip archive", UNPACK),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z archive", UNPACK),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(50), "RAR archive", UNPACK),
    "pdf": (b"%PDF-1.7\n" + bytes(50), "PDF document", "pdfimages"),
    "mp4": (box(b"isom", b"mp42"), "video (MP4)", FRAMES),
    "m4v": (box(b"M4V "), "video (MP4)", FRAMES),
    "mov": (box(b"qt  "), "video (QuickTime MOV)", FRAMES),
    "old mov": (b"\0\0\x10\0moov" + bytes(50), "video (QuickTime MOV)", FRAMES),
    "avi": (b"RIFF\0\x10\0\0AVI LIST" + bytes(50), "video (AVI)", FRAMES),
    "mkv": (b"\x1aE\xdf\xa3" + bytes(50), "Matroska MKV", FRAMES),
    "mpeg ts": ((b"\x47" + bytes(187)) * 3, "MPEG transport stream", FRAMES),
    "wmv": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50), "Windows Media", FRAMES),
    "dicom": (bytes(128) + b"DICM" + bytes(50), "DICOM", "viewer"),
    "czi": (b"ZISRAWFILE" + bytes(50), "Zeiss CZI", "bfconvert"),
    "nd2": (b"\xda\xce\xbe\x0a" + bytes(50), "Nikon ND2", "bfconvert"),
    "photoshop": (b"8BPS\0\x01" + bytes(50), "Photoshop", "export it"),
    "web page": (b"\n<!doctype html><html><body>404</body></html>", "web page", "download that failed"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "export it"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", "git lfs pull"),
    "array": (b"\x93NUMPY\x01\0" + bytes(50), "NumPy array", "PNG"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_the_refusal_says_what_it_is_and_the_way_out(kind: str) -> None:
    content, what, way = FOREIGN[kind]
    with pytest.raises(BadImage, match=r"which is not read here; .*\.$") as caught:
        load_image(content, called=f"x.{kind}")
    assert caught.value.kind == "not-an-image" and what in str(caught.value) and way in str(caught.value)


def test_what_nobody_knows_is_shown_by_its_first_bytes() -> None:
    with pytest.raises(BadImage, match=r"starts with b'\\x01\\x02"):
        load_image(bytes(range(1, 40)))


def test_ordinary_tiff_files_are_no_raw_files() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(stream, "TIFF")
    assert load_image(stream.getvalue())[0, 0].tolist() == [200, 100, 50]
