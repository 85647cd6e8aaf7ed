"""The segments of a JPEG file: its frame, its tables and its scans, read without decoding (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edge_runtime.core.jpeg.codes import STANDARD, HuffmanTable

END = b"\xff\xd9"
_START, _END, _SCAN, _TABLES, _STEPS, _RESTART = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_RESTARTS = range(0xD0, 0xD8)
_MARKS = re.compile(rb"\xff+[\xd0-\xd7]")
_SCAN_END = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass(frozen=True)
class Frame:
    """What a file says of its picture.

    Attributes:
        kind: the number of its marker.
        width: in pixels.
        height: in pixels.
        components: identifier -> (samples across, samples down, number of its quantiser).
    """

    kind: int
    width: int
    height: int
    components: dict[int, tuple[int, int, int]]

    @property
    def sequential(self) -> bool:
        """Whether each block stands in one piece, in Huffman codes."""
        return self.kind in _SEQUENTIAL

    @property
    def progressive(self) -> bool:
        """Whether each block comes in several scans."""
        return self.kind == _PROGRESSIVE

    def mcus(self, alone: int | None = None) -> int:
        """Of a scan of all components, or of one component ``alone``, which has no MCU to fill up."""
        across = max(h for h, _, _ in self.components.values())
        down = max(v for _, v, _ in self.components.values())
        h, v = (1, 1) if alone is None else self.components[alone][:2]
        return -(-self.width * h // (8 * across)) * -(-self.height * v // (8 * down))


@dataclass(frozen=True)
class Scan:
    """One scan, with the tables in force.

    Attributes:
        chosen: (component, table of mean levels, table of the others), numbers as in the segment.
        band: first and last coefficient, bits before and bits left (progressive files).
        begin: where its data begin in the file.
        end: where they end: at the next marker, or at the end of the file.
        restart: MCUs from restart marker to restart marker; 0 for none.
        steps: quantisation steps of the mean levels, by the quantiser's number.
        huffman: tables by (kind, number).
    """

    chosen: tuple[tuple[int, int, int], ...]
    band: tuple[int, int, int, int]
    begin: int
    end: int
    restart: int
    steps: dict[int, int]
    huffman: dict[tuple[int, int], HuffmanTable]

    @property
    def alone(self) -> int | None:
        """The component, where it is the only one."""
        return self.chosen[0][0] if len(self.chosen) == 1 else None


@dataclass
class Segments:
    """All segments of a file up to the end of its (first) picture.

    Attributes:
        frame: None when the file ends before it.
        scans: in their order.
        end: where the marker of the picture's end stands; None when there is none.
    """

    frame: Frame | None = None
    scans: list[Scan] = field(default_factory=list)
    end: int | None = None


def read_segments(content: bytes) -> Segments:
    """The segments of a file that begins with a start marker; what is damaged ends the reading."""
    found = Segments()
    steps: dict[int, int] = {}
    huffman = dict(STANDARD)
    restart, place = 0, 2
    try:
        while found.end is None:
            marker, begin, place = _segment(content, place)
            data = content[begin:place]
            if marker == _END:
                found.end = begin - 2
            elif marker == _TABLES:
                _read_huffman(data, huffman)
            elif marker == _STEPS:
                _read_steps(data, steps)
            elif marker == _RESTART:
                restart = int.from_bytes(data[:2], "big")
            elif marker in _FRAMES:
                found.frame = _frame(marker, data)
            elif marker == _SCAN:
                chosen = tuple((data[1 + 2 * i], data[2 + 2 * i] >> 4, data[2 + 2 * i] & 15) for i in range(data[0]))
                first, last, bits = data[1 + 2 * len(chosen) :][:3]
                after = _SCAN_END.search(content, place)
                end = len(content) if after is None else after.start()
                band = (first, last, bits >> 4, bits & 15)
                found.scans.append(Scan(chosen, band, place, end, restart, dict(steps), dict(huffman)))
                place = end
    except (IndexError, ValueError):  # the file ends within a segment, or what should be one is none
        pass
    return found


def restart_intervals(content: bytes, frame: Frame, scan: Scan) -> tuple[list[tuple[int, int]], list[int], str | None]:
    """Where the data between a scan's restart markers stand, the MCUs each shall hold, and what is wrong with them.

    Returns:
        (begin, end) in the file; MCUs; a few words that follow "its data" when markers are missing or out of order.
    """
    mcus = frame.mcus(scan.alone)
    each = scan.restart or mcus
    wanted = [min(each, mcus - done) for done in range(0, mcus, each)]
    marks = list(_MARKS.finditer(content, scan.begin, scan.end)) if scan.restart else []
    begins = [scan.begin, *(mark.end() for mark in marks)]
    places = list(zip(begins, [*(mark.start() for mark in marks), scan.end], strict=True))
    if len(places) == len(wanted) + 1 and places[-1][0] == places[-1][1]:  # a marker at the end, where none is due
        places.pop()
    if len(places) != len(wanted):
        return places, wanted, f"hold {len(places)} of {len(wanted)} restart intervals"
    if any(content[mark.end() - 1] & 7 != number & 7 for number, mark in enumerate(marks)):
        return places, wanted, "hold restart intervals in a wrong order"
    return places, wanted, None


def _segment(content: bytes, place: int) -> tuple[int, int, int]:
    """The next marker, and where what it holds begins and ends; IndexError at the end of the file."""
    place = content.find(b"\xff", place)
    if place < 0:
        raise IndexError
    while content[place] == 0xFF:
        place += 1
    marker = content[place]
    if marker in (_START, _END) or marker in _RESTARTS or marker < 0x02:
        return marker, place + 1, place + 1
    size = content[place + 1] << 8 | content[place + 2]
    return marker, place + 3, place + 1 + size


def _read_huffman(data: bytes, tables: dict[tuple[int, int], HuffmanTable]) -> None:
    while data:
        counts = data[1:17]
        end = 17 + sum(counts)
        tables[data[0] >> 4, data[0] & 15] = HuffmanTable(counts, data[17:end])
        data = data[end:]


def _read_steps(data: bytes, steps: dict[int, int]) -> None:
    while data:
        width = 1 if data[0] >> 4 == 0 else 2
        steps[data[0] & 15] = int.from_bytes(data[1 : 1 + width], "big")
        data = data[1 + 64 * width :]


def _frame(marker: int, data: bytes) -> Frame:
    height, width = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
    triples = [data[6 + 3 * i : 9 + 3 * i] for i in range(data[5])]
    return Frame(marker, width, height, {t[0]: (t[1] >> 4, t[1] & 15, t[2]) for t in triples})
