"""Whether a JPEG file holds all of its picture: damage that decoders paint over in grey or nonsense.

Found are data that end early or are left over, missing and doubled restart intervals, codes of no meaning, blocks with
more than 64 coefficients or with a mean level that no picture has; of progressive files, scans that are missing. Not
found is what leaves every code in step and every level possible: a few wrong coefficients, or a change of brightness
within what is possible. What it costs and how much it finds stands in docs/pictures-read.md.
"""

from __future__ import annotations

from edge_runtime.core.jpeg.segments import Frame, Scan, Segments, read_segments, restart_intervals
from edge_runtime.core.jpeg.walk import Component, NotInStep, Walk, walk

MOST_BYTES = 4 << 20  # of a scan that is walked through; the walk needs some 40 times as much memory
# Encoders in cameras fill up their last words, and some write a few bytes too many before every marker ("3 extraneous
# bytes before marker 0xd4" is said of each frame of some webcams: opencv/opencv #9477, libavg/libavg #782)
_USUAL_REST = 8


def damage_of(content: bytes, segments: Segments | None = None) -> str | None:
    """What is wrong with the data of a JPEG file, in a few words that follow "its data"; None when nothing is found.

    A file that cannot be followed (arithmetic coding, tables that make no sense, a scan above ``MOST_BYTES``) is left
    to the decoder.
    """
    found = segments or read_segments(content)
    frame = found.frame
    try:
        if frame is None or not found.scans:
            return None
        if frame.progressive:
            return _missing_scans(frame, found.scans) if found.end is not None else None
        if not frame.sequential:
            return None
        for scan in found.scans:
            if scan.end - scan.begin > MOST_BYTES:
                continue
            if (reason := _scan_damage(content, frame, scan)) is not None:
                return reason
        lacking = len(set(frame.components) - {part for scan in found.scans for part, _, _ in scan.chosen})
        return f"lack {lacking} of {len(frame.components)} colour components" if lacking else None
    except (KeyError, IndexError, ValueError, NotInStep):
        return None


def _scan_damage(content: bytes, frame: Frame, scan: Scan) -> str | None:
    components = []
    for part, dc, ac in scan.chosen:
        h, v, quantiser = frame.components[part]
        blocks = h * v if scan.alone is None else 1
        components.append(Component(blocks, scan.huffman[0, dc], scan.huffman[1, ac], scan.steps[quantiser]))
    places, wanted, problem = restart_intervals(content, frame, scan)
    if problem is not None:
        return problem
    return _judged(
        walk([content[begin:end].replace(b"\xff\x00", b"\xff") for begin, end in places], wanted, components)
    )


def _judged(found: Walk) -> str | None:
    if found.missing:
        return f"lack at least {found.missing:,} of {found.blocks:,} blocks"
    if found.impossible:
        return f"hold {found.impossible:,} codes that no camera writes"
    if found.out_of_range:
        return f"give {found.out_of_range:,} of {found.blocks:,} blocks a brightness that no picture has"
    if found.left_over > _USUAL_REST:
        return f"go on for {found.left_over:,} bytes where the picture is complete, so that a part of it was lost"
    return None


def _missing_scans(frame: Frame, scans: list[Scan]) -> str | None:
    """Whether a component has no mean levels, the first one nothing else, or bits of either are still to come."""
    left: dict[tuple[int, int], int] = {}
    for scan in scans:
        first, last, _, bits = scan.band
        for part, _, _ in scan.chosen:
            left.update({(part, coefficient): bits for coefficient in range(first, last + 1)})
    main = next(iter(frame.components))
    begun = all((part, 0) in left for part in frame.components) and any((main, k) in left for k in range(1, 64))
    return None if begun and not any(left.values()) else "lack the last of their progressive scans"
