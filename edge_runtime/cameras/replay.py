"""Camera ``replay``: a folder of images or a video at a frame rate, in the place of a real camera."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cameras.protocol import CameraFault, EndOfStream, Frame, Pace
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.images import IMAGE_SUFFIXES, load_image
from edge_runtime.errors import BadImage, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = tuple[NDArray[np.uint8] | BadImage, str]

_DEFAULT_FPS = 1.0


@dataclass(frozen=True)
class Recording:
    """What a spec says.

    Attributes:
        path: a folder, an image or a video.
        fps: frames a second; 0 gives each as soon as the one before is taken, and drops none; None for the video's own
            rate, or one a second.
        loop: begin again at the end.
    """

    path: str
    fps: float | None = None
    loop: bool = False


def parse(spec: str) -> Recording:
    """``replay:PATH``, ``replay:PATH@5``, ``replay:PATH@0,loop``; WrongUsage when it names nothing that can be read."""
    path = spec.partition(":")[2]
    fps, loop = None, False
    before, at, options = path.rpartition("@")
    if at and not os.path.exists(path):
        path = before
        for option in options.split(","):
            if option == "loop":
                loop = True
            elif option.replace(".", "", 1).isdecimal() and float(option) <= 1000:
                fps = float(option)
            else:
                raise WrongUsage(
                    f"The replay's option is {printable(option)!r}; write frames a second (0 for as fast as possible), "
                    "or loop, as in replay:FOLDER@5,loop."
                )
    if not path or not os.path.exists(path):
        raise WrongUsage(f"There is no folder or file {printable(path)!r} to replay; name one that exists.")
    return Recording(path, fps, loop)


def maker(spec: str, size: tuple[int, int] | None) -> Callable[[], ReplayCamera]:
    """See :func:`edge_runtime.cameras.camera_maker`."""
    recording = parse(spec)
    if size is not None:
        raise WrongUsage("A replay has the size of its pictures; leave --size out.")
    return lambda: ReplayCamera(recording)


class ReplayCamera:
    """See :class:`edge_runtime.cameras.protocol.Camera`; files that are no usable image are counted and left out."""

    def __init__(self, recording: Recording) -> None:
        """Open the recording.

        Raises:
            WrongUsage: it holds no pictures.
            EnvironmentLacks: OpenCV is missing, which videos need.
        """
        self.name = f"The replay of {printable(recording.path)}"
        self.damaged = 0
        self._loop = recording.loop
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._pass, own_fps = _open(recording.path)
        fps = recording.fps if recording.fps is not None else own_fps
        self._period = 1 / fps if fps else 0.0
        self.slowest = self._period
        self.pace = Pace.LIVE if fps else Pace.EVERY
        self._pictures = self._all()
        self._due = time.monotonic()
        self._sequence = 0

    def read(self, timeout: float) -> Frame:
        until = time.monotonic() + timeout
        with self._reading:
            while not self._closed.is_set():
                left = self._due - time.monotonic()
                if left > 0 and self._closed.wait(min(left, until - time.monotonic())):
                    break
                if time.monotonic() < self._due:
                    raise CameraFault(f"{self.name} has no frame within {timeout:g} s.")
                picture, origin = next(self._pictures, (None, ""))
                if picture is None:
                    raise EndOfStream
                self._due += self._period
                if isinstance(picture, BadImage):
                    self.damaged += 1
                    continue
                self._sequence += 1
                return Frame(picture, self._sequence - 1, time.monotonic(), origin)
        raise CameraFault(f"{self.name} was closed.")

    def close(self) -> None:
        self._closed.set()
        if self._reading.acquire(timeout=1):  # the reader wakes at once, unless a file's disk is hung
            self._pictures.close()
            self._reading.release()

    def _all(self) -> Generator[Picture, None, None]:
        usable = True
        while usable:
            usable = False
            for picture in self._pass():
                usable = usable or not isinstance(picture[0], BadImage)
                yield picture
            usable = usable and self._loop


def _open(path: str) -> tuple[Callable[[], Iterator[Picture]], float]:
    """A function that goes through the pictures once, and their own frame rate."""
    if not os.path.isdir(path) and Path(path).suffix.lower() not in IMAGE_SUFFIXES:
        return _open_video(path)
    from edge_runtime.core.sources import find_sources

    sources = [source for source in find_sources([path]).sources if source.problem is None]
    if not sources:
        raise WrongUsage(f"{printable(path)} holds no images to replay; name a folder that does.")

    def once() -> Iterator[Picture]:
        for source in sources:
            try:
                yield load_image(source.path), as_utf8(source.path)
            except BadImage as error:
                yield error, as_utf8(source.path)

    return once, _DEFAULT_FPS


def _open_video(path: str) -> tuple[Callable[[], Iterator[Picture]], float]:
    from edge_runtime.cameras.v4l2 import import_cv2

    cv2 = import_cv2()
    trial = cv2.VideoCapture(path)
    opened, fps = trial.isOpened(), trial.get(cv2.CAP_PROP_FPS)
    trial.release()
    if not opened:
        raise WrongUsage(f"{printable(path)} is no video that OpenCV can read; name a video or a folder of images.")

    def once() -> Iterator[Picture]:
        video = cv2.VideoCapture(path)
        try:
            while True:
                read, picture = video.read()
                if not read:
                    return
                yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), as_utf8(path)
        finally:
            video.release()

    return once, fps if 0 < fps <= 1000 else _DEFAULT_FPS
