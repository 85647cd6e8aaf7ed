"""Inference back ends, one file each; the first that is installed is used."""

from __future__ import annotations

from importlib import import_module

from edge_runtime.backends.protocol import Interpreter, TensorInfo
from edge_runtime.errors import EnvironmentLacks, WrongUsage

__all__ = ["BACKENDS", "Interpreter", "TensorInfo", "open_interpreter"]

# package name -> module with open_model(flatbuffer, threads), in the order in which they are tried
BACKENDS = {
    "ai_edge_litert": "edge_runtime.backends.litert",
    "tflite_runtime": "edge_runtime.backends.tflite_runtime",
    "tensorflow": "edge_runtime.backends.tensorflow",
}


def open_interpreter(flatbuffer: bytes, threads: int = 1, prefer: str | None = None) -> Interpreter:
    """Load a TFLite model into the first installed runtime.

    Args:
        flatbuffer: the model; bytes appended to it are ignored by every runtime.
        threads: threads of the runtime's kernels, 1 or more.
        prefer: a name of ``BACKENDS``; then only that one is tried.

    Raises:
        EnvironmentLacks: no runtime (or not the preferred one) is installed.
        BadModel: the runtime refuses the model, or it has not exactly one input and one output.
        WrongUsage: ``prefer`` names no back end, or ``threads`` is below 1.
    """
    if threads < 1:
        raise WrongUsage(f"The number of threads is {threads}; it must be 1 or more.")
    if prefer is not None and prefer not in BACKENDS:
        raise WrongUsage(f"There is no back end {prefer!r}; known are {', '.join(BACKENDS)}.")
    reasons: list[str] = []
    for package in BACKENDS if prefer is None else (prefer,):
        try:
            return import_module(BACKENDS[package]).open_model(flatbuffer, threads)  # type: ignore[no-any-return]
        except ImportError as error:
            reasons.append(f"{package}: {error}")
    raise EnvironmentLacks(
        f"No TFLite runtime can be imported ({'; '.join(reasons)}); install one with `pip install ai-edge-litert`."
    )
