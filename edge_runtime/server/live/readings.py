"""What the live view says in words: focus against the best of this view, light, density; a few times a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import EnvironmentLacks
from edge_runtime.fields.quality import FOCUS_SHARE
from edge_runtime.server.live.follower import Live, live_pixels
from edge_runtime.server.problems import LOG

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.fields.quality import Quality

_PART = 0.6  # of the picture's width and height that is looked at, around its middle: a third of the work
_SHARP = 0.9  # of the best focus
_BRIGHT = 0.15  # of the pixels saturated, half of what a field is refused for
_REMEMBERED = 60.0  # seconds for which the best focus counts
_PAUSE = 0.2  # seconds between two looks at least
_SHARE = 0.3  # of one core at most
_CROWDED = 0.4  # of the picture covered: too thick rather than too sparse


@dataclass(frozen=True)
class Glance:
    """What one look at the live picture gave.

    Attributes:
        sequence: of the frame.
        focus: relative to the best of the last minute, 0..1; 0 without cells.
        focus_word: "sharp", "soft" or "blurred".
        exposure: "ok", "dark", "bright" or "clipped".
        density: "sparse", "ok", "thick" or "unknown".
        cells: single whole cells in the whole picture, about.
    """

    sequence: int = -1
    focus: float = 0.0
    focus_word: str = "blurred"
    exposure: str = "ok"
    density: str = "unknown"
    cells: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(self.__dict__)


class Glances:
    """Looks at the newest frame while somebody watches and no field is being classified.

    Attributes:
        last: the newest glance.
    """

    def __init__(self, live: Live, is_busy: Callable[[], bool]) -> None:
        self.last = Glance()
        self._live = live
        self._is_busy = is_busy
        self._best: deque[tuple[float, float]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="glances", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        pause = _PAUSE
        while not self._stop.wait(pause):
            pause = _PAUSE
            if not self._live.listeners or self._is_busy():
                continue
            frame = self._live.next_frame(self.last.sequence, _PAUSE)
            if frame is None:
                continue
            begin = time.monotonic()
            try:
                self.last = self._judge(frame.sequence, look(live_pixels(frame)))
            except EnvironmentLacks as error:
                LOG.warning("No focus and density in the live view: %s", error)
                return
            except Exception as error:  # one odd picture must not end it
                LOG.error("a look at the live picture failed with %s", type(error).__name__, exc_info=error)
            pause = max(_PAUSE, (time.monotonic() - begin) * (1 / _SHARE - 1))

    def _judge(self, sequence: int, quality: Quality) -> Glance:
        now = time.monotonic()
        while self._best and (now - self._best[0][0] > _REMEMBERED):
            self._best.popleft()
        while (
            self._best and self._best[-1][1] <= quality.focus
        ):  # what an equal or better one follows is never the best
            self._best.pop()
        self._best.append((now, quality.focus))
        best = self._best[0][1]
        relative = quality.focus / best if best else 0.0
        refused = {refusal.kind for refusal in quality.refusals}
        if "focus" in refused or relative < FOCUS_SHARE or not quality.cells:
            word = "blurred"
        else:
            word = "sharp" if relative >= _SHARP else "soft"
        exposure = "ok"
        if "exposure" in refused:
            exposure = "dark"
        elif "saturated" in refused:
            exposure = "clipped"
        elif quality.saturated > _BRIGHT:
            exposure = "bright"
        density = "ok"
        if refused & {"density", "empty"}:
            density = "thick" if quality.density > _CROWDED else "sparse"
        return Glance(sequence, relative, word, exposure, density, round(quality.cells / _PART**2))


def look(pixels: NDArray[np.uint8]) -> Quality:
    """The quality of the middle of a live picture, measured as that of a captured field.

    Raises:
        EnvironmentLacks: OpenCV is not installed.
    """
    from edge_runtime.fields import segment
    from edge_runtime.fields.quality import measure_quality

    height, width = pixels.shape[:2]
    top, left = round(height * (1 - _PART) / 2), round(width * (1 - _PART) / 2)
    middle = pixels[top : height - top, left : width - left].copy()
    return measure_quality(middle, segment(middle))
