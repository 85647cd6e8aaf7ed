"""Decode a JPEG picture and notice on the way whether its data end early or are left over; that costs nothing.

Pillow's decoder takes its data in pieces and waits for more. So the last bytes before each restart marker, and before
the end, are held back: a decoder that has got the row of blocks without them has lost something before, and one that
has not got it with all of them, and with some that fill the last code, lacks something. The decoder's own warnings say
much the same, but Pillow drops them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from edge_runtime.core.jpeg.segments import END, Segments, restart_intervals

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

_HELD_BACK = 16  # bytes; more than encoders in cameras add to the end of a good picture
_FILLING = b"\xff\x00" * 16  # ones, of which no code consists, as many as libjpeg reads ahead
_PATTERN = (200, 13, 77, 255, 0, 131, 5, 250, 99, 1, 180, 66, 255, 31, 222, 9)  # in no picture's row
_BLOCK = 8  # pixels


def can_watch(segments: Segments) -> bool:
    """Whether the decoder gives rows while it reads: it does for one sequential scan of a picture of some width."""
    frame = segments.frame
    return frame is not None and frame.sequential and len(segments.scans) == 1 and frame.width >= len(_PATTERN)


def decode(image: JpegImageFile, content: bytes, segments: Segments) -> str | None:
    """Load the picture's pixels; what is wrong with its data, in a few words that follow "its data", or None.

    Args:
        image: opened, not yet loaded; loaded afterwards, whatever is found.
        content: the whole file.
        segments: of it, which :func:`can_watch`.

    Raises:
        OSError: the decoder refuses the data.
    """
    stops, problem = _stops(content, segments)
    _, box, offset, arguments = image.tile[0]
    image.load_prepare()
    feeding = _Feeding(image, box, arguments)
    place = offset
    for end, row in stops if problem is None else ():
        held = max(place, end - _HELD_BACK)
        feeding.mark(row)
        feeding.feed(content[place:held])
        if feeding.has(row):
            problem = "go on where the picture is complete, so that a part of it was lost"
            place = held
            break
        feeding.feed(content[held:end])
        feeding.feed(_FILLING)
        place = end
        if not feeding.has(row):
            problem = "end before the picture does"
            break
    end = stops[-1][0]
    feeding.feed(content[place:end])
    feeding.feed(END)
    image.tile = []
    return problem


def _stops(content: bytes, segments: Segments) -> tuple[list[tuple[int, int]], str | None]:
    """Where pieces of data end in the file, each with a row of pixels that is there with the piece and not before."""
    frame, scan = segments.frame, segments.scans[0]
    assert frame is not None
    end = content.find(END, scan.begin)
    end = len(content) if end < 0 else end
    tallest = 1 if scan.alone is not None else max(v for _, v, _ in frame.components.values())
    height = _BLOCK * tallest
    rows = -(-frame.height // height)
    last = (end, (rows - 1) * height)
    if not scan.restart:
        return [last], None
    places, wanted, problem = restart_intervals(content, frame, scan)
    across = frame.mcus(scan.alone) // rows
    if problem is not None or scan.restart % across:  # a piece that ends within a row of blocks shows nothing
        return [last], problem
    done = 0
    stops = []
    for (_, stop), mcus in zip(places, wanted, strict=True):
        done += mcus
        stops.append((stop, (done // across - 1) * height))
    return [*stops[:-1], last], None


class _Feeding:
    def __init__(self, image: JpegImageFile, box: Any, arguments: Any) -> None:
        self._pixels: Any = image.im
        bands = len(image.getbands())
        self._pattern: list[Any] = [value if bands == 1 else (value,) * bands for value in _PATTERN]
        decoder_of: Any = Image._getdecoder
        self._decoder = decoder_of(image.mode, "jpeg", arguments, image.decoderconfig)
        self._decoder.setimage(self._pixels, box)
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Hand over more data; once the decoder has ended, it takes no more."""
        if self._ended:
            return
        self._rest += data
        taken, problem = self._decoder.decode(self._rest)
        if problem < 0:
            raise OSError(f"decoder error {problem}")
        self._ended = taken < 0
        self._rest = b"" if self._ended else self._rest[taken:]

    def mark(self, row: int) -> None:
        """Put into a row what no picture has."""
        for column, value in enumerate(self._pattern):
            self._pixels.putpixel((column, row), value)

    def has(self, row: int) -> bool:
        """Whether the row was decoded."""
        return any(self._pixels.getpixel((x, row)) != value for x, value in enumerate(self._pattern))
