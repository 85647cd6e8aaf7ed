"""How much damage is found in real JPEG files, how many good ones are refused, and what it costs.

    python -m tests.edge_runtime.core.jpeg_recall FOLDER [EVERY]

Each file (every EVERY-th) is damaged in several ways; "seen" are those that are refused, of those that a decoder takes.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.core.images import Reading, load_image
from edge_runtime.core.jpeg.segments import END, read_segments
from edge_runtime.errors import BadImage

WAYS = {"decoded only": Reading(as_it_is=True), "by the fit": Reading(thorough=False), "by the walk": Reading()}
_VISIBLE = 0.01  # share of pixels that differ by more than 30 levels


def damaged(content: bytes, generator: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """The file with each kind of damage, at a place of its scan by chance."""
    scan = read_segments(content).scans[0]

    def place(room: int) -> int:
        return int(generator.integers(scan.begin + 1, scan.end - room))

    for size in (1, 64, 512, 3072):
        at = place(size + 1)
        yield f"{size} bytes lost", content[:at] + content[at + size :]
    at = place(1)
    yield "cut, end marker put on", content[:at].rstrip(b"\xff") + END
    for size in (1, 64, 512):
        at = place(size + 1)
        nonsense = generator.integers(0, 255, size, np.uint8).tobytes()
        yield f"{size} bytes overwritten", content[:at] + nonsense + content[at + size :]
    at, to = sorted((place(1), place(1)))
    yield "a piece doubled", content[:to] + content[at:]


def main(folder: Path, every: int) -> None:
    """Print both tables."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[::every]
    generator = np.random.default_rng(0)
    tried: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    visible: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for path in files:
        content = path.read_bytes()
        whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        for way, reading in WAYS.items():
            begin = time.process_time()
            try:
                load_image(content, reading=reading)
            except BadImage:
                refused[way] += 1
            times[way].append(1000 * (time.process_time() - begin))
        for kind, changed in damaged(content, generator):
            try:
                shown = np.asarray(Image.open(io.BytesIO(changed)).convert("RGB")).astype(int)
            except (OSError, SyntaxError):
                continue
            tried[kind] += 1
            for way in ("by the fit", "by the walk"):
                try:
                    load_image(changed, reading=WAYS[way])
                except BadImage:
                    seen[kind, way] += 1
                else:
                    missed = (np.abs(shown - whole).max(axis=2) > 30).mean() > _VISIBLE
                    visible[kind] += bool(way == "by the walk" and missed)
    print(f"{len(files)} files; refused though good: {dict(refused) or 'none'}")
    print("milliseconds, median:", {way: round(statistics.median(values), 1) for way, values in times.items()})
    for kind, count in tried.items():
        found = ", ".join(f"{seen[kind, way] / count:.0%} {way}" for way in ("by the fit", "by the walk"))
        print(f"{kind}: {count} tried, {found} seen; missed and visible {visible[kind]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
