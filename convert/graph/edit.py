"""Flatbuffers as objects that can be changed and written again, for calibration and for taking a graph apart."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from edge_runtime.core.model_file import MAGIC
from edge_runtime.errors import EnvironmentLacks

# Both packages carry the same generated code; LiteRT's loads in an instant.
_HOMES = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")


def schema() -> ModuleType:
    """The classes generated from TensorFlow's schema.fbs; EnvironmentLacks when no installed package has them."""
    for home in _HOMES:
        try:
            return import_module(home)
        except ImportError:
            continue
    raise EnvironmentLacks("Changing a model needs the TFLite schema; `pip install ai-edge-litert` brings it.")


def unpack(flatbuffer: bytes) -> Any:
    """The model as a ``ModelT`` object tree."""
    return schema().ModelT.InitFromPackedBuf(flatbuffer, 0)


def pack(model: Any) -> bytes:
    """The bytes of a ``ModelT`` object tree."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=MAGIC)
    return bytes(builder.Output())
