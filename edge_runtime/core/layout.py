"""How a model's input tensor is laid out: channels last or first, coloured or grey, one image or several at once.

The card says what the numbers mean; the order in which they stand is read from the tensor's own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.card import InputContract

_COLOURS = (3, 1)
# ITU-R BT.601 in 16 bits, as Pillow's conversion to grey and most training programs have it
_LUMA = np.array([19595, 38470, 7471], np.uint32)


@dataclass(frozen=True)
class Layout:
    """The sides of an input tensor by what they mean.

    Attributes:
        batch: images at once.
        height: in pixels; -1 when the model takes any.
        width: in pixels; -1 when the model takes any.
        channels: 3, or 1 for grey.
        first: the channels stand before height and width (NCHW, as PyTorch has them).
    """

    batch: int
    height: int
    width: int
    channels: int
    first: bool = False

    def shape(self, contract: InputContract) -> tuple[int, ...]:
        """The shape that the tensor must have for images of a contract's size."""
        sides = (contract.height, contract.width)
        return (self.batch, self.channels, *sides) if self.first else (self.batch, *sides, self.channels)

    @property
    def words(self) -> str:
        """What is unusual about it, for people; empty for one coloured image with its channels last."""
        said = [
            f"{self.batch} images at once, so each cell is computed {self.batch} times" if self.batch > 1 else "",
            "channels first (NCHW)" if self.first else "",
            "grey" if self.channels == 1 else "",
        ]
        return ", ".join(filter(None, said))


def layout_of(shape: Sequence[int]) -> Layout | None:
    """The layout of a tensor; None when it is none of images. Sides that are not fixed are -1."""
    if len(shape) != 4:
        return None
    batch = max(1, shape[0])
    if shape[3] in _COLOURS:
        return Layout(batch, shape[1], shape[2], shape[3])
    if shape[1] in _COLOURS:
        return Layout(batch, shape[2], shape[3], shape[1], first=True)
    return None


def as_laid_out(
    layout: Layout, to_tensor: Callable[[NDArray[np.uint8]], NDArray[Any]]
) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """What puts uint8 [1, H, W, 3] into a tensor of this layout.

    Args:
        to_tensor: the map of :func:`edge_runtime.core.preprocess.tensor_map`, which is all that is needed for one
            coloured image with its channels last.
    """
    if layout == Layout(1, layout.height, layout.width, 3):
        return to_tensor

    def put(pixels: NDArray[np.uint8]) -> NDArray[Any]:
        if layout.channels == 1:
            grey = ((pixels @ _LUMA + 0x8000) >> 16).astype(np.uint8)
            values = to_tensor(np.repeat(grey[..., np.newaxis], 3, axis=-1))[..., :1]
        else:
            values = to_tensor(pixels)
        if layout.first:
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(np.repeat(values, layout.batch, axis=0))

    return put
