"""Keeps the newest frame of a camera at hand, and opens the camera again when it breaks or falls silent."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_runtime.cameras.protocol import Camera, CameraFault, EndOfStream, Frame, Pace
from edge_runtime.errors import ThinsmearError

_LOG = logging.getLogger("thinsmear")
_MOST_ABANDONED = 4  # stuck in a driver, each with its buffers; with more of them the memory would not stay flat


@dataclass(frozen=True)
class Timing:
    """Seconds after which something happens.

    Attributes:
        first_open: a camera that is not open by then counts as hung; the first time its package is read from the
            disk too, which takes 15 s and more from a Raspberry Pi's card ...
        open_within: ... later, once it has given a frame, this counts.
        hung_after: so does one that gives no frame for this long (beyond its own ``slowest``).
        close_within: a camera that is not closed by then is left to itself.
        first_retry: pause before a camera is opened again; doubles with each failure ...
        longest_retry: ... up to this.
        refresh: age at which a frame read ahead is replaced (``Pace.ASKED``).
    """

    first_open: float = 60.0
    open_within: float = 15.0
    hung_after: float = 4.0
    close_within: float = 2.0
    first_retry: float = 0.5
    longest_retry: float = 5.0
    refresh: float = 1.0


class Grabber:
    """Reads a camera in the background. Use as a context manager; ``take`` is for one thread.

    A camera that cannot be opened the first time, or lacks a package, is an error that ``take`` raises. One that
    worked before is opened again and again. Blocking calls of a camera run in a daemon thread of their own, so one
    that never returns is left behind and counted, and neither the program nor its end waits for it.

    Attributes:
        ended: the recording is over; ``take`` may still give its last frame.
        received: frames that came in.
        skipped: frames that were replaced by a newer one before they were taken, or that the camera itself left out.
        repeated: frames that the camera delivered a second time; they are dropped.
        reopened: how often the camera was opened again.
        abandoned: how often a hung camera could not be closed.
        damaged: frames that arrived incomplete.
    """

    def __init__(self, make: Callable[[], Camera], timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.ended = False
        self.received = self.skipped = self.repeated = self.reopened = self.abandoned = 0
        self._make = make
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._newest = -1
        self._stop = False
        self._failure: Exception | None = None
        self._current: _Opening | None = None
        self._left_behind: list[_Opening] = []
        self._damaged = 0
        self._lost_at: float | None = None
        self._news: deque[str] = deque(maxlen=20)
        self._supervisor = threading.Thread(target=self._supervise, name="camera supervisor", daemon=True)

    def __enter__(self) -> Grabber:
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def damaged(self) -> int:
        with self._changed:
            return self._damaged + (self._current.damaged if self._current else 0)

    def take(self, timeout: float) -> Frame | None:
        """The newest frame that was not taken before, waiting for it up to ``timeout`` seconds; None when none came.

        Raises:
            ThinsmearError: the camera could not be opened the first time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._slot or self.ended or self._failure, timeout)
            frame, self._slot = self._slot, None
            if frame is None and self._failure is not None:
                raise self._failure
            self._changed.notify_all()
            return frame

    def news(self) -> list[str]:
        """Sentences for people on what happened to the camera since the last call."""
        with self._changed:
            sentences = list(self._news)
            self._news.clear()
            return sentences

    def close(self) -> None:
        """Stop reading and release the camera; takes no longer than ``2 * close_within`` whatever the camera does."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._supervisor.ident is not None:
            self._supervisor.join(2 * self.timing.close_within + 1)

    def _supervise(self) -> None:
        delay = self.timing.first_retry
        while True:
            with self._changed:
                if self._stop:
                    return
                opening = self._current = _Opening(self, self._make, self._newest + 1)
            opening.start()
            self._wait_until_over(opening)
            self._retire(opening)
            with self._changed:
                if self._stop:
                    return
                if opening.ended:
                    self.ended = True
                    self._changed.notify_all()
                    return
                fault = opening.error or CameraFault(opening.complaint())
                if self.received == 0 or not isinstance(fault, CameraFault):
                    self._failure = fault
                    self._changed.notify_all()
                    return
                if self._lost_at is None:
                    self._lost_at = time.monotonic()
                    self._news.append(f"{fault} It is opened again as soon as it answers.")
                if opening.delivered:
                    delay = self.timing.first_retry
                self._changed.wait_for(lambda: self._stop, delay)
                while not self._stop and self._still_stuck() >= _MOST_ABANDONED:
                    self._changed.wait_for(lambda: self._stop, self.timing.longest_retry)
                delay = min(2 * delay, self.timing.longest_retry)
                self.reopened += 1

    def _wait_until_over(self, opening: _Opening) -> None:
        """Until the opening ended by itself, is hung, or the program wants to end; from then on its frames are void."""
        with self._changed:
            while not (self._stop or opening.over):
                left = opening.due - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 60.0))  # an endless wait is not infinity for a lock
            opening.stale = True
            self._changed.notify_all()

    def _retire(self, opening: _Opening) -> None:
        """Close from outside too, for a call that hangs may only return when its camera is closed under it."""
        until = time.monotonic() + self.timing.close_within
        closer = threading.Thread(target=opening.close_camera, name="camera closer", daemon=True)
        closer.start()
        for thread in (closer, opening):
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self._damaged += opening.damaged
            self._current = None
            if closer.is_alive() or (opening.is_alive() and not (self._stop and opening.is_opening)):
                self.abandoned += 1
                self._left_behind = [*filter(_Opening.is_alive, self._left_behind), opening]
                _LOG.debug("a camera does not close and is left behind")

    def _still_stuck(self) -> int:
        return sum(opening.is_alive() for opening in self._left_behind)

    def accept(self, opening: _Opening, frame: Frame) -> bool:
        """Put a frame where ``take`` finds it; whether it is a new one."""
        with self._changed:
            number = opening.offset + frame.sequence
            if opening.stale or number <= self._newest:
                self.repeated += not opening.stale
                return False
            self.skipped += number - self._newest - 1 + (self._slot is not None)
            self.received += 1
            self._newest = number
            self._slot = replace(frame, sequence=number)
            opening.delivered = True
            if self._lost_at is not None:
                self._news.append(f"The camera is back after {time.monotonic() - self._lost_at:.1f} s.")
                self._lost_at = None
            self._changed.notify_all()
            return True

    def pause(self, opening: _Opening, pace: Pace) -> None:
        """Let the camera wait as its pace says."""
        if pace is Pace.LIVE:
            return
        with self._changed:
            self._changed.wait_for(
                lambda: self._slot is None or opening.stale, self.timing.refresh if pace is Pace.ASKED else None
            )

    def finish(self, opening: _Opening) -> None:
        """Called by an opening that will read no more; it still has to close."""
        with self._changed:
            opening.over = True
            self._changed.notify_all()


class _Opening(threading.Thread):
    """One time that the camera is open: opens, reads until something happens, closes.

    Attributes:
        due: when the camera must have answered, in seconds of time.monotonic; infinite while it is not asked.
        stale: nobody wants its frames any more.
        over: it reads no more.
    """

    def __init__(self, grabber: Grabber, make: Callable[[], Camera], offset: int) -> None:
        super().__init__(name="camera", daemon=True)
        self.offset = offset
        self._open_within = grabber.timing.open_within if grabber.received else grabber.timing.first_open
        self.due = time.monotonic() + self._open_within
        self.stale = self.over = self.ended = self.delivered = False
        self.error: Exception | None = None
        self._grabber = grabber
        self._make = make
        self._camera: Camera | None = None
        self._closing = threading.Lock()  # taken once, by whoever closes

    def run(self) -> None:
        try:
            camera = self._camera = self._make()
            self._read(camera)
        except EndOfStream:
            self.ended = True
        except ThinsmearError as error:
            self.error = error
        except Exception as error:  # a camera library may raise anything; the camera is opened again in any case
            _LOG.debug("the camera failed", exc_info=True)
            self.error = CameraFault(f"The camera failed with {type(error).__name__}: {error}.")
        finally:
            self._grabber.finish(self)
            self.close_camera()

    def _read(self, camera: Camera) -> None:
        allowed = self._grabber.timing.hung_after + camera.slowest
        while not self.stale:
            self.due = time.monotonic() + 1.05 * allowed + 0.2  # a camera that keeps its time-out speaks first
            while not self.stale and not self._grabber.accept(self, camera.read(allowed)):
                pass  # an old frame again: no sign of life
            self.due = math.inf
            self._grabber.pause(self, camera.pace)

    def close_camera(self) -> None:
        camera = self._camera
        if camera is None or not self._closing.acquire(blocking=False):
            return
        try:
            camera.close()
        except Exception:  # it is gone already
            _LOG.debug("closing the camera failed", exc_info=True)

    @property
    def is_opening(self) -> bool:
        return self._camera is None

    @property
    def damaged(self) -> int:
        return self._camera.damaged if self._camera else 0

    def complaint(self) -> str:
        """What to say of a camera that is hung."""
        timing = self._grabber.timing
        if self._camera is None:
            return f"The camera did not open within {self._open_within:g} s; unplug it and plug it in again."
        silence = timing.hung_after + self._camera.slowest
        return f"{self._camera.name} gave no frame for {silence:g} s; check its cable and its power."
