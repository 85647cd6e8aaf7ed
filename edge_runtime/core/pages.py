"""Files with several pictures: pages of a TIFF file, frames of an animation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import BadImage

if TYPE_CHECKING:
    from PIL import Image

_LOOKED_AT = 8  # pages that are compared with the first; to know all of them may take minutes


def turn_to_page(image: Image.Image, name: str, page: int | None, tell: Callable[[str], None] | None) -> None:
    """Turn an opened picture to one of its pages; a note where none was asked for and others show something else.

    Args:
        page: from 1; None for the first.

    Raises:
        BadImage: there is no such page (kind ``no-such-page``).
    """
    if page is None and tell is not None and _pages_differ(image):
        tell(f"{name} holds several pictures that differ; the first is read, --page N reads another.")
    try:
        image.seek((page or 1) - 1)
    except EOFError as error:
        raise BadImage(f"{name} has no page {page}; name a lower one with --page.", kind="no-such-page") from error


def _pages_differ(image: Image.Image) -> bool:
    first = np.asarray(image.convert("RGB"))
    try:
        for number in range(1, _LOOKED_AT):
            image.seek(number)
            other = np.asarray(image.convert("RGB"))
            if other.shape != first.shape or not np.array_equal(other, first):
                return True
    except EOFError:
        return False
    except (OSError, SyntaxError, ValueError):  # a page that does not decode differs from one that does
        return True
    return False
