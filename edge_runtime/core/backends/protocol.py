"""What every inference back end offers: one input tensor, one output tensor, and a call that runs the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: as the model file gives it.
        shape: with the batch first.
        dtype: NumPy type of one value.
        scale: real = (value - zero_point) * scale; 0.0 for tensors that are not quantised.
        zero_point: see ``scale``.
        signature: the shape with -1 for sides that the model leaves open; empty where the runtime does not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int
    signature: tuple[int, ...] = ()


class Interpreter(Protocol):
    """A model that is loaded and ready. Not for use by two threads at the same time."""

    name: str
    input: TensorInfo
    output: TensorInfo

    @property
    def version(self) -> str:
        """Version of the package behind it."""

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run on one input tensor, of the input's shape and type; returns a copy of the raw output tensor.

        Raises:
            BadModel: the runtime could not carry the model out.
        """

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give the input another shape; changes ``input`` and ``output``.

        Raises:
            BadModel: the model has a fixed shape.
        """

    def resize(self, batch_size: int) -> None:
        """Make the input take ``batch_size`` images at once; changes ``input`` and ``output``.

        Raises:
            BadModel: the model has a fixed batch.
        """
