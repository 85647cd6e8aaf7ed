"""What a peer is: it takes images once, then answers for one at a time and says how long its runtime itself took."""

from __future__ import annotations

import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.card import InputContract, OutputContract
from edge_runtime.core.decision import logit_of, probability
from edge_runtime.core.preprocess import lookup_table, resize, tensor_map
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

# kind -> module with open_peer(job) and PACKAGES, the distributions that it needs
KINDS = {
    "thinsmear": "benchmarks.peers.runtimes.own",
    "litert": "benchmarks.peers.runtimes.litert_loop",
    "onnxruntime": "benchmarks.peers.runtimes.onnx_runtime",
    "openvino": "benchmarks.peers.runtimes.open_vino",
    "keras": "benchmarks.peers.runtimes.keras_predict",
    "tensorflow": "benchmarks.peers.runtimes.tensorflow_function",
}


@dataclass(frozen=True)
class Quantisation:
    """Scale and zero point of the two tensors, for runtimes that show integers and do not say what they stand for."""

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int


@dataclass(frozen=True)
class Job:
    """What one process is to run.

    Attributes:
        kind: a key of :data:`KINDS`.
        model: the file in that runtime's format.
        images: the cells, files.
        input, output: how pixels become the model's real input, and its output a probability.
        quantisation: of a model whose tensors are integers; None for float models.
        cpu: the processor that the process stays on; None where the system does not bind processes.
    """

    kind: str
    model: str
    images: tuple[str, ...]
    input: InputContract
    output: OutputContract
    quantisation: Quantisation | None = None
    cpu: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for :meth:`from_json` in the other process."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Job:
        """Read back what :meth:`to_json` gave."""
        contract: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in document["input"].items()}
        quantisation = document["quantisation"]
        return cls(
            **{
                **document,
                "images": tuple(document["images"]),
                "input": InputContract(**contract),
                "output": OutputContract(**document["output"]),
                "quantisation": None if quantisation is None else Quantisation(**quantisation),
            }
        )


@dataclass(frozen=True)
class About:
    """A runtime: its name and version, and how it is held to one thread."""

    runtime: str
    version: str
    threads: str


@dataclass(frozen=True)
class Answer:
    """One cell: P(parasitized), and nanoseconds inside the runtime."""

    probability: float
    nanoseconds: int


class Peer(ABC):
    """One runtime with its model loaded.

    Attributes:
        about: see :class:`About`.
        images: the decoded cells, uint8 [h, w, 3] each.
    """

    about: About

    def __init__(self, job: Job) -> None:
        self.job = job
        self.images: list[NDArray[np.uint8]] = []

    def take(self, images: Sequence[NDArray[np.uint8]]) -> None:
        """Keep the decoded cells; not timed."""
        self.images = list(images)

    @abstractmethod
    def answer(self, number: int) -> Answer:
        """Classify one cell, from its decoded image."""


class TensorPeer(Peer):
    """A runtime that takes a tensor: pixels reach it as they reach this program's own interpreter.

    Args:
        dtype: of the runtime's input tensor; real pixel values for a float, else the job's quantisation.
    """

    def __init__(self, job: Job, dtype: DTypeLike) -> None:
        super().__init__(job)
        known = job.quantisation
        scale, zero_point = (known.input_scale, known.input_zero_point) if known else (0.0, 0)
        self._map = tensor_map(lookup_table(job.input, dtype, scale, zero_point), job.input)

    def answer(self, number: int) -> Answer:
        return self.timed(self.prepare(self.images[number]))

    def timed(self, tensor: NDArray[Any]) -> Answer:
        """Run a prepared tensor."""
        before = time.perf_counter_ns()
        raw = self.infer(tensor)
        after = time.perf_counter_ns()
        return Answer(self.probability(raw), after - before)

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """The runtime's input, [1, H, W, 3]."""
        return np.ascontiguousarray(self._map(resize(image, self.job.input)[np.newaxis]))

    @abstractmethod
    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """The runtime's output, any shape; what :class:`Answer` times by itself."""

    def probability(self, raw: NDArray[Any]) -> float:
        """P(parasitized) by the job's output contract; of several outputs the one it names is a probability."""
        contract, known = self.job.output, self.job.quantisation
        value = raw.reshape(-1)[contract.index]
        if raw.dtype.kind in "iu" and known is not None:
            real = (int(value) - known.output_zero_point) * known.output_scale
        else:
            real = float(value)
        logit = real if contract.kind == "logit" else logit_of(real)
        return probability(-logit if contract.complement else logit, contract.temperature, contract.bias)


def open_peer(job: Job) -> Peer:
    """Import the runtime of a job and load its model.

    Raises:
        WrongUsage: an unknown kind.
        ImportError: the runtime is not installed.
    """
    peer: Peer = _module(job.kind).open_peer(job)
    return peer


def packages_of(kind: str) -> tuple[str, ...]:
    """Distributions that a kind needs; imports none of them."""
    packages: tuple[str, ...] = _module(kind).PACKAGES
    return packages


def _module(kind: str) -> Any:
    if kind not in KINDS:
        raise WrongUsage(f"There is no peer {kind!r}; there are {', '.join(KINDS)}.")
    return importlib.import_module(KINDS[kind])
