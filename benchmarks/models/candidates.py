"""What networks would cost before anybody trains them: untrained, int8, side by side in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness.percentiles import summarise
from benchmarks.harness.timing import Preset, adjacent_ratio, take_turns
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from edge_runtime.core.backends import Interpreter

_CALIBRATION = 4  # random images; ranges change the answers, which nobody looks at, and not the time


@dataclass(frozen=True)
class CandidateNetwork:
    """A network to time.

    Attributes:
        arch: a name of :mod:`train.architectures`.
        size: input height and width, pixels.
        alpha: width.
    """

    arch: str
    size: int
    alpha: float

    @property
    def name(self) -> str:
        """As the command takes it."""
        return f"{self.arch}:{self.size}:{self.alpha:g}"

    @classmethod
    def parse(cls, text: str) -> CandidateNetwork:
        """From ``ARCH[:SIZE[:ALPHA]]``.

        Raises:
            WrongUsage: it is not that, or there is no such architecture.
        """
        from train.architectures import find

        arch, *rest = text.split(":")
        family = find(arch)
        try:
            size = int(rest[0]) if rest else family.size
            alpha = float(rest[1]) if len(rest) > 1 else 1.0
        except ValueError:
            size, alpha = 0, 0.0
        if not 32 <= size <= 512 or not 0 < alpha <= 2 or len(rest) > 2:
            raise WrongUsage(f'"{text}" is no ARCH:SIZE:ALPHA, such as mobilenet_v2:96:0.35 (size 32 to 512).')
        return cls(arch, size, alpha)


@dataclass(frozen=True)
class Cost:
    """What one candidate costs.

    Attributes:
        name: of the candidate.
        bytes: of the int8 flatbuffer, without card and golden vectors.
        parameters: of the network.
        milliseconds: median of the bare interpreter's calls, one thread.
        ratio: to the first candidate in the same rounds.
    """

    name: str
    bytes: int
    parameters: int
    milliseconds: float
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def measure_candidates(candidates: Sequence[CandidateNetwork], preset: Preset) -> list[Cost]:
    """Build, convert and time the candidates; the first one is what the others are compared with."""
    built = {candidate.name: _flatbuffer(candidate) for candidate in candidates}
    durations = time_in_turns({name: flatbuffer for name, (flatbuffer, _) in built.items()}, preset)
    first = durations[candidates[0].name]
    return [
        Cost(
            name,
            len(flatbuffer),
            parameters,
            summarise(durations[name]).median_ms,
            adjacent_ratio(durations[name], first),
        )
        for name, (flatbuffer, parameters) in built.items()
    ]


def time_in_turns(flatbuffers: Mapping[str, bytes], preset: Preset) -> Mapping[str, Sequence[int]]:
    """Nanoseconds of the bare interpreters' calls by name, one thread; every round calls each model once.

    Raises:
        BadModel: the runtime refuses a model.
        EnvironmentLacks: there is no runtime.
    """
    from edge_runtime.core.backends import open_interpreter

    calls = {name: _call(open_interpreter(flatbuffer)) for name, flatbuffer in flatbuffers.items()}
    for call in calls.values():
        for _ in range(max(1, preset.warmup)):
            call()
    return take_turns(calls, preset).durations


def _flatbuffer(candidate: CandidateNetwork) -> tuple[bytes, int]:
    """The untrained network as an int8 flatbuffer, and how many parameters it has."""
    import tensorflow as tf

    from train.architectures import find
    from train.network.silence import silenced

    shape = (1, candidate.size, candidate.size, 3)
    random = np.random.default_rng(0)

    def representative() -> Iterator[list[Any]]:
        for _ in range(_CALIBRATION):
            yield [random.uniform(-1, 1, shape).astype(np.float32)]

    with silenced():
        model = find(candidate.arch).build(candidate.size, candidate.alpha, None, 0.0)
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        return bytes(converter.convert()), model.count_params()


def _call(interpreter: Interpreter) -> Callable[[], object]:
    tensor = interpreter.input
    image = np.random.default_rng(1).integers(0, 256, tuple(tensor.shape)).astype(tensor.dtype)
    return lambda: interpreter.run(image)
