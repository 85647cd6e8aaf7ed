"""Look into a running model: an interpreter that keeps every tensor, for calibration and for errors per operator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.errors import BadModel, EnvironmentLacks
from train.network.silence import silenced

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Probe:
    """A loaded model whose tensors can all be read after a run. Slower than :mod:`edge_runtime.core.backends`."""

    def __init__(self, flatbuffer: bytes) -> None:
        """Load the model; BadModel when the runtime refuses it, EnvironmentLacks when there is no runtime."""
        create = _interpreter()
        try:
            with silenced(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that keeping all tensors takes memory is known here
                self._runtime = create(model_content=flatbuffer, num_threads=1, experimental_preserve_all_tensors=True)
                self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadModel(f"The runtime refuses the model: {' '.join(str(error).split())}.") from error
        self.inputs: list[int] = [int(tensor["index"]) for tensor in self._runtime.get_input_details()]
        self.outputs: list[int] = [int(tensor["index"]) for tensor in self._runtime.get_output_details()]

    def resize(self, shapes: dict[int, tuple[int, ...]]) -> None:
        """Give input tensors other shapes."""
        with silenced():
            for index, shape in shapes.items():
                self._runtime.resize_tensor_input(index, shape)
            self._runtime.allocate_tensors()

    def run(self, *values: NDArray[Any]) -> None:
        """Run on one array for each of :attr:`inputs`, of the tensor's shape and type."""
        for index, value in zip(self.inputs, values, strict=True):
            self._runtime.set_tensor(index, value)
        self._runtime.invoke()

    def tensor(self, index: int) -> NDArray[Any]:
        """A copy of what the tensor holds after the last run."""
        return np.asarray(self._runtime.get_tensor(index))


def _interpreter() -> Callable[..., Any]:
    try:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        try:
            from tensorflow.lite.python.interpreter import Interpreter  # type: ignore[import-untyped, unused-ignore]
        except ImportError as error:
            raise EnvironmentLacks("No TFLite runtime is here; `pip install ai-edge-litert` brings one.") from error
    return Interpreter  # type: ignore[no-any-return, unused-ignore]
