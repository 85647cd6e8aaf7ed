"""What the project calls of TensorFlow, Keras and LiteRT that they do not promise: all of it listed, and still there.

A failure here after an upgrade names the module that has to change. TensorFlow is held below the next version in
setup.cfg; these tests are what to run before that bound is raised.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_runtime", "train", "convert", "benchmarks")
# modules that their makers keep for themselves; ai_edge_litert's schema is generated code that no document names
PRIVATE_MODULE = re.compile(r"(tensorflow\.(.+\.)?python\b|keras\.src\b|ai_edge_litert\.schema_py_generated).*")

OF_PYTHON = {"_getframe"}  # documented all the same


@dataclass(frozen=True)
class PrivateCall:
    """Something used that is no public interface.

    Attributes:
        name: as the code spells it: a module, an attribute, or both.
        used: the module of ours that uses it.
        there: whether it is still what that module takes it for.
        remedy: what to do when it is not.
    """

    name: str
    used: str
    there: Callable[[], bool]
    remedy: str


def takes(function: Any, *parameters: str) -> bool:
    return set(parameters) <= set(inspect.signature(inspect.unwrap(function)).parameters)


def quantiser() -> bool:
    from tensorflow.lite.python.convert import mlir_quantize

    return takes(mlir_quantize, "fully_quantize", "denylisted_nodes", "disable_per_channel_for_dense_layers")


def ends_changed() -> bool:
    from tensorflow.lite.python.util import modify_model_io_type

    return list(inspect.signature(modify_model_io_type).parameters)[:3] == [
        "model", "inference_input_type", "inference_output_type",
    ]  # fmt: skip


def small_model() -> Any:
    import keras

    pixels = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(2, 3, name="convolution")(pixels)
    return keras.Model(pixels, keras.layers.BatchNormalization(name="normalisation")(hidden))


def dense_switch() -> bool:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(small_model())
    return getattr(converter, "_experimental_disable_per_channel_quantization_for_dense_layers", None) is False


def interpreter(package: str) -> bool:
    module = import_module(package)
    wanted = ("model_content", "num_threads", "experimental_delegates", "experimental_preserve_all_tensors")
    return takes(module.Interpreter, *wanted) and callable(module.load_delegate)


def schema(home: str) -> bool:
    kinds = import_module(home)
    adders = [f"QuantizationParametersAdd{what}" for what in ("Scale", "ZeroPoint", "QuantizedDimension")]
    rest = [
        "QuantizationParametersStart",
        "QuantizationParametersEnd",
        "QuantizationParametersT",
        "BufferT",
        "SubGraphT",
    ]
    readers = [kinds.ModelT.InitFromPackedBuf, kinds.OperatorT.InitFromObj, kinds.TensorT.InitFromObj]
    return (
        all(callable(getattr(kinds, name)) for name in (*adders, *rest))
        and all(map(callable, readers))
        and callable(kinds.Operator.GetRootAs)
        and callable(kinds.Tensor.GetRootAs)
    )


def layer_readers() -> bool:
    model = small_model()
    nodes = model.get_layer("convolution")._outbound_nodes
    return [node.operation for node in nodes] == [model.get_layer("normalisation")]


def layer_before() -> bool:
    model = small_model()
    return model.get_layer("normalisation").input._keras_history.operation is model.get_layer("convolution")


def decoder_maker() -> bool:
    from PIL import Image

    return takes(Image._getdecoder, "mode", "decoder_name", "args", "extra")


_WALK = "keep the order of the layers in train/architectures, or read it from model.get_config()"
_PROBE = "read the tensors through ai_edge_litert's interpreter, which is asked first"
_SCHEMA = "generate the classes from TensorFlow's schema.fbs with flatc and keep them in convert/graph"
CALLS = (
    PrivateCall(
        "_getdecoder", "edge_runtime/core/jpeg/fit.py", decoder_maker,
        "feed PIL.ImageFile.Parser piece by piece, which decodes the same and says less of where it stands",
    ),
    PrivateCall(
        "tensorflow.lite.python.convert", "convert/quantise/quantizer.py", quantiser,
        "call the converter with a representative data set, which knows the method minmax only, or ai-edge-quantizer "
        "(benchmarks/quantisation/ai_edge_quantizer.py), and say in docs/quantisation.md what that costs",
    ),
    PrivateCall(
        "tensorflow.lite.python.util", "convert/quantise/quantizer.py", ends_changed,
        "drop the QUANTIZE and DEQUANTIZE at the two ends with convert/graph/edit.py",
    ),
    PrivateCall(
        "_experimental_disable_per_channel_quantization_for_dense_layers", "convert/quantise/quantizer.py",
        dense_switch,
        "find what replaced it: with one scale a channel in dense layers the Edge TPU's compiler refuses the file",
    ),
    PrivateCall(
        "tensorflow.lite.python.interpreter", "edge_runtime/core/backends/tensorflow.py and convert/graph/probe.py",
        lambda: interpreter("tensorflow.lite.python.interpreter"),
        f"drop the back end tensorflow where TensorFlow no longer has an interpreter; {_PROBE}",
    ),
    PrivateCall(
        "tensorflow.lite.python.schema_py_generated", "convert/graph/edit.py",
        lambda: schema("tensorflow.lite.python.schema_py_generated"), f"ai-edge-litert has the same; else {_SCHEMA}",
    ),
    PrivateCall(
        "ai_edge_litert.schema_py_generated", "convert/graph/edit.py",
        lambda: schema("ai_edge_litert.schema_py_generated"), _SCHEMA,
    ),
    PrivateCall(
        "_outbound_nodes", "train/trainer/frozen_layers.py and train/trainer/folded_batchnorm.py", layer_readers, _WALK
    ),
    PrivateCall("_keras_history", "train/trainer/folded_batchnorm.py", layer_before, _WALK),
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_what_no_one_promised_is_still_there(call: PrivateCall) -> None:
    pytest.importorskip("tensorflow")
    try:
        there = call.there()
    except (ImportError, AttributeError, TypeError) as error:
        there = False
        reason = f" ({type(error).__name__}: {error})"
    else:
        reason = ""
    assert there, f"{call.used} needs {call.name}, which has gone or changed{reason}: {call.remedy}."


def test_nothing_private_is_called_that_is_not_listed() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    ours = {name for tree in trees for name in defined(tree)}
    found = {name for tree in trees for name in private_modules(tree) | (private_attributes(tree) - ours - OF_PYTHON)}
    listed = {call.name for call in CALLS}
    assert found - listed == set(), "add it to CALLS here, with what to do when it goes"
    assert listed - found == set(), "no longer used: take it off CALLS here"


def defined(tree: ast.AST) -> Iterator[str]:
    """Names of functions, classes, fields and attributes that the module makes itself."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def private_modules(tree: ast.AST) -> set[str]:
    """Private modules that are imported, or named in a text that may be an import later."""
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add(node.module or "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named.add(node.value)
    return {name for name in named if PRIVATE_MODULE.fullmatch(name)}


def private_attributes(tree: ast.AST) -> set[str]:
    """Attributes with one leading underscore, also those set by name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not node.attr.startswith("__"):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "_experimental_" in node.value:
            found.add(node.value.strip())
    return {name for name in found if re.fullmatch(r"_[a-z]\w*", name)}
