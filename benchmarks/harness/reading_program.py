"""What the reading of a field hangs on beside image and model, as a part of what is kept of it in the user's cache."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

import edge_runtime

# of the device's package, what may change a box or a score
_READERS = ("core", "fields", "common")


@lru_cache(maxsize=1)
def reading_program() -> str:
    """A digest of our modules that read fields, OpenCV, NumPy and Pillow."""
    import cv2
    import PIL

    digest = hashlib.sha256(f"{cv2.__version__} {np.__version__} {PIL.__version__}".encode())
    root = Path(edge_runtime.__file__).parent
    for part in _READERS:
        for module in sorted((root / part).rglob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()
