"""From an image of any size to the exact bytes of the model's input tensor; host and device both go through here.

A model's input contract says which real number stands for which pixel. A quantised input tensor has its own scale
and zero point, so pixels reach it through a 256-entry table a channel; where the table changes nothing it is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from edge_runtime.core.card import InputContract

_FILTERS = {"bilinear": Image.Resampling.BILINEAR}
_EVERY_PIXEL = np.arange(256, dtype=np.uint8)


def resize(image: NDArray[np.uint8], contract: InputContract) -> NDArray[np.uint8]:
    """Stretch uint8 [h, w, 3] to [contract.height, contract.width, 3] with Pillow's filter of the contract.

    An image that already has the size comes back as it is, not copied.
    """
    if image.shape[0] == contract.height and image.shape[1] == contract.width:
        return image
    picture = Image.fromarray(image)
    return np.asarray(picture.resize((contract.width, contract.height), _FILTERS[contract.resample]))


def normalise(pixels: NDArray[np.uint8], contract: InputContract) -> NDArray[np.float32]:
    """Real values of pixels: ``pixel * scale + offset`` for each channel, in the contract's channel order.

    Args:
        pixels: uint8 [..., 3], RGB.

    Returns:
        float32 of the same shape: what the float model takes.
    """
    if contract.channels == "BGR":
        pixels = pixels[..., ::-1]
    scale = np.asarray(contract.scale, np.float32)
    offset = np.asarray(contract.offset, np.float32)
    if (scale == scale[0]).all() and (offset == offset[0]).all():  # one number instead of three: four times faster
        scale, offset = scale[0], offset[0]
    real = np.multiply(pixels, scale, dtype=np.float32)
    real += offset
    return real


def lookup_table(contract: InputContract, dtype: DTypeLike, scale: float = 0.0, zero_point: int = 0) -> NDArray[Any]:
    """The tensor's value for each pixel value and tensor channel.

    ``q = round(real / scale) + zero_point``, clipped to the type's range, halves away from zero, as TFLite's QUANTIZE
    operator rounds. A float tensor takes the real values themselves.

    Args:
        dtype: the tensor's type; ``scale`` and ``zero_point`` are its quantisation and only used for integers.

    Returns:
        [256, 3] of ``dtype``; column c belongs to channel c of the tensor (after the contract's channel order).

    Raises:
        ValueError: an integer type with a scale that is not positive.
    """
    pixels = np.repeat(_EVERY_PIXEL[:, np.newaxis], 3, axis=1)
    real = np.multiply(pixels, np.asarray(contract.scale, np.float32), dtype=np.float32)
    real += np.asarray(contract.offset, np.float32)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return real.astype(kind)
    if not scale > 0:
        raise ValueError(f"An input of type {kind} needs a positive scale; it has {scale!r}.")
    steps = real.astype(np.float64) / scale
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps) + zero_point
    limits = np.iinfo(kind)
    table: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(kind)
    return table


def tensor_map(table: NDArray[Any], contract: InputContract) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """The quickest function that does :func:`to_tensor` for one table; made once a model, called for every cell."""
    flip = contract.channels == "BGR"
    if not ((table[:, 0] == table[:, 1]).all() and (table[:, 0] == table[:, 2]).all()):

        def by_channel(pixels: NDArray[np.uint8]) -> NDArray[Any]:
            ordered = pixels[..., ::-1] if flip else pixels
            return np.stack([np.take(table[:, c], ordered[..., c]) for c in range(3)], axis=-1)

        return by_channel
    column = np.ascontiguousarray(table[:, 0])
    if table.dtype == np.uint8 and np.array_equal(column, _EVERY_PIXEL):
        return (lambda pixels: pixels[..., ::-1]) if flip else (lambda pixels: pixels)
    if table.dtype.itemsize == 1:
        # bytes.translate is the quickest byte-to-byte map there is
        as_bytes, dtype = column.tobytes(), table.dtype

        def by_bytes(pixels: NDArray[np.uint8]) -> NDArray[Any]:
            ordered = pixels[..., ::-1] if flip else pixels
            return np.frombuffer(ordered.tobytes().translate(as_bytes), dtype).reshape(pixels.shape)

        return by_bytes
    # a uint8 cannot leave the table, so mode "clip" only saves the bounds check
    return lambda pixels: np.take(column, pixels[..., ::-1] if flip else pixels, mode="clip")


def to_tensor(pixels: NDArray[np.uint8], table: NDArray[Any], contract: InputContract) -> NDArray[Any]:
    """Map pixels through a table of :func:`lookup_table`.

    Args:
        pixels: uint8 [..., H, W, 3], RGB.

    Returns:
        the same shape in the table's type; ``pixels`` itself when the table changes nothing.
    """
    return tensor_map(table, contract)(pixels)
