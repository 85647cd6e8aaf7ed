"""Back end tflite-runtime: the fall-back for systems too old for LiteRT (Python up to 3.11, NumPy 1)."""

from __future__ import annotations

from edge_runtime.core.backends.edgetpu import load_edgetpu
from edge_runtime.core.backends.tflite_api import TFLiteInterpreter


def open_model(flatbuffer: bytes, threads: int, edgetpu: bool = False) -> TFLiteInterpreter:
    """See :func:`edge_runtime.core.backends.open_interpreter`; ImportError when the package is missing."""
    from tflite_runtime.interpreter import Interpreter, load_delegate  # type: ignore[import-not-found, unused-ignore]

    delegates = [load_edgetpu(load_delegate)] if edgetpu else []
    return TFLiteInterpreter(Interpreter, "tflite_runtime", flatbuffer, threads, delegates)
