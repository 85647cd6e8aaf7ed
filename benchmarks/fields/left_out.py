"""What a field leaves out and offers all the same: infected cells offered, objects a field, and what looking costs.

``python -m benchmarks.fields.left_out FOLDER... [--model fast]``; a folder with annotations also says which of its
infected cells are offered, those that the picture's rim cuts left aside.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.harness.annotations import STAGES, is_annotated, read_truth
from benchmarks.harness.boxes import at_border, overlaps
from edge_runtime import FieldReader, load_image
from edge_runtime.core.sources import find_sources
from edge_runtime.fields import segment
from edge_runtime.fields.objects import best_windows, windows
from edge_runtime.fields.quality import measure_quality
from edge_runtime.inspection.opening import open_classifier

if TYPE_CHECKING:
    from benchmarks.harness.annotations import Truth

BOXED = 0.5  # overlap, intersection over union
COVERED = 0.5  # of the smaller box


class _Figures:
    """Sums over the fields of a folder."""

    def __init__(self) -> None:
        self.objects: list[int] = []
        self.seconds = np.zeros(3)  # finding cells, classifying them, looking at what was left out
        self.found: dict[str, Counter[str]] = {name: Counter() for name in ("all", "boxed", "before", "now")}

    def add(self, reader: FieldReader, pixels: np.ndarray, truth: Truth | None) -> None:
        """One field, uint8 [h, w, 3]."""
        times = [time.perf_counter()]
        field = segment(pixels)
        accepted = measure_quality(pixels, field).accepted
        times.append(time.perf_counter())
        cells = reader.classify(pixels, field)
        times.append(time.perf_counter())
        looked = windows(field) if accepted else []
        judged = [one.probability for one in reader._judge(pixels, field, looked)]
        objects = best_windows(field, looked, judged)
        times.append(time.perf_counter())
        self.seconds += np.diff(times)
        if accepted:
            self.objects.append(len(objects))
        if truth is None:
            return
        cut = at_border(truth.boxes, field.size)
        infected = [i for i, kind in enumerate(truth.types) if kind in STAGES and not cut[i]]
        boxes = truth.boxes[infected]
        found = _boxes([cell.box for cell in field.cells])
        suspected = found[np.array([cell.review or cell.count for cell in cells], bool)]
        boxed = np.asarray((overlaps(boxes, found) >= BOXED).any(1), bool)
        before = boxed | _covered(boxes, suspected)
        now = before | _covered(boxes, _boxes([one.box for one in objects]))
        kinds = [truth.types[i] for i in infected]
        for name, which in (("all", np.ones(len(kinds), bool)), ("boxed", boxed), ("before", before), ("now", now)):
            self.found[name].update(kind for kind, is_so in zip(kinds, which, strict=True) if is_so)


def _boxes(boxes: list[tuple[int, int, int, int]]) -> np.ndarray:
    return np.array(boxes, float).reshape(-1, 4)


def _covered(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each box whether another shares half of the smaller one with it; bool [n]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    smaller = np.minimum(boxes[:, 2:].prod(1)[:, None], others[:, 2:].prod(1)[None])
    covered: np.ndarray = (np.clip(high - low, 0, None).prod(2) >= COVERED * smaller).any(1)
    return covered


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="default", show_default=True, help="Model file or name.")
def main(folders: tuple[Path, ...], model: str) -> None:
    """Print the figures of each folder by itself."""
    reader = FieldReader([open_classifier(model)])
    for folder in folders:
        truths: dict[Path, Truth | None] = {Path(one.path): None for one in find_sources([str(folder)]).sources}
        if is_annotated(folder):
            truths = {one.path: one for one in read_truth(folder)}
        figures = _Figures()
        for path, truth in sorted(truths.items()):
            figures.add(reader, load_image(path), truth)
        objects, seconds = np.array(figures.objects), figures.seconds
        click.echo(
            f"{folder.name}, {model}: {len(truths)} fields, {len(objects)} accepted; objects a field: median "
            f"{np.median(objects):.0f}, 90th percentile {np.percentile(objects, 90):.0f}, mean {objects.mean():.1f}; "
            f"windows' time by all other: {seconds[2] / seconds[:2].sum():.2f}"
        )
        for kind, count in sorted(figures.found["all"].items()):
            parts = [f"{name} {figures.found[name][kind]}" for name in ("boxed", "before", "now")]
            click.echo(f"  {kind}: {count}; {', '.join(parts)}")


if __name__ == "__main__":
    main()
