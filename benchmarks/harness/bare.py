"""The floor that the program is held against: the TFLite runtime called directly, with nothing of ours around it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edge_runtime.core.backends.edgetpu import library_name, load_edgetpu

if TYPE_CHECKING:
    from numpy.typing import NDArray

# back end (edge_runtime.core.backends) -> module that holds its class Interpreter
_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
}
_SCRIPT = """\
import sys
import numpy
{load}
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1{more})
interpreter.allocate_tensors()
taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
interpreter.set_tensor(taken["index"], numpy.zeros(taken["shape"], taken["dtype"]))
interpreter.invoke()
print(interpreter.get_tensor(given["index"]))
"""


def bare_script(backend: str, edgetpu: bool = False) -> str:
    """Source of the shortest program that answers once: import the runtime, load ``argv[1]``, invoke on zeros."""
    if backend == "tensorflow":  # its module tensorflow.lite is an attribute, not importable by that name
        return _SCRIPT.format(load="import tensorflow\nInterpreter = tensorflow.lite.Interpreter", more="")
    names, more = "Interpreter", ""
    if edgetpu:
        names, more = "Interpreter, load_delegate", f', experimental_delegates=[load_delegate("{library_name()}")]'
    return _SCRIPT.format(load=f"from {_MODULES[backend]} import {names}", more=more)


class Bare:
    """A model in the bare runtime.

    Args:
        backend: name of the back end that the program uses, so that both run the same kernels.
        flatbuffer: the model.
        threads: of the kernels.
        edgetpu: whether the model was compiled for an Edge TPU.

    Attributes:
        input, output: what the runtime says about the two tensors.
    """

    def __init__(self, backend: str, flatbuffer: bytes, threads: int, edgetpu: bool = False) -> None:
        delegates = None
        if backend == "tensorflow":
            create: Callable[..., Any] = import_module("tensorflow").lite.Interpreter
        else:
            module = import_module(_MODULES[backend])
            create = module.Interpreter
            if edgetpu:
                delegates = [load_edgetpu(module.load_delegate)]
        self._runtime = create(model_content=flatbuffer, num_threads=threads, experimental_delegates=delegates)
        self._runtime.allocate_tensors()
        self.input: dict[str, Any] = self._runtime.get_input_details()[0]
        self.output: dict[str, Any] = self._runtime.get_output_details()[0]
        self._taken: int = self.input["index"]
        self._given: int = self.output["index"]

    def run(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """set_tensor, invoke, get_tensor."""
        self._runtime.set_tensor(self._taken, tensor)
        self._runtime.invoke()
        answer: NDArray[Any] = self._runtime.get_tensor(self._given)
        return answer

    def run_file(self, path: Path, size: tuple[int, int], tensor: NDArray[Any]) -> NDArray[Any]:
        """The same, after Pillow has decoded ``path`` and stretched it to ``size`` (width, height) where it differs.

        The pixels are dropped and ``tensor`` is run in their place, because mapping them to the tensor's own scale
        is the program's work and not part of the floor.
        """
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        np.asarray(picture)
        return self.run(tensor)
