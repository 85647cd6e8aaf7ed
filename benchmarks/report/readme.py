"""The blocks of a README that benchmarks fill: found by their markers, replaced, or compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_runtime.errors import BadData

# at the beginning of a line, so that an indented example is none
_BEGIN = re.compile(r"^<!-- bench:([a-z]+)(?: (\S+))? -->\n", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One marked part of a text.

    Attributes:
        kind: of benchmark.
        picture: where its picture belongs, relative to the text; None for a block without one.
        start, end: positions of what lies between the markers.
    """

    kind: str
    picture: str | None
    start: int
    end: int


def find_blocks(text: str, name: str) -> list[Block]:
    """Blocks between ``<!-- bench:KIND -->`` (or ``<!-- bench:KIND PICTURE.svg -->``) and ``<!-- /bench:KIND -->``.

    Args:
        name: of the file, for messages.

    Raises:
        BadData: a block is not closed, or another begins inside it.
    """
    found = []
    for match in _BEGIN.finditer(text):
        closing = f"<!-- /bench:{match[1]} -->"
        end = text.find(closing, match.end())
        inner = _BEGIN.search(text, match.end())
        if end < 0 or (inner is not None and inner.start() < end):
            raise BadData(f"{name} has a marker {match[0].strip()} without its {closing}; add it on a line of its own.")
        found.append(Block(match[1], match[2], match.end(), end))
    return found


def fill(text: str, blocks: Sequence[Block], content: Callable[[Block], str | None]) -> tuple[str, list[str]]:
    """The text with new content between the markers.

    Args:
        content: for a block; None leaves it as it is.

    Returns:
        the text, and the kinds of the blocks that changed.
    """
    pieces, changed, position = [], [], 0
    for block in blocks:
        new = content(block)
        old = text[block.start : block.end]
        pieces += [text[position : block.start], old if new is None else new]
        position = block.end
        if new is not None and new != old:
            changed.append(block.kind)
    return "".join([*pieces, text[position:]]), changed
