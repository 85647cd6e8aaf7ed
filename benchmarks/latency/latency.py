"""Latency of one model file: init, first inference, warm percentiles, a cell's parts, and the floor beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.bare import Bare
from benchmarks.harness.machine import available_processors
from benchmarks.harness.minute_medians import Minute, by_minute
from benchmarks.harness.percentiles import Summary, summarise
from benchmarks.harness.stopwatch import Stopwatch
from benchmarks.harness.surroundings import Readers, Surroundings
from benchmarks.harness.timing import Preset, take_turns
from benchmarks.latency.validity import Validity, judge
from edge_runtime.common.text import printable
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.images import load_image
from edge_runtime.core.model_file import ModelFile
from edge_runtime.core.preprocess import resize
from edge_runtime.errors import WrongUsage

STAGES = ("decode", "preprocess", "infer", "decide")


@dataclass(frozen=True)
class Latency:
    """One model at one number of threads; all durations of warm calls come from the same loop.

    Attributes:
        threads: of the runtime's kernels.
        init_ms: loading the model (the runtime is already imported) until it can answer.
        warmup_first_ms: the first inference.
        inference: warm inferences inside the program.
        stages: decode, preprocess, infer, decide of one cell read from a file.
        file: a cell from its file to the decision.
        array: a cell from an array of the model's size to the decision.
        bare: the bare interpreter.
        bare_file: Pillow's decode and resize, then the bare interpreter.
        seconds: duration of the loop.
        surroundings: what the board did meanwhile.
        minutes: medians of the bare interpreter minute by minute, in measurements of two minutes or more.
        validity: whether the figures may be quoted.
    """

    threads: int
    init_ms: float
    warmup_first_ms: float
    inference: Summary
    stages: dict[str, Summary]
    file: Summary
    array: Summary
    bare: Summary
    bare_file: Summary
    seconds: float
    surroundings: Surroundings
    minutes: tuple[Minute, ...]
    validity: Validity

    @property
    def array_ratio(self) -> float:
        """Median of :attr:`array` over that of :attr:`bare`."""
        return self.array.median_ms / self.bare.median_ms

    @property
    def file_ratio(self) -> float:
        """Median of :attr:`file` over that of :attr:`bare_file`."""
        return self.file.median_ms / self.bare_file.median_ms

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``latency`` has the keys of ``litert-benchmark``; ``energy`` is of a cell from a file."""
        energy = self.surroundings.energy
        return {
            "threads": self.threads,
            "latency": {
                "init_ms": self.init_ms,
                "warmup_first_ms": self.warmup_first_ms,
                **self.inference.to_json(),
            },
            "stages": {name: summary.to_json() for name, summary in self.stages.items()},
            "file": self.file.to_json(),
            "array": self.array.to_json(),
            "bare": self.bare.to_json(),
            "bare_file": self.bare_file.to_json(),
            "ratios": {"file": self.file_ratio, "array": self.array_ratio},
            "seconds": self.seconds,
            **self.surroundings.to_json(),
            "energy": None if energy is None else energy.to_json(self.file.median_ms),
            "minutes": [asdict(minute) for minute in self.minutes],
            "verdict": self.validity.to_json(),
        }


def runtime_of(model: ModelFile, accelerator: str = "auto") -> tuple[str, str]:
    """Name and version of the runtime that this machine uses; loads the model once, so the import is done afterwards.

    Raises:
        EnvironmentLacks: no runtime is installed, or the Edge TPU cannot be used.
        WrongUsage: the file has no card, so the program's own path through it is not defined.
    """
    if model.card is None:
        raise WrongUsage(
            f"{printable(model.path)} has no card, and what is timed here includes the preparation its card describes; "
            "convert a run with `thinsmear convert`, or time the bare file with `litert-benchmark`."
        )
    interpreter = open_interpreter(model.flatbuffer, accelerator=accelerator)
    return interpreter.name, interpreter.version


def measure_latency(
    model: ModelFile,
    image: Path,
    threads: int,
    preset: Preset,
    on_round: Callable[[float], object] = lambda seconds: None,
    readers: Readers | None = None,
    accelerator: str = "auto",
) -> Latency:
    """Measure; call :func:`runtime_of` before.

    Args:
        model: with a card.
        image: a cell image file.
        threads: of the runtime's kernels.
        preset: how much.
        on_round: told the seconds so far, outside all timing.
        readers: where the board's readings come from; default the board.
        accelerator: see :func:`edge_runtime.core.backends.uses_edgetpu`.
    """
    surroundings = Surroundings(readers or Readers())
    surroundings.begin()
    timed = _Timed(model, image, threads, accelerator)
    timed.warm_up(preset.warmup)

    def between(seconds: float) -> None:
        surroundings.between(seconds)
        on_round(seconds)

    rounds = take_turns(timed.calls, preset, between)
    surroundings.end()
    floor = rounds.durations["bare"]
    minutes = by_minute(floor, rounds.ends)
    stages = {name: summarise(durations) for name, durations in timed.parts.items()}
    return Latency(
        threads=threads,
        init_ms=timed.init_ms,
        warmup_first_ms=timed.first_ms,
        inference=stages["infer"],
        stages=stages,
        seconds=rounds.seconds,
        surroundings=surroundings,
        minutes=minutes,
        validity=judge(
            preset, floor, rounds.seconds, threads, available_processors(), surroundings, timed.same_answers, minutes
        ),
        **{name: summarise(durations) for name, durations in rounds.durations.items()},
    )


class _Timed:
    """The program and the bare interpreter, each loaded and asked once; then the calls that take turns.

    Attributes:
        init_ms: loading the model in the program.
        first_ms: its first inference.
        same_answers: both interpreters gave the same output for the same cell.
        calls: by name; see :class:`Latency`.
        parts: nanoseconds of each of :data:`STAGES`, one for each call of "file".
    """

    def __init__(self, model: ModelFile, image: Path, threads: int, accelerator: str) -> None:
        before = time.perf_counter_ns()
        self._classifier = classifier = Classifier(model, threads, accelerator=accelerator)
        self.init_ms = (time.perf_counter_ns() - before) / 1e6
        self._watch = classifier.interpreter = watch = Stopwatch(classifier.interpreter)
        self._image = image
        contract = classifier.contract
        ready = resize(load_image(image), contract)
        classifier.classify(ready)
        self.first_ms = (watch.ended - watch.began) / 1e6
        bare = Bare(watch.name, model.flatbuffer, threads, classifier.on_edgetpu)
        tensor = np.ascontiguousarray(watch.tensor)
        self.same_answers = bool(np.array_equal(bare.run(tensor), watch.answer))
        self.parts: dict[str, list[int]] = {name: [] for name in STAGES}
        self.calls: dict[str, Callable[[], object]] = {
            "file": self._from_file,
            "bare_file": lambda: bare.run_file(image, (contract.width, contract.height), tensor),
            "array": lambda: classifier.classify(ready),
            "bare": lambda: bare.run(tensor),
        }

    def warm_up(self, rounds: int) -> None:
        """Make each call so often, uncounted."""
        for _ in range(rounds):
            for call in self.calls.values():
                call()
        for durations in self.parts.values():
            durations.clear()

    def _from_file(self) -> None:
        start = time.perf_counter_ns()
        decoded = load_image(self._image)
        opened = time.perf_counter_ns()
        self._classifier.classify(decoded)
        end = time.perf_counter_ns()
        watch = self._watch
        self.parts["decode"].append(opened - start)
        self.parts["preprocess"].append(watch.began - opened)
        self.parts["infer"].append(watch.ended - watch.began)
        self.parts["decide"].append(end - watch.ended)
