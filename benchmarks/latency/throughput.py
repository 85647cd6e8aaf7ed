"""Cells a second from a pool of single-thread interpreters, against one, and against what the machine itself gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness.bare import Bare
from benchmarks.harness.percentiles import median
from benchmarks.harness.timing import Preset, adjacent_ratio, take_turns
from edge_runtime.commands.classify.cells import CHUNK
from edge_runtime.core.pool import ordered_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult, Classifier

_CELLS = 128  # in a round: long enough that starting the threads does not count, short enough for many rounds


@dataclass(frozen=True)
class Throughput:
    """A pool of one size.

    Attributes:
        interpreters: in the pool, each with one thread.
        cells_per_second: from arrays of the model's size, the median round.
        ratio: over a pool of one, the median over the rounds of what the two took in the same round.
        ceiling: the same ratio for bare interpreters, each in a loop of its own over its own share: what this
            machine's processors and memory leave to win, without any pool.
    """

    interpreters: int
    cells_per_second: float
    ratio: float
    ceiling: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def measure_throughput(
    classifier: Classifier, image: NDArray[np.uint8], counts: Sequence[int], preset: Preset
) -> list[Throughput]:
    """Time pools, and bare interpreters in bare threads, of each size in turns.

    Args:
        classifier: with one thread; its twins fill the pools.
        image: uint8 [H, W, 3] of the model's size.
        counts: interpreters in a pool; 1 is always measured, as what the others are compared with.
        preset: its duration and a fiftieth of its runs are what is measured, as a round holds many cells.
    """
    sizes = sorted({1, *counts})
    workers = [classifier, *(classifier.twin() for _ in range(sizes[-1] - 1))]
    cells = [image] * _CELLS
    tensor = np.zeros(classifier.interpreter.input.shape, classifier.interpreter.input.dtype)
    flatbuffer, backend = classifier.model.flatbuffer, classifier.interpreter.name
    bare = [Bare(backend, flatbuffer, 1) for _ in workers]

    def pool(size: int) -> Callable[[], list[CellResult]]:
        return lambda: list(ordered_map(_classify, workers[:size], cells, CHUNK))

    def ceiling(size: int) -> Callable[[], None]:
        return lambda: _side_by_side(bare[:size], tensor)

    # a pool stands beside its pool of one, a ceiling beside its one, so that each pair shares a spell of the machine
    calls = {f"pool {size}": pool(size) for size in sizes} | {f"bare {size}": ceiling(size) for size in sizes}
    for call in calls.values():
        call()
    shorter = Preset(max(10, preset.min_runs // 50), preset.min_seconds, 0, 0)
    durations = take_turns(calls, shorter).durations
    return [
        Throughput(
            size,
            _CELLS / (median(sorted(durations[f"pool {size}"])) / 1e9),
            adjacent_ratio(durations["pool 1"], durations[f"pool {size}"]),
            adjacent_ratio(durations["bare 1"], durations[f"bare {size}"]),
        )
        for size in sizes
    ]


def _classify(worker: Classifier, image: NDArray[np.uint8]) -> CellResult:
    return worker.classify(image)


def _side_by_side(interpreters: Sequence[Bare], tensor: NDArray[Any]) -> None:
    """A round's cells, shared out evenly, each interpreter in a thread of its own; one alone needs no thread."""

    def loop(interpreter: Bare, share: int) -> None:
        for _ in range(share):
            interpreter.run(tensor)

    shares = [_CELLS // len(interpreters) + (i < _CELLS % len(interpreters)) for i in range(len(interpreters))]
    if len(interpreters) == 1:
        loop(interpreters[0], _CELLS)
        return
    threads = [Thread(target=loop, args=pair) for pair in zip(interpreters, shares, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
