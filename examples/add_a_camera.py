"""A camera of your own: a class with ``read`` and ``close``, and a name that ``--camera`` takes from then on.

python examples/add_a_camera.py cell.png
"""

import sys
import time
from collections.abc import Callable

from edge_runtime import Camera, EndOfStream, Frame, Pace, load_image
from edge_runtime.cameras import SCHEMES
from edge_runtime.cli import run


class Still:
    """Shows one picture three times; see :class:`edge_runtime.Camera` for what each name means."""

    pace, slowest, damaged = Pace.EVERY, 1.0, 0

    def __init__(self, path: str) -> None:
        self.name, self._pixels, self._shown = f"the picture {path}", load_image(path), 0

    def read(self, timeout: float) -> Frame:
        if self._shown == 3:
            raise EndOfStream  # a camera that looks at the world never ends; one that breaks raises CameraFault
        self._shown += 1
        return Frame(self._pixels, self._shown, captured=time.monotonic())

    def close(self) -> None:
        """There is nothing to release."""


def maker(spec: str, size: tuple[int, int] | None) -> Callable[[], Camera]:
    return lambda: Still(spec.partition(":")[2])


if __name__ == "__main__":
    SCHEMES["still"] = __name__
    sys.exit(run(["watch", "--camera", f"still:{sys.argv[1]}"]))
