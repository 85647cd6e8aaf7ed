"""The floor that the program is held against: the TFLite runtime called directly, with nothing of ours around it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# back end (edge_runtime.backends) -> module that holds its class Interpreter
_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
}
_SCRIPT = """\
import sys
import numpy
{load}
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
interpreter.set_tensor(taken["index"], numpy.zeros(taken["shape"], taken["dtype"]))
interpreter.invoke()
print(interpreter.get_tensor(given["index"]))
"""


def bare_script(backend: str) -> str:
    """Source of the shortest program that answers once: import the runtime, load ``argv[1]``, invoke on zeros."""
    if backend == "tensorflow":  # its module tensorflow.lite is an attribute, not importable by that name
        return _SCRIPT.format(load="import tensorflow\nInterpreter = tensorflow.lite.Interpreter")
    return _SCRIPT.format(load=f"from {_MODULES[backend]} import Interpreter")


class Bare:
    """A model in the bare runtime.

    Args:
        backend: name of the back end that the program uses, so that both run the same kernels.
        flatbuffer: the model.
        threads: of the kernels.
    """

    def __init__(self, backend: str, flatbuffer: bytes, threads: int) -> None:
        if backend == "tensorflow":
            create: Callable[..., Any] = import_module("tensorflow").lite.Interpreter
        else:
            create = import_module(_MODULES[backend]).Interpreter
        self._runtime = create(model_content=flatbuffer, num_threads=threads)
        self._runtime.allocate_tensors()
        self._taken: int = self._runtime.get_input_details()[0]["index"]
        self._given: int = self._runtime.get_output_details()[0]["index"]

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
