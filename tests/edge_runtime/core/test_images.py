"""Every kind of image file becomes 8-bit RGB, and every bad one a single clear sentence of the right kind."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.images import Reading, load_image
from edge_runtime.errors import BadImage

# Pillow also warns of damage; the command line silences that, because the error says it
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(3).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(values if channels > 1 else values[..., 0])


def png_of_size(width: int, height: int) -> bytes:
    """A PNG header that promises a size, with almost no data behind it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def webp_of_size(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", width - 1)[:3]
    body += struct.pack("<I", height - 1)[:3] + b"VP8 " + struct.pack("<I", 10) + b"\0" * 10
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    image = noise()
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(load_image(encoded(image, kind, **options)), np.asarray(image))


@pytest.mark.parametrize(
    "image, kind, colour, tolerance",
    [
        (Image.new("RGB", (9, 9), (200, 60, 40)), "JPEG", (200, 60, 40), 4),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", (255, 0, 0), 4),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "TIFF", (255, 0, 0), 0),
        (Image.new("L", (9, 9), 77), "PNG", (77, 77, 77), 0),
        (Image.new("1", (9, 9), 1), "PNG", (255, 255, 255), 0),
        (Image.new("RGB", (9, 9), (1, 2, 3)).quantize(4), "PNG", (1, 2, 3), 0),
        (Image.new("RGB", (9, 9), (1, 2, 3)).quantize(4), "GIF", (1, 2, 3), 0),
        (Image.new("RGBA", (9, 9), (200, 100, 50, 255)), "PNG", (200, 100, 50), 0),
        (Image.new("RGBA", (9, 9), (200, 100, 50, 0)), "PNG", (0, 0, 0), 0),
        (Image.new("RGBA", (9, 9), (200, 100, 50, 51)), "PNG", (40, 20, 10), 0),
        (Image.new("LA", (9, 9), (200, 51)), "PNG", (40, 40, 40), 0),
        (Image.fromarray(np.full((9, 9), 65535, np.uint16)), "PNG", (255, 255, 255), 0),
        (Image.fromarray(np.full((9, 9), 257 * 100, np.uint16)), "PNG", (100, 100, 100), 0),
        (Image.fromarray(np.full((9, 9), 257 * 100, np.uint16)), "TIFF", (100, 100, 100), 0),
        (Image.fromarray(np.full((9, 9), 300, np.int32)), "TIFF", (75, 75, 75), 0),
        (Image.new("LAB", (9, 9), (255, 128, 128)), "TIFF", (255, 255, 255), 3),
    ],
)
def test_every_mode_becomes_rgb(image: Image.Image, kind: str, colour: tuple[int, int, int], tolerance: int) -> None:
    pixels = load_image(encoded(image, kind))
    assert pixels.shape == (9, 9, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(colour)).max() <= tolerance


def test_transparent_palette_and_colour_key_become_black() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([200, 100, 50] + [0] * 765)
    assert load_image(encoded(palette, "PNG", transparency=0)).max() == 0
    keyed = Image.new("RGB", (4, 4), (9, 8, 7))
    assert load_image(encoded(keyed, "PNG", transparency=(9, 8, 7))).max() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation, corner", [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0)), (5, (0, 0))])
def test_exif_orientation_is_applied(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    values = np.zeros((48, 32, 3), np.uint8)
    values[:16, :16] = 255  # the upper left corner is white, and moves
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = load_image(encoded(Image.fromarray(values), kind, exif=exif))
    assert pixels.shape[:2] == ((48, 32) if orientation in (1, 3) else (32, 48))
    assert pixels[corner].min() > 200
    assert pixels[tuple(-1 - c for c in corner)].max() < 60


def test_damaged_exif_does_not_matter() -> None:
    image = noise()
    assert np.array_equal(load_image(encoded(image, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")), np.asarray(image))


def cut(content: bytes, keep: float = 0.6) -> bytes:
    return content[: int(len(content) * keep)]


BAD = {
    "empty": (b"", "empty-file"),
    "text": (b"patient,label\n1,2\n", "not-an-image"),
    "pdf": (b"%PDF-1.7\n", "not-an-image"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not-an-image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-an-image"),
    "one byte": (b"\x89", "not-an-image"),
    "riff but no webp": (b"RIFF\x10\0\0\0WAVEfmt ", "not-an-image"),
    "cut png": (cut(encoded(noise())), "truncated-image"),
    "cut jpeg": (cut(encoded(noise(), "JPEG")), "truncated-image"),
    "cut webp": (cut(encoded(noise(), "WEBP")), "truncated-image"),
    "cut lossless webp": (cut(encoded(noise(), "WEBP", lossless=True)), "truncated-image"),
    "cut bmp": (cut(encoded(noise(), "BMP")), "truncated-image"),
    "cut ppm": (cut(encoded(noise(), "PPM")), "truncated-image"),
    "cut gif": (cut(encoded(noise().quantize(64), "GIF")), "truncated-image"),
    "png signature only": (b"\x89PNG\r\n\x1a\n", "truncated-image"),
    "jpeg signature only": (b"\xff\xd8\xff\xe0", "truncated-image"),
    "png with a wrong checksum": (encoded(noise()).replace(b"IHDR\0\0\0\x28", b"IHDR\0\0\0\x29"), "unreadable-image"),
    "30000 x 30000 png": (png_of_size(30_000, 30_000), "too-large"),
    "4 billion wide png": (png_of_size(0xFFFFFFFF, 1), "too-large"),
    "16000 x 16000 webp": (webp_of_size(16_000, 16_000), "too-large"),
    "no width": (png_of_size(0, 5), "unreadable-image"),
    "floating-point tiff": (encoded(Image.new("F", (4, 4), 0.5), "TIFF"), "unreadable-image"),
    "32-bit tiff": (encoded(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "unreadable-image"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_give_one_clear_sentence(case: str, tmp_path: Path) -> None:
    content, kind = BAD[case]
    path = tmp_path / "cell.png"
    path.write_bytes(content)
    with pytest.raises(BadImage) as caught:
        load_image(path)
    assert caught.value.kind == kind
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message and len(message) < 500


@pytest.mark.parametrize("place", ["png", "jpeg", "webp", "tiff", "gif"])
def test_flipped_bits_give_pixels_or_a_bad_image(place: str) -> None:
    image = noise().quantize(32) if place == "gif" else noise()
    whole = encoded(image, place.upper())
    generator = np.random.default_rng(11)
    for _ in range(150):
        damaged = bytearray(whole)
        for spot in generator.integers(0, len(whole), 3):
            damaged[spot] ^= 1 << int(generator.integers(8))
        try:
            pixels = load_image(bytes(damaged), max_pixels=1_000_000)
        except BadImage as error:
            assert error.kind in {"truncated-image", "unreadable-image", "not-an-image", "too-large", "damaged-image"}
        else:
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    image = noise()
    path = tmp_path / "cell.jpg"
    path.write_bytes(encoded(image, "PNG"))
    assert np.array_equal(load_image(path), np.asarray(image))


def test_a_limit_of_pixels_is_kept_before_decoding() -> None:
    with pytest.raises(BadImage, match="1,200 pixels, more than 1,000") as caught:
        load_image(encoded(noise()), max_pixels=1000)
    assert caught.value.kind == "too-large"


def _missing(folder: Path) -> Path:
    return folder / "missing.png"


def _loop(folder: Path) -> Path:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    return folder / "a.png"


def _folder(folder: Path) -> Path:
    return folder


def _device(folder: Path) -> Path:
    return Path("/dev/zero")


def _too_long(folder: Path) -> Path:
    return folder / ("n" * 5000)


@pytest.mark.parametrize("make", [_missing, _loop, _folder, _device, _too_long])
def test_files_that_do_not_open(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(BadImage) as caught:
        load_image(make(tmp_path))
    assert caught.value.kind == "unreadable-file"
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(noise()))
    path.chmod(0)
    with pytest.raises(BadImage, match="Permission denied") as caught:
        load_image(path)
    assert caught.value.kind == "unreadable-file"


def test_a_file_that_vanishes_or_refuses_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(noise()))

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(BadImage, match="Permission denied") as caught:
        load_image(path)
    assert caught.value.kind == "unreadable-file"


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = os.path.join(tmp_path, os.fsdecode(b"\xff\xfe.png"))
    Path(path).write_bytes(b"")
    with pytest.raises(BadImage) as caught:
        load_image(path)
    assert "\\xff\\xfe.png" in str(caught.value)
    str(caught.value).encode("utf-8")


def test_bytes_streams_and_pipes(tmp_path: Path) -> None:
    content, pixels = encoded(noise()), np.asarray(noise())
    assert np.array_equal(load_image(content), pixels)
    assert np.array_equal(load_image(io.BytesIO(content)), pixels)
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as stream:
        stream.write(content)
    with os.fdopen(reader, "rb") as stream:
        assert np.array_equal(load_image(stream), pixels)


SEVERAL = {
    "animated gif": ("GIF", [noise("L"), noise("RGBA")]),
    "animated webp": ("WEBP", [noise("RGBA").convert("RGB")]),
    "animated png": ("PNG", [noise("L").convert("RGB")]),
    "two-page tiff": ("TIFF", [noise("L")]),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_of_several_pictures_the_first_is_read_with_a_note_or_the_one_that_is_named(kind: str) -> None:
    format_name, others = SEVERAL[kind]
    first = noise().quantize(64) if format_name == "GIF" else noise()
    options = {"lossless": True} if format_name == "WEBP" else {}
    content = encoded(first, format_name, save_all=True, append_images=others, **options)
    notes: list[str] = []
    pixels = load_image(content, reading=Reading(tell=notes.append))
    assert np.array_equal(pixels, np.asarray(first.convert("RGB")))
    assert [note.endswith("the first is read, --page N reads another.") for note in notes] == [True]
    second = load_image(content, reading=Reading(page=2, tell=notes.append))
    assert not np.array_equal(second, pixels) and len(notes) == 1
    with pytest.raises(BadImage, match="no page 9") as caught:
        load_image(content, reading=Reading(page=9))
    assert caught.value.kind == "no-such-page"


def test_pages_that_show_the_same_need_no_note() -> None:
    content = encoded(noise(), "TIFF", save_all=True, append_images=[noise()])
    load_image(content, reading=Reading(tell=pytest.fail))


def test_a_page_of_a_file_with_one_picture() -> None:
    assert load_image(encoded(noise()), reading=Reading(page=1)).shape == (30, 40, 3)
    with pytest.raises(BadImage, match="holds one picture") as caught:
        load_image(encoded(noise()), reading=Reading(page=2))
    assert caught.value.kind == "no-such-page"


def test_the_pictures_of_a_file_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """To count them a file of thousands of pages has to be walked to its end, which takes minutes."""
    from PIL import TiffImagePlugin

    def counted(_: object) -> int:
        raise AssertionError("the whole file is walked")

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "n_frames", property(counted))
    content = encoded(noise(), "TIFF", save_all=True, append_images=[noise("L")] * 3)
    assert np.array_equal(load_image(content), np.asarray(noise()))
