"""Back end ai-edge-litert: what a Raspberry Pi and a workstation normally use."""

from __future__ import annotations

from edge_runtime.core.backends.edgetpu import load_edgetpu
from edge_runtime.core.backends.tflite_api import TFLiteInterpreter


def open_model(flatbuffer: bytes, threads: int, edgetpu: bool = False) -> TFLiteInterpreter:
    """See :func:`edge_runtime.core.backends.open_interpreter`; ImportError when the package is missing."""
    from ai_edge_litert.interpreter import Interpreter, load_delegate  # type: ignore[import-untyped, unused-ignore]

    delegates = [load_edgetpu(load_delegate)] if edgetpu else []
    return TFLiteInterpreter(Interpreter, "ai_edge_litert", flatbuffer, threads, delegates)
