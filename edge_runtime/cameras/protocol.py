"""What every camera offers: it is opened, gives one frame after the other, and is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from edge_runtime.errors import EnvironmentLacks, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CameraFault(EnvironmentLacks):
    """A camera is missing, busy, silent or lost its connection: it may work again later."""


class EndOfStream(Exception):
    """A recording is over; no camera that looks at the world raises this."""


class Pace(Enum):
    """How a camera wants to be read.

    LIVE: without pause, because frames queue up behind the one that is not read.
    ASKED: a frame is made when it is read, so one is read ahead and made anew when nobody takes it.
    EVERY: each frame waits until it is taken; none is dropped.
    """

    LIVE = "live"
    ASKED = "asked"
    EVERY = "every"


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        pixels: uint8 [h, w, 3], RGB, possibly read-only.
        sequence: its number, rising; a number that was seen before is the same picture again, a gap are frames missed.
        captured: when, in seconds of :func:`time.monotonic`.
        origin: the file it comes from, for recordings.
        live: the same moment as a small picture, uint8 [h, w, 3], where the camera makes one beside the large one.
        settings: exposure, gain and the like, plain JSON values; empty where the camera does not say.
    """

    pixels: NDArray[np.uint8]
    sequence: int
    captured: float
    origin: str | None = None
    live: NDArray[np.uint8] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class Camera(Protocol):
    """An open camera. One thread reads; any thread may close.

    Attributes:
        name: for people; holds no password.
        pace: how it wants to be read.
        slowest: seconds between two frames that are normal, beyond what any working camera takes.
        damaged: frames so far that arrived incomplete and were left out.
    """

    name: str
    pace: Pace
    slowest: float
    damaged: int

    def read(self, timeout: float) -> Frame:
        """The next frame, after ``timeout`` seconds at the latest.

        Raises:
            CameraFault: no frame came in time, or the camera is gone; close it and open it again.
            EndOfStream: the recording is over.
        """

    def close(self) -> None:
        """Release the camera, also while another thread is in ``read``; the second call does nothing."""


@dataclass(frozen=True)
class CameraInfo:
    """A camera that is connected.

    Attributes:
        spec: what ``--camera`` takes.
        name: the maker's name of it.
        detail: where it is connected.
    """

    spec: str
    name: str
    detail: str


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) from text such as ``1280x960``; WrongUsage for anything else."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 20_000 and 16 <= int(height) <= 20_000):
        raise WrongUsage(f"The size is {text!r}; write it as WIDTHxHEIGHT in pixels, for instance 1280x960.")
    return int(width), int(height)
