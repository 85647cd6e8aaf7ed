"""How much one caller, and all together, may ask of a small device: places in the queue, bytes, requests a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType

from edge_runtime.server.problems import Problem, busy, stopping

_MOST_CALLERS = 1024  # remembered by the rate limit; the longest silent one is forgotten first


class Admission:
    """Places for requests that bring or take images. Used by the event loop only.

    A place is taken before the first byte of an upload is read and given back with the answer, so the bound holds
    for uploads in progress, waiting work and work in hand together.

    Attributes:
        taken: places in use.
        held: bytes of uploads in memory.
        refused: requests that found no place.
        closed: the server is ending.
    """

    def __init__(self, places: int, most_bytes: int, wait: Callable[[], float]) -> None:
        """
        Args:
            places: requests at a time.
            most_bytes: of all uploads together.
            wait: seconds until a place should be free.
        """
        self.places = places
        self.taken = self.held = self.refused = 0
        self.closed = False
        self._most_bytes = most_bytes
        self._wait = wait

    def enter(self) -> Place:
        """Take a place; leave it with ``with``.

        Raises:
            Problem: 503, all are taken or the server is ending.
        """
        if self.closed:
            raise stopping()
        if self.taken >= self.places:
            self.refused += 1
            raise busy(self._wait(), f"All {self.places} places for images are taken; try again in a moment.")
        self.taken += 1
        return Place(self)

    def hold(self, count: int) -> None:
        """Count bytes of an upload or a frame; 503 when all together grow too large, which one alone never does."""
        if self.held and self.held + count > self._most_bytes:
            self.refused += 1
            raise busy(self._wait(), "Too many large uploads at the same time; try again in a moment.")
        self.held += count


class Place:
    """One request's place in :class:`Admission`."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0

    def hold(self, count: int) -> None:
        """See :meth:`Admission.hold`."""
        self._admission.hold(count)
        self._held += count

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.taken -= 1
        self._admission.held -= self._held


class RateLimit:
    """A token bucket for each caller: ``rate`` requests a second on average, ``burst`` at once.

    Args:
        rate: 0 for no limit.
        burst: requests at once.
        clock: monotonic seconds.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, caller: str) -> None:
        """Count one request.

        Raises:
            Problem: 429, too many.
        """
        if self._rate <= 0:
            return
        now = self._clock()
        left, since = self._left.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        while len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
        if not allowed:
            seconds = (1 - left) / self._rate
            raise Problem(
                429,
                "too-many-requests",
                f"More than {self._rate:g} requests a second; wait a moment.",
                {"Retry-After": str(max(1, round(seconds)))},
            )
