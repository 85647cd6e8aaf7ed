"""OpenCV, loaded when the first field is read: only fields need it, and a device may do without."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from edge_runtime.errors import EnvironmentLacks


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The module ``cv2``.

    Raises:
        EnvironmentLacks: OpenCV is not installed, or does not load.
    """
    try:
        cv2 = import_module("cv2")
    except ImportError as error:
        raise EnvironmentLacks(
            f"Whole fields need OpenCV, which does not load here ({error}); on a Raspberry Pi run `sudo apt install "
            'python3-opencv`, elsewhere `pip install "thinsmear[field]"`.'
        ) from error
    cv2.setNumThreads(1)  # fields are worked on side by side, one a thread; OpenCV's own threads gain little
    return cv2
