"""Back end TensorFlow: the interpreter inside a full TensorFlow, for hosts that have nothing smaller."""

from __future__ import annotations

import warnings

from edge_runtime.core.backends.edgetpu import load_edgetpu
from edge_runtime.core.backends.tflite_api import TFLiteInterpreter


def open_model(flatbuffer: bytes, threads: int, edgetpu: bool = False) -> TFLiteInterpreter:
    """See :func:`edge_runtime.core.backends.open_interpreter`; ImportError when the package is missing."""
    from tensorflow.lite.python.interpreter import (  # type: ignore[import-untyped, unused-ignore]
        Interpreter,
        load_delegate,
    )

    delegates = [load_edgetpu(load_delegate)] if edgetpu else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that LiteRT should be used instead, which is what the order does
        return TFLiteInterpreter(Interpreter, "tensorflow", flatbuffer, threads, delegates)
