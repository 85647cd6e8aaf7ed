"""Inference back ends, one file each; the first that is installed is used."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module

from edge_runtime.common.installed import prove_it_loads, why_broken
from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR
from edge_runtime.core.backends.messages import messages_hidden
from edge_runtime.core.backends.protocol import Interpreter, TensorInfo
from edge_runtime.errors import EnvironmentLacks, WrongUsage

__all__ = ["ACCELERATORS", "BACKENDS", "Interpreter", "TensorInfo", "open_interpreter", "uses_edgetpu"]

# package name -> module with open_model(flatbuffer, threads, edgetpu), in the order in which they are tried
BACKENDS = {
    "ai_edge_litert": "edge_runtime.core.backends.litert",
    "tflite_runtime": "edge_runtime.core.backends.tflite_runtime",
    "tensorflow": "edge_runtime.core.backends.tensorflow",
}
# what of each is imported
_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
ACCELERATORS = ("auto", "cpu", "edgetpu")


def open_interpreter(
    flatbuffer: bytes, threads: int = 1, prefer: str | None = None, accelerator: str = "auto"
) -> Interpreter:
    """Load a TFLite model into the first installed runtime.

    Args:
        flatbuffer: the model; bytes appended to it are ignored by every runtime.
        threads: threads of the runtime's kernels, 1 or more.
        prefer: a name of ``BACKENDS``; then only that one is tried.
        accelerator: one of ``ACCELERATORS``, see :func:`uses_edgetpu`.

    Raises:
        EnvironmentLacks: no runtime (or not the preferred one) is installed, or the Edge TPU cannot be used.
        BadModel: the runtime refuses the model, or it has not exactly one input and one output.
        WrongUsage: ``prefer`` names no back end, or ``threads`` is below 1.
    """
    if threads < 1:
        raise WrongUsage(f"The number of threads is {threads}; it must be 1 or more.")
    if prefer is not None and prefer not in BACKENDS:
        raise WrongUsage(f"There is no back end {prefer!r}; known are {', '.join(BACKENDS)}.")
    edgetpu = uses_edgetpu(flatbuffer, accelerator)
    broken: list[EnvironmentLacks] = []
    for package in BACKENDS if prefer is None else (prefer,):
        try:
            if load_runtime(package):
                return import_module(BACKENDS[package]).open_model(flatbuffer, threads, edgetpu)  # type: ignore[no-any-return]
        except EnvironmentLacks as error:
            if edgetpu and sys.modules.get(_MODULES[package]) is not None:  # it is loaded; the accelerator is lacking
                raise
            broken.append(error)
    if broken:
        raise broken[0]
    raise EnvironmentLacks(
        f"No TFLite runtime is installed ({', '.join(BACKENDS if prefer is None else (prefer,))}); install one with "
        "`pip install ai-edge-litert`."
    )


def load_runtime(package: str) -> bool:
    """Import a runtime; whether it is installed.

    Raises:
        EnvironmentLacks: it is installed and does not load; the sentence is the doctor's.
    """
    try:
        found = importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # one that was taken out of sys.modules' reach
        found = False
    if not found:
        return False
    if sys.modules.get(_MODULES[package]) is not None:
        return True
    prove_it_loads(package, _MODULES[package])
    try:
        with messages_hidden():  # NumPy writes a page about packages that were built for another one
            import_module(_MODULES[package])
    except Exception as error:  # any: a broken installation fails in its own ways
        raise why_broken(package, error) from error
    return True


def uses_edgetpu(flatbuffer: bytes, accelerator: str = "auto") -> bool:
    """Whether a model goes to the Edge TPU: "auto" sends there what was compiled for it, and nothing else.

    Raises:
        WrongUsage: ``accelerator`` is none of ``ACCELERATORS``, or the model cannot run where it asks for.
    """
    if accelerator not in ACCELERATORS:
        raise WrongUsage(f"There is no accelerator {accelerator!r}; choose one of {', '.join(ACCELERATORS)}.")
    compiled = CUSTOM_OPERATOR in flatbuffer
    if accelerator == "cpu" and compiled:
        raise WrongUsage(
            "The model is compiled for an Edge TPU and cannot run on the CPU; use the file from before compilation, or "
            "--accelerator edgetpu."
        )
    if accelerator == "edgetpu" and not compiled:
        raise WrongUsage(
            "The model is not compiled for an Edge TPU, so not one operator would run there; compile it with "
            "`thinsmear convert RUN --edgetpu`, or leave --accelerator out."
        )
    return compiled
