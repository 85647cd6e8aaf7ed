"""Byte-equal images are one cell: counted once, and left out altogether where copies carry different labels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData

_EMPTY = hashlib.sha256(b"").digest()  # files of 0 bytes are no copies of a cell: each is refused as unreadable


def digests_of(files: Iterable[Path]) -> tuple[bytes, ...]:
    """SHA-256 of each file, in order.

    Raises:
        BadData: one cannot be read.
    """

    found = []
    for file in files:  # one after the other: of files this small, threads take longer than they save
        try:
            found.append(hashlib.sha256(file.read_bytes()).digest())
        except OSError as error:
            raise BadData(f"Cannot read {printable(file)}: {error.strerror}.") from error
    return tuple(found)


@dataclass(frozen=True)
class Copies:
    """What is the same image among n.

    Attributes:
        kept: positions of the images that stay, ascending.
        copies: positions of those that are the same as one that stays, ascending.
        of_other_patients: positions of those among them whose patient is another than that of the one that stays.
        contradictory: groups of positions, each of one image under both labels; none of them stays.
    """

    kept: tuple[int, ...]
    copies: tuple[int, ...]
    of_other_patients: tuple[int, ...]
    contradictory: tuple[tuple[int, ...], ...]


def find_copies(digests: Sequence[bytes], labels: Sequence[int], patients: Sequence[str | None]) -> Copies:
    """Group images by content; of equal ones the first with a patient stays, else the first.

    Args:
        digests: of n contents.
        labels: n, 1 parasitized.
        patients: n names, None where unknown.
    """
    groups: defaultdict[bytes | int, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        groups[i if digest == _EMPTY else digest].append(i)
    kept: list[int] = []
    copies: list[int] = []
    others: list[int] = []
    contradictory: list[tuple[int, ...]] = []
    for group in groups.values():
        if len({labels[i] for i in group}) > 1:
            contradictory.append(tuple(group))
            continue
        first = next((i for i in group if patients[i] is not None), group[0])
        kept.append(first)
        copies += [i for i in group if i != first]
        others += [i for i in group if patients[i] not in (None, patients[first])]
    return Copies(tuple(sorted(kept)), tuple(sorted(copies)), tuple(others), tuple(contradictory))
