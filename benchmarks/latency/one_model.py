"""All that is measured of one model: cold starts, warm calls at each number of threads, pools of interpreters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.harness.timing import Preset
from benchmarks.latency.coldstart import measure_cold_starts
from benchmarks.latency.latency import measure_latency
from benchmarks.latency.reference import network_id
from benchmarks.latency.section import pools_table, start_table, thread_detail
from benchmarks.latency.throughput import measure_throughput
from benchmarks.report.forms import detail_text, table_text
from edge_runtime.common.console import is_quiet
from edge_runtime.core.images import load_image
from edge_runtime.core.model_file import ModelFile
from edge_runtime.core.preprocess import resize
from edge_runtime.inspection.compute_units import compute_units_of
from edge_runtime.inspection.opening import open_classifier


@dataclass(frozen=True)
class LatencyRequest:
    """What is asked of every model.

    Attributes:
        counts: threads of the runtime, and interpreters in a pool.
        preset: how long.
        accelerator: see :func:`edge_runtime.core.backends.uses_edgetpu`.
    """

    counts: Sequence[int]
    preset: Preset
    accelerator: str


def measure_model(
    file: ModelFile, backend: str, image: Path, request: LatencyRequest, show: Callable[[str], object]
) -> dict[str, Any]:
    """Measure a model, and show each figure as soon as it is there, for a soak takes ten minutes a thread count.

    Args:
        file: with a card.
        backend: name of the back end in use.
        image: a cell image.
        request: what is asked of it.
        show: takes text for people.

    Returns:
        An entry of ``models`` in the document of ``bench latency``.
    """
    classifier = open_classifier(file, request.accelerator)
    contract = classifier.contract
    cold = measure_cold_starts(file.path, image, backend, request.preset.cold_starts, classifier.on_edgetpu)
    entry: dict[str, Any] = {
        "path": str(file.path),
        "model": file.id,
        "flatbuffer": network_id(file.flatbuffer),
        "bytes": file.path.stat().st_size,
        "input": [contract.width, contract.height],
        "units": asdict(compute_units_of(classifier)),
        "cold_start": cold.to_json(),
    }
    show(table_text(start_table(entry)))
    threads, pools = [], []
    for count in request.counts:
        with _Countdown(file, count, request.preset) as countdown:
            measured = measure_latency(
                file, image, count, request.preset, countdown.show, accelerator=request.accelerator
            )
        threads.append(measured.to_json())
        show(detail_text(thread_detail(threads[-1])))
    if max(request.counts) > 1 and not classifier.on_edgetpu:  # which runs one model at a time
        pixels = resize(load_image(image), contract)
        found = measure_throughput(classifier, pixels, request.counts, request.preset)
        pools = [one.to_json() for one in found]
        show(table_text(pools_table(pools)))
    return {**entry, "threads": threads, "pools": pools}


class _Countdown:
    """A progress bar over the seconds of one measurement; on stderr, only where someone watches."""

    def __init__(self, file: ModelFile, threads: int, preset: Preset) -> None:
        hidden = is_quiet() or not sys.stderr.isatty()
        self._bar = None
        if not hidden:
            label = f"{file.path.name[:40]}, {threads} threads"
            self._bar = click.progressbar(length=max(1, round(preset.min_seconds)), label=label, file=sys.stderr)
        self._shown = 0

    def __enter__(self) -> _Countdown:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*reason)

    def show(self, seconds: float) -> None:
        """Move the bar to that many seconds."""
        if self._bar is not None and int(seconds) > self._shown:
            self._bar.update(int(seconds) - self._shown)
            self._shown = int(seconds)
