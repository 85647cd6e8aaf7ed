"""Damaged JPEG data are refused, by the walk through their codes and by the fit alone; good files of every kind pass."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime.core.images import Reading, load_image
from edge_runtime.core.jpeg.check import damage_of
from edge_runtime.core.jpeg.segments import END, read_segments
from edge_runtime.errors import BadImage

THOROUGH, QUICK = Reading(), Reading(thorough=False)


@lru_cache(maxsize=32)
def smear(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """Dark discs on a bright, slightly noisy ground."""
    generator = np.random.default_rng(5)
    ground = generator.normal((225, 205, 215), 4, (height, width, 3))
    y, x = np.mgrid[:height, :width]
    for cx, cy in generator.uniform((0, 0), (width, height), (max(1, width * height // 2000), 2)):
        ground[np.hypot(x - cx, y - cy) < 14] *= (0.85, 0.6, 0.65)
    picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    return picture.convert(mode)


def jpeg(image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or smear()).save(stream, "JPEG", **{"quality": 90, **options})  # type: ignore[arg-type]
    return stream.getvalue()


KINDS = {
    "plain": {},
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "own tables": {"optimize": True},
    "restart rows": {"restart_marker_rows": 1},
    "restart of two rows": {"restart_marker_rows": 2},
    "restart blocks": {"restart_marker_blocks": 7},
    "progressive": {"progressive": True},
    "exact": {"quality": 100, "subsampling": "4:4:4"},
    "coarse": {"quality": 5},
}
SIZES = [(1, 1), (7, 9), (16, 16), (17, 33), (320, 240), (640, 8), (33, 400)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_good_files_of_every_kind_pass_with_the_decoders_own_pixels(kind: str, mode: str) -> None:
    for size, reading in product(SIZES, (THOROUGH, QUICK)):
        content = jpeg(smear(*size, mode), **KINDS[kind])
        expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert np.array_equal(load_image(content, reading=reading), expected), size


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("kind", ["plain", "restart rows", "coarse"])
def test_pictures_of_one_colour_pass(level: int, kind: str) -> None:
    content = jpeg(Image.new("RGB", (640, 480), (level,) * 3), **KINDS[kind])
    for reading in (THOROUGH, QUICK):
        assert abs(int(load_image(content, reading=reading).mean()) - level) <= 10


def with_thumbnail(_: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "a picture with a picture in its EXIF block " + jpeg(smear(64, 48)).hex()
    return jpeg(exif=exif.tobytes() + jpeg(smear(64, 48)))


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "bytes behind the end": lambda content: content + b"\0" * 5000,
    "another picture behind the end": lambda content: content + jpeg(smear(64, 48)),
    "a whole second file in a comment": lambda content: jpeg(comment=jpeg(smear(64, 48))[:60000]),
    "a thumbnail": with_thumbnail,
    "two bytes too many, as webcams write them": lambda content: content[:-2] + b"\x12\x34" + END,
    "some bytes too many before every marker, as a Logitech C270 writes them": lambda content: padded_intervals(),
    "filled up with ones": lambda content: content[:-2] + b"\xff\xff\xff" + END,
    "no end marker": lambda content: content[:-2],
    "no code tables, as in frames of USB cameras": lambda content: without_tables(content),
}


def padded_intervals() -> bytes:
    content = jpeg(restart_marker_rows=1)
    parts = split_at_restarts(content)
    head = content[: content.find(b"\xff\xd0")]
    return b"".join([head, *(bytes(range(1, 2 + i % 5)) + part for i, part in enumerate(parts))])


def without_tables(content: bytes) -> bytes:
    while (place := content.find(b"\xff\xc4")) >= 0:
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        content = content[:place] + content[place + 2 + size :]
    return content


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_odd_but_whole_passes(what: str) -> None:
    content = HARMLESS[what](jpeg())
    assert damage_of(content) is None
    for reading in (THOROUGH, QUICK):
        assert load_image(content, reading=reading).shape == (240, 320, 3)


def test_two_pictures_in_one_file_as_phones_write_them_pass() -> None:
    stream = io.BytesIO()
    smear().save(stream, "MPO", save_all=True, append_images=[smear(64, 48)])
    assert load_image(stream.getvalue()).shape == (240, 320, 3)


def torn(content: bytes, begin: float, size: int) -> bytes:
    """Without some bytes of its scan, as when packets of a camera are lost."""
    segments = read_segments(content)
    scan = segments.scans[0]
    place = scan.begin + int((scan.end - scan.begin) * begin)
    return content[:place] + content[place + size :]


@pytest.mark.parametrize("reading", [THOROUGH, QUICK], ids=["thorough", "quick"])
@pytest.mark.parametrize("kind", ["plain", "4:4:4", "4:2:2", "own tables", "restart rows", "restart of two rows"])
@pytest.mark.parametrize("size", [512, 3072])
@pytest.mark.parametrize("begin", [0.05, 0.3, 0.62, 0.8])
def test_torn_frames_are_refused(reading: Reading, kind: str, size: int, begin: float) -> None:
    content = jpeg(smear(640, 480), **KINDS[kind])
    with pytest.raises(BadImage, match=r"is damaged: its JPEG data .*; copy or record it again") as caught:
        load_image(torn(content, begin, size), reading=reading)
    assert caught.value.kind == "damaged-image"


@pytest.mark.parametrize("reading", [THOROUGH, QUICK], ids=["thorough", "quick"])
@pytest.mark.parametrize("kind", ["plain", "4:4:4", "restart rows", "restart blocks"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_scan_that_stops_is_refused_with_and_without_an_end_marker(reading: Reading, kind: str, share: float) -> None:
    content = jpeg(**KINDS[kind])
    scan = read_segments(content).scans[0]
    cut = content[: scan.begin + int((scan.end - scan.begin) * share)].rstrip(b"\xff")
    with pytest.raises(BadImage) as caught:
        load_image(cut, reading=reading)
    assert caught.value.kind == "truncated-image"
    with pytest.raises(BadImage) as caught:
        load_image(cut + END, reading=reading)
    assert caught.value.kind == "damaged-image"


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.85])
def test_a_progressive_file_without_its_last_scans_is_refused(share: float) -> None:
    content = jpeg(progressive=True)
    scans = read_segments(content).scans
    with pytest.raises(BadImage, match="lack the last of their progressive scans"):
        load_image(content[: scans[int(len(scans) * share)].end] + END)


@pytest.mark.parametrize("kind", ["plain", "4:4:4", "own tables", "restart rows"])
def test_overwritten_data_are_found_nearly_always(kind: str) -> None:
    content = jpeg(smear(640, 480), **KINDS[kind])
    scan = read_segments(content).scans[0]
    generator = np.random.default_rng(11)
    found = 0
    for place in generator.integers(scan.begin, scan.end - 300, 20):
        nonsense = generator.integers(0, 255, 200, np.uint8).tobytes()  # no 255, so no markers
        found += damage_of(content[:place] + nonsense + content[place + 200 :]) is not None
    assert found >= 18


def test_a_changed_mean_level_is_found_though_every_code_fits() -> None:
    # the first block's level is changed by bits that leave all codes where they are; all blocks behind it shift
    content = bytearray(jpeg(Image.new("L", (64, 64), 250)))
    scan = read_segments(bytes(content)).scans[0]
    assert content[scan.begin] & 0xE0 == 0xE0  # a difference of 7 bits or more: 1110..., then its own bits
    found = [
        damage_of(bytes(content[: scan.begin + 1]) + bytes([value]) + bytes(content[scan.begin + 2 :]))
        for value in range(255)
    ]
    assert any(reason is not None and "brightness that no picture has" in reason for reason in found)


@pytest.mark.parametrize("change", ["lost", "doubled", "swapped"])
def test_restart_intervals_that_are_lost_doubled_or_swapped_are_refused(change: str) -> None:
    content = jpeg(restart_marker_rows=1)
    head, *parts = [content[: content.find(b"\xff\xd0")], *split_at_restarts(content)]
    if change == "lost":
        parts = parts[1:]
    elif change == "doubled":
        parts = [parts[0], *parts]
    else:
        parts[1], parts[2] = parts[2], parts[1]
    for reading in (THOROUGH, QUICK):
        with pytest.raises(BadImage, match="restart intervals"):
            load_image(head + b"".join(parts), reading=reading)


def split_at_restarts(content: bytes) -> list[bytes]:
    places = [i for i in range(len(content) - 1) if content[i] == 0xFF and 0xD0 <= content[i + 1] <= 0xD7]
    return [content[a:b] for a, b in zip(places, [*places[1:], len(content)], strict=True)]


def test_pictures_taken_in_long_ago_are_shown_as_they_are() -> None:
    content = torn(jpeg(), 0.5, 900)
    assert load_image(content, reading=Reading(as_it_is=True)).shape == (240, 320, 3)


def test_flipped_bytes_never_break_the_check() -> None:
    content = jpeg(smear(96, 64), restart_marker_rows=1)
    generator = np.random.default_rng(2)
    for _ in range(150):
        changed = bytearray(content)
        for place in generator.integers(2, len(content), 3):
            changed[place] = generator.integers(0, 256)
        for reading in (THOROUGH, QUICK):
            with contextlib.suppress(BadImage):
                load_image(bytes(changed), reading=reading, max_pixels=1_000_000)
