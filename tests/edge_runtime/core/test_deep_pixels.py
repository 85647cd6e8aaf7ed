"""Ten, twelve and fourteen bits in 16-bit files show what the 8-bit file of the same cell shows."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.deep_pixels import refuse_dark
from edge_runtime.core.images import Reading, load_image
from edge_runtime.errors import BadImage


def levels(colours: int = 3) -> np.ndarray:
    """A cell of 8 bits, uint8 [20, 24, colours], up to 240."""
    values = np.random.default_rng(4).integers(0, 240, (20, 24, colours), dtype=np.uint8)
    values[0, 0] = 240
    return values


def deeper(pixels: np.ndarray, bits: int) -> np.ndarray:
    """The same with more bits, right-aligned as cameras write them."""
    return np.round(pixels.astype(np.float64) * ((1 << bits) - 1) / 255).astype(np.uint16)


def png(values: np.ndarray, significant: int | None = None) -> bytes:
    """A PNG file of 16 bits, grey or RGB or RGBA, which Pillow cannot write in colour."""
    height, width = values.shape[:2]
    bands = values.shape[2] if values.ndim == 3 else 1

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = np.zeros((height, 1 + 2 * width * bands), np.uint8)
    rows[:, 1:] = values.astype(">u2").reshape(height, -1).view(np.uint8)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[bands], 0, 0, 0)
    said = b"" if significant is None else chunk(b"sBIT", bytes([significant] * bands))
    body = chunk(b"IHDR", head) + said + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(values: np.ndarray, order: str = "<", tags: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    """An uncompressed TIFF file of 16 bits a colour; tags are (number, type 3 or 4, value)."""
    height, width = values.shape[:2]
    bands = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(f"{order}u2").tobytes()
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, 1), (262, 3, 1, 2 if bands > 1 else 1), (273, 4, 1, 8),
        (277, 3, 1, bands), (278, 3, 1, height), (279, 4, 1, len(data)), *((tag, kind, 1, v) for tag, kind, v in tags),
    ]  # fmt: skip
    directory = 8 + len(data)
    entries.append((258, 3, bands, 16) if bands < 3 else (258, 3, bands, directory + 2 + 12 * (len(entries) + 1) + 4))
    packed = b""
    for tag, kind, count, value in sorted(entries):
        short = kind == 3 and count == 1
        packed += struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(
            f"{order}HH" if short else f"{order}I", *((value, 0) if short else (value,))
        )
    depths = struct.pack(f"{order}{bands}H", *[16] * bands) if bands > 2 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    return head + data + struct.pack(f"{order}H", len(entries)) + packed + b"\0" * 4 + depths


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("make", ["png", "tiff little", "tiff big"])
@pytest.mark.parametrize("colours", [1, 3])
def test_levels_are_scaled_by_the_range_that_is_used(bits: int, make: str, colours: int) -> None:
    pixels = levels(colours)
    deep = deeper(pixels, bits) if colours == 3 else deeper(pixels, bits)[..., 0]
    content = png(deep) if make == "png" else tiff(deep, "<" if make == "tiff little" else ">")
    notes: list[str] = []
    found = load_image(content, called="cell.tif", reading=Reading(tell=notes.append))
    assert np.abs(found.astype(int) - pixels).max() <= 1
    expected = f"cell.tif holds {bits} bits in 16, as its largest level is {deep.max()}; "
    assert notes == ([] if bits == 16 else [f"{expected}its levels 0 to {(1 << bits) - 1} were scaled to 0 to 255."])


def test_compressed_colours_keep_their_lower_bits() -> None:
    stream = io.BytesIO()
    deep = deeper(levels(1), 12)[..., 0]
    Image.fromarray(deep).save(stream, "TIFF", compression="tiff_lzw")
    assert np.abs(load_image(stream.getvalue())[..., 0].astype(int) - levels(1)[..., 0]).max() <= 1


def test_a_dim_picture_is_scaled_by_what_its_file_says() -> None:
    pixels = levels() // 4  # a 12-bit camera of which only 10 bits are used
    notes: list[str] = []
    for content in (
        png(deeper(pixels, 12), significant=12),
        tiff(deeper(pixels, 12), tags=((281, 3, 4095),)),
    ):
        assert np.abs(load_image(content, reading=Reading(tell=notes.append)).astype(int) - pixels).max() <= 1
    assert all("holds 12 bits in 16, as it says" in note for note in notes) and len(notes) == 2


def test_levels_that_were_stretched_already_stay_whatever_the_tag_says() -> None:
    # PNG, 11.3.2.4: a writer scales its samples up to the depth of the file and says in sBIT what they had
    stretched = levels().astype(np.uint16) * 257
    assert np.array_equal(load_image(png(stretched, significant=12)), levels())


def test_under_a_tenth_of_the_range_is_refused() -> None:
    dark = deeper(levels() // 12, 12)
    for content in (png(dark, significant=12), tiff(dark, tags=((281, 3, 4095),))):
        with pytest.raises(BadImage, match=r"under a tenth of the range; raise the exposure") as caught:
            load_image(content)
        assert caught.value.kind == "too-dark"


def test_transparent_places_of_deep_pictures_are_black() -> None:
    deep = np.concatenate([deeper(levels(), 12), np.full((20, 24, 1), 65535, np.uint16)], axis=2)
    deep[5, 5, 3] = 0
    pixels = load_image(png(deep))
    assert pixels[5, 5].max() == 0 and np.abs(pixels[6].astype(int) - levels()[6]).max() <= 1


def test_deep_pictures_are_turned_upright() -> None:
    deep = deeper(levels(), 12)
    assert np.abs(load_image(tiff(deep, tags=((274, 3, 3),))).astype(int) - levels()[::-1, ::-1]).max() <= 1


def test_a_cell_of_eight_bits_whose_levels_were_cut_off_is_refused() -> None:
    refuse_dark(np.full((4, 4, 3), 26, np.uint8), "cell.png")
    with pytest.raises(BadImage, match="levels up to 15 of 255") as caught:
        refuse_dark(np.full((4, 4, 3), 15, np.uint8), "cell.png")
    assert caught.value.kind == "too-dark"
