"""Pictures of 16 bits a colour, scaled by the range that is used: cameras of 10, 12 and 14 bits write such files.

Pillow hands out all 16 bits of grey pictures, but of coloured ones the upper 8 only, which are empty for a 12-bit
camera. The lower 8 come by reading the file a second time in the other byte order.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.errors import BadImage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_FULL = 65535
_DEPTHS = (8, 10, 12, 14)
_LEAST_USED = 10  # a tenth of the range must be used
_OTHER_ORDER = {"16L": "16B", "16B": "16L", "16N": "16B" if sys.byteorder == "little" else "16L"}
_BITS_PER_SAMPLE, _MOST_VALUE, _DESCRIPTION = 258, 281, 270
_SIGNIFICANT = re.compile(r'SignificantBits="(\d+)"')  # OME-XML


def is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey and has more than 8 bits, all of which Pillow hands out."""
    return image.mode.startswith("I")


def has_lower_bytes(image: Image.Image) -> bool:
    """Whether a picture that is not yet loaded has 16 bits a colour, of which Pillow hands out the upper 8."""
    tiles: Any = getattr(image, "tile", None)
    return image.mode in ("RGB", "RGBA") and bool(tiles) and _order(tiles[0]) is not None


def with_lower_bytes(upper: Image.Image, lower: Any) -> NDArray[np.uint16]:
    """uint16 [h, w, bands] of a loaded picture and of the same one not yet loaded, read the other way round."""
    lower.tile = [_other_order(tile) for tile in lower.tile]
    lower.load()
    values: NDArray[np.uint16] = np.asarray(upper).astype(np.uint16) << 8 | np.asarray(lower)
    return values


def _order(tile: Any) -> str | None:
    """Order of the bytes in Pillow's name for the layout of a tile, "RGB;16B" for instance; None: no 16 bits."""
    name = tile[3] if isinstance(tile[3], str) else tile[3][0]
    order = name.partition(";")[2] if isinstance(name, str) else ""
    return order if order in _OTHER_ORDER else None


def _other_order(tile: Any) -> Any:
    arguments = tile[3]
    name = arguments if isinstance(arguments, str) else arguments[0]
    bands, _, order = name.partition(";")
    other = f"{bands};{_OTHER_ORDER[order]}"
    return type(tile)(*tile[:3], other if isinstance(arguments, str) else (other, *arguments[1:]))


def depth_said(image: Image.Image, head: bytes) -> int | None:
    """Bits that the file says it uses: PNG sBIT, TIFF bits a sample, largest value, OME-XML; None where it says none.

    Args:
        head: the beginning of the file, in which sBIT stands.
    """
    place = head.find(b"sBIT", 8) if head.startswith(b"\x89PNG") else -1
    if place > 0:
        return max(head[place + 4 : place + 4 + int.from_bytes(head[place - 4 : place], "big")], default=None)
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    bits = tags.get(_BITS_PER_SAMPLE, (16,))
    largest = tags.get(_MOST_VALUE, ())
    significant = _SIGNIFICANT.search(str(tags.get(_DESCRIPTION, "")))
    said = [max(bits), *(int(value).bit_length() for value in largest if 0 < int(value) < _FULL)]
    said += [int(significant[1])] if significant else []
    return min(said) if min(said) < 16 else None


def refuse_dark(pixels: NDArray[np.uint8], name: str) -> None:
    """Refuse a cell of which nothing is seen: uint8 [h, w, 3] with no level above a tenth of the range.

    Such pictures come from 12-bit cameras whose lower bits were cut off by another program.

    Raises:
        BadImage: of kind ``too-dark``.
    """
    if int(pixels.max()) * _LEAST_USED < 255:
        raise BadImage(
            f"{name} uses levels up to {int(pixels.max())} of 255, under a tenth of the range, so nothing is seen on "
            "it; raise the exposure, or export the camera's 12 bits stretched to 8.",
            kind="too-dark",
        )


def to_eight_bits(
    values: NDArray[Any], said: int | None, name: str, tell: Callable[[str], None] | None
) -> NDArray[np.uint8]:
    """Levels [h, w] or [h, w, bands] scaled to 0..255, rounded.

    Args:
        values: whole numbers; 0..65535, or the picture is refused.
        said: bits that the file says it uses; the maximum decides without it, and where it contradicts the maximum
            (by the PNG specification values are stretched to 16 bits whatever sBIT says).
        tell: gets a sentence when the range is not 16 bits.

    Raises:
        BadImage: beyond 16 bits, or under a tenth of the range is used (kind ``too-dark``).
    """
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _FULL:
        raise BadImage(f"{name} holds grey levels {low} to {high}, beyond 16 bits; save it as an 8-bit PNG.")
    depth = said if said is not None and high < 1 << said else next((d for d in _DEPTHS if high < 1 << d), 16)
    top = (1 << depth) - 1
    if high * _LEAST_USED < top:
        raise BadImage(
            f"{name} uses levels {low} to {high} of 0 to {top} ({depth} bits), under a tenth of the range; raise the "
            "exposure, or save it as an 8-bit PNG with its levels stretched.",
            kind="too-dark",
        )
    if depth < 16 and tell is not None:
        how = "as it says" if depth == said else f"as its largest level is {high}"
        tell(f"{name} holds {depth} bits in 16, {how}; its levels 0 to {top} were scaled to 0 to 255.")
    scaled: NDArray[np.uint8] = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    return scaled
