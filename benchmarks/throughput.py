"""Cells a second from a pool of single-thread interpreters, against one interpreter in the same rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.percentiles import summarise
from benchmarks.timing import Preset, take_turns
from edge_runtime.commands.classify import CHUNK
from edge_runtime.pool import ordered_map

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.classifier import CellResult, Classifier

_CELLS = 128  # in a round: long enough that starting the threads does not count, short enough for many rounds


@dataclass(frozen=True)
class Throughput:
    """A pool of one size.

    Attributes:
        interpreters: in the pool, each with one thread.
        cells_per_second: from arrays of the model's size, the median round.
        ratio: over a pool of one in the same run.
    """

    interpreters: int
    cells_per_second: float
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"interpreters": self.interpreters, "cells_per_second": self.cells_per_second, "ratio": self.ratio}


def measure_throughput(
    classifier: Classifier, image: NDArray[np.uint8], counts: Sequence[int], preset: Preset
) -> list[Throughput]:
    """Time pools of each size in turns.

    Args:
        classifier: with one thread; its twins fill the pools.
        image: uint8 [H, W, 3] of the model's size.
        counts: interpreters in a pool; 1 is always measured, as what the others are compared with.
        preset: its duration and a fiftieth of its runs are what is measured, as a round holds many cells.
    """
    sizes = sorted({1, *counts})
    workers = [classifier, *(classifier.twin() for _ in range(sizes[-1] - 1))]
    cells = [image] * _CELLS

    def run(size: int) -> Callable[[], list[CellResult]]:
        return lambda: list(ordered_map(_classify, workers[:size], cells, CHUNK))

    calls = {str(size): run(size) for size in sizes}
    for call in calls.values():
        call()
    shorter = Preset(max(10, preset.min_runs // 50), preset.min_seconds, 0, 0)
    rounds = take_turns(calls, shorter)
    seconds = {size: summarise(rounds.durations[str(size)]).median_ms / 1000 for size in sizes}
    return [Throughput(size, _CELLS / seconds[size], seconds[1] / seconds[size]) for size in sizes]


def _classify(worker: Classifier, image: NDArray[np.uint8]) -> CellResult:
    return worker.classify(image)
