"""The camera of a server: its newest frame for captures, and one small JPEG of each frame for all who watch."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.cameras import Frame
from edge_runtime.cameras.auto import CameraChoice
from edge_runtime.cameras.grabber import Grabber
from edge_runtime.errors import EnvironmentLacks, ThinsmearError
from edge_runtime.fields.opencv import opencv
from edge_runtime.server.problems import LOG, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 960  # pixels of the live picture at most
_QUALITY = 75
_FASTEST = 1 / 25  # seconds between two live pictures at least
_BESIDE_WORK = 1 / 12  # and while a field is being classified, which shall have the processor
_SLICE = 0.2
_RETRY = 5.0  # seconds until a camera is opened again that has never answered
_STALE = 5.0  # seconds after which a frame no longer shows what is under the microscope
_NEWS = 20


@dataclass(frozen=True)
class LivePicture:
    """A live picture.

    Attributes:
        sequence: of its frame.
        jpeg: its file.
    """

    sequence: int
    jpeg: bytes


class Watcher:
    """Wakes one coroutine when there is something new; what it missed meanwhile it never sees."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout: float) -> None:
        """Until it is woken, or the time is up."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout)
        self._event.clear()


class Live:
    """Follows a camera in a thread of its own, whatever those who watch do.

    Attributes:
        state: "opening", "live" or "lost".
        encoded: live pictures made.
        told: sentences of news so far.
        listeners: streams of events in progress.
    """

    def __init__(self, choice: CameraChoice, is_busy: Callable[[], bool]) -> None:
        """
        Args:
            choice: the camera.
            is_busy: whether a field is being classified.
        """
        self.state = "opening"
        self.encoded = 0
        self.told = self.listeners = 0
        self._choice = choice
        self._is_busy = is_busy
        self._grabber: Grabber | None = None
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._picture: LivePicture | None = None
        self._news: deque[tuple[int, str]] = deque(maxlen=_NEWS)
        self._watchers: set[Watcher] = set()
        self._allowed = _STALE  # seconds of silence, and of age of a frame, until the camera counts as lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin to follow the camera."""
        self._thread.start()

    def close(self) -> None:
        """Release the camera."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(8)

    @property
    def spec(self) -> str:
        """The camera, as it may be shown."""
        return self._choice.spec

    @property
    def received(self) -> int:
        """Frames that came in since the camera was opened first."""
        return self._grabber.received if self._grabber else 0

    @property
    def damaged(self) -> int:
        """Frames that arrived damaged since the camera was opened first, and were left out."""
        return self._grabber.damaged if self._grabber else 0

    @property
    def picture(self) -> LivePicture | None:
        """The newest live picture."""
        return self._picture

    @property
    def viewers(self) -> int:
        """Live views in progress."""
        return len(self._watchers)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watcher]:
        """A watcher that is woken for each live picture."""
        watcher = Watcher()
        with self._changed:
            self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            with self._changed:
                self._watchers.discard(watcher)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Somebody wants to know what a look at the picture gives."""
        with self._changed:
            self.listeners += 1
        try:
            yield
        finally:
            with self._changed:
                self.listeners -= 1

    def newest(self, timeout: float = 0.0) -> Frame:
        """The newest frame that still shows what is under the microscope.

        Args:
            timeout: seconds to wait for one.

        Raises:
            Problem: 503, the camera gives none.
        """
        with self._changed:
            if self._changed.wait_for(self._is_fresh, timeout):
                assert self._frame is not None
                return self._frame
        last = self._news[-1][1] if self._news else "It is being opened."
        raise Problem(503, "camera-lost", f"The camera gives no picture. {last}", {"Retry-After": "5"})

    def next_frame(self, after: int, timeout: float) -> Frame | None:
        """The newest frame once its sequence is above ``after``; None when there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None and self._frame.sequence > after, timeout)
            return self._frame if self._frame is not None and self._frame.sequence > after else None

    def news(self, after: int) -> list[tuple[int, str]]:
        """What happened to the camera: numbers above ``after``, and sentences."""
        with self._changed:
            return [item for item in self._news if item[0] > after]

    def _is_fresh(self) -> bool:
        frame = self._frame
        return self.state == "live" and frame is not None and time.monotonic() - frame.captured < self._allowed

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Grabber(self._choice) as grabber:
                    self._grabber = grabber
                    self._follow(grabber)
                    if grabber.ended:
                        self._say("The recording is over.")
                        self.state = "lost"
                        return
            except ThinsmearError as error:
                self.state = "opening"
                sentence = f"{error} It is tried again."
                if not self._news or sentence != self._news[-1][1]:
                    self._say(sentence)
                self._stop.wait(_RETRY)
            except Exception as error:  # nothing may end the live view for good
                LOG.error("the live view failed with %s", type(error).__name__, exc_info=error)
                self._stop.wait(_RETRY)

    def _follow(self, grabber: Grabber) -> None:
        heard = time.monotonic()
        self._allowed = _STALE
        opening = -1  # that of the last frame
        while not self._stop.is_set():
            begin = time.monotonic()
            frame = grabber.take(_SLICE)
            for sentence in grabber.news():
                self._say(sentence)
            if frame is None:
                if grabber.ended:
                    return
                if begin - heard > self._allowed:
                    self.state = "lost"
                continue
            # slow cameras are no lost ones: three times the last pause, unless the camera was opened again in it
            pause = begin - heard if opening == grabber.reopened else 0.0
            self._allowed = max(_STALE, 3 * pause)
            opening, heard = grabber.reopened, time.monotonic()
            self._show(frame)
            period = _BESIDE_WORK if self._is_busy() else _FASTEST
            self._stop.wait(max(0.0, begin + period - time.monotonic()))

    def _show(self, frame: Frame) -> None:
        with self._changed:
            self._frame = frame
            self.state = "live"
            self._changed.notify_all()
            watchers = list(self._watchers)
        if not watchers:
            return
        self._picture = LivePicture(frame.sequence, live_jpeg(frame))
        self.encoded += 1
        for watcher in watchers:
            watcher.wake()

    def _say(self, sentence: str) -> None:
        LOG.warning("%s", sentence)
        with self._changed:
            self.told += 1
            self._news.append((self.told, sentence))


def live_jpeg(frame: Frame) -> bytes:
    """The frame as a JPEG file of at most :data:`WIDTH` pixels across."""
    from PIL import Image

    pixels = live_pixels(frame)
    height, width = pixels.shape[:2]
    if width > WIDTH:
        pixels = _resize(pixels, (WIDTH, max(1, round(height * WIDTH / width))))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def _resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """OpenCV, which whole fields need anyway, takes an eighth of the time of Pillow; nothing is measured here."""
    import numpy as np

    try:
        cv2 = opencv()
    except EnvironmentLacks:
        from PIL import Image

        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def live_pixels(frame: Frame) -> NDArray[np.uint8]:
    """The camera's own small picture, else the frame, every n-th pixel of a large one: uint8 [h, w, 3]."""
    import numpy as np

    pixels = frame.pixels if frame.live is None else frame.live
    step = max(1, pixels.shape[1] // WIDTH)
    return np.ascontiguousarray(pixels[::step, ::step])
