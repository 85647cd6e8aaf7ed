"""The Python interface that LiteRT, tflite-runtime and TensorFlow share, made into our :class:`Interpreter`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.installed import why_broken
from edge_runtime.common.text import printable
from edge_runtime.core.backends.edgetpu import reason_of
from edge_runtime.core.backends.messages import messages_hidden
from edge_runtime.core.backends.protocol import TensorInfo
from edge_runtime.errors import BadModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TFLiteInterpreter:
    """One loaded model behind ``Interpreter(model_content=..., num_threads=...)`` of any of the three packages.

    ``delegates`` are handed to it as they are; with none, the runtime's own CPU kernels do everything.
    """

    def __init__(
        self,
        create: Callable[..., Any],
        package: str,
        flatbuffer: bytes,
        threads: int,
        delegates: Sequence[Any] = (),
    ) -> None:
        self.name = package
        try:
            with messages_hidden():
                self._runtime = create(
                    model_content=flatbuffer, num_threads=threads, experimental_delegates=list(delegates) or None
                )
                self._runtime.allocate_tensors()
            self.input = _single(self._runtime.get_input_details(), "input")
            self.output = _single(self._runtime.get_output_details(), "output")
        except SystemError as error:  # of C code that was built for another NumPy
            raise why_broken(package, error) from error
        except (ValueError, RuntimeError, TypeError) as error:
            if (known := reason_of(str(error))) is not None:
                raise known from error
            raise BadModel(f"{package} cannot load the model: {_one_line(error)}; convert it again.") from error
        self._input_index: int = self._runtime.get_input_details()[0]["index"]
        self._output_index: int = self._runtime.get_output_details()[0]["index"]

    @property
    def version(self) -> str:
        from importlib.metadata import PackageNotFoundError, version

        for distribution in (self.name.replace("_", "-"), f"{self.name}-cpu"):
            with contextlib.suppress(PackageNotFoundError):
                return version(distribution)
        return "unknown"

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        try:
            self._runtime.set_tensor(self._input_index, batch)
            self._runtime.invoke()
        except (ValueError, RuntimeError) as error:
            if (known := reason_of(str(error))) is not None:
                raise known from error
            raise BadModel(f"{self.name} cannot run the model: {_one_line(error)}.") from error
        result: NDArray[Any] = self._runtime.get_tensor(self._output_index)
        return result

    def resize(self, batch_size: int) -> None:
        try:
            self.reshape((batch_size, *self.input.shape[1:]))
        except BadModel as error:
            raise BadModel(f"The model does not take {batch_size} images at once: {error}") from error

    def reshape(self, shape: tuple[int, ...]) -> None:
        try:
            with messages_hidden():
                self._runtime.resize_tensor_input(self._input_index, shape)
                self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadModel(f"its input cannot have the shape {list(shape)}: {_one_line(error)}.") from error
        after = self._runtime.get_output_details()[0]["shape"]
        self.input = replace(self.input, shape=shape)
        self.output = replace(self.output, shape=tuple(int(side) for side in after))


def _single(details: list[dict[str, Any]], what: str) -> TensorInfo:
    if len(details) != 1:
        raise BadModel(f"The model has {len(details)} {what} tensors; a cell classifier has one.")
    tensor = details[0]
    scale, zero_point = tensor["quantization"]
    return TensorInfo(
        name=str(tensor["name"]),
        shape=tuple(int(side) for side in tensor["shape"]),
        dtype=np.dtype(tensor["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
        signature=tuple(int(side) for side in tensor.get("shape_signature", ())),
    )


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()).rstrip(".")) or type(error).__name__
