"""Threads that classify: each has its tools (interpreter, store) to itself; one that crashes is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from edge_runtime.errors import ThinsmearError
from edge_runtime.server.problems import LOG, Problem, stopping

Tools = TypeVar("Tools")
Result = TypeVar("Result")

_EXPECTED = (ThinsmearError, OSError, Problem)  # errors of a job, after which its worker goes on
_RETRY = 2.0  # seconds until a worker's tools are made again that could not be made
_FORGETTING = 0.2  # weight of the newest job in the average of how long one takes


_hand = threading.local()  # of a worker's thread: what tells that the job in hand gets on


def alive() -> None:
    """Called by a job between its images: each has the whole time for itself before its worker counts as hung.

    Outside a worker's thread it does nothing.
    """
    tell = getattr(_hand, "tell", None)
    if tell is not None:
        tell()


class WorkerCrashed(Exception):
    """A job ended its worker; another worker has taken its place."""


class Workers(Generic[Tools]):
    """Threads that do one job at a time, in the order in which they were handed in.

    How many jobs may wait is for the caller to bound (:class:`edge_runtime.server.access.limits.Admission`).

    Attributes:
        count: threads.
        replaced: threads that were replaced after a crash.
        done: jobs finished.
    """

    def __init__(self, make: Callable[[], Tools], count: int, close: Callable[[Tools], None]) -> None:
        """
        Args:
            make: makes a worker's tools, in the worker's own thread.
            count: threads.
            close: ends the use of tools, in the worker's thread.
        """
        self.count = count
        self.replaced = self.done = 0
        self._make = make
        self._close_tools = close
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[Tools], Any]] | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._ready: set[int] = set()
        self._since: dict[int, float] = {}
        self._pending = 0
        self._average = 1.0
        self._closing = False
        self._threads: dict[int, threading.Thread] = {}

    def start(self, patience: float = 60.0) -> None:
        """Start the threads and wait until they have their tools."""
        for number in range(self.count):
            self._begin(number)
        with self._changed:
            self._changed.wait_for(lambda: len(self._ready) == self.count, patience)

    @property
    def alive(self) -> int:
        """Workers that can take a job or have one in hand."""
        with self._changed:
            return len(self._ready)

    @property
    def busy(self) -> int:
        """Workers with a job in hand."""
        with self._changed:
            return len(self._since)

    @property
    def waiting(self) -> int:
        """Jobs that no worker has taken yet."""
        with self._changed:
            return self._pending

    def longest(self) -> float:
        """Seconds since the job in hand that is silent longest began or said :func:`alive`; 0 when none is."""
        with self._changed:
            return time.monotonic() - min(self._since.values()) if self._since else 0.0

    def expected_wait(self) -> float:
        """Seconds until a job that is handed in now should be done."""
        with self._changed:
            return (self._pending + len(self._since) + 1) * self._average / max(1, len(self._ready))

    def submit(self, job: Callable[[Tools], Result]) -> Future[Result]:
        """Hand in a job.

        Raises:
            Problem: 503, the workers are ending.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._closing:
                raise stopping()
            self._pending += 1
        self._jobs.put((future, job))
        return future

    def close(self, patience: float) -> None:
        """Finish the jobs in hand and those that wait, for ``patience`` seconds; refuse the rest, then end."""
        until = time.monotonic() + patience
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._pending and not self._since, patience)
        while not self._jobs.empty():
            item = self._jobs.get()
            if item is not None and item[0].set_running_or_notify_cancel():
                item[0].set_exception(stopping())
        for _ in self._threads:
            self._jobs.put(None)
        for thread in list(self._threads.values()):
            thread.join(max(0.1, until - time.monotonic()))

    def _begin(self, number: int) -> None:
        thread = threading.Thread(target=self._run, args=(number,), name=f"worker {number}", daemon=True)
        self._threads[number] = thread
        thread.start()

    def _run(self, number: int) -> None:
        tools = self._tools()
        if tools is None:
            return
        _hand.tell = partial(self._tell, number)
        with self._changed:
            self._ready.add(number)
            self._changed.notify_all()
        crashed = False
        while not crashed and (item := self._jobs.get()) is not None:
            crashed = not self._do(number, tools, *item)
        with self._changed:
            self._ready.discard(number)
        try:
            self._close_tools(tools)
        except Exception:  # broken tools may not close either
            LOG.debug("a worker's tools do not close", exc_info=True)
        if crashed:
            self.replaced += 1
            self._begin(number)

    def _tell(self, number: int) -> None:
        with self._changed:
            self._since[number] = time.monotonic()

    def _tools(self) -> Tools | None:
        while not self._closing:
            try:
                return self._make()
            except Exception as error:
                LOG.error("A worker cannot start: %s It tries again.", error)
                time.sleep(_RETRY)
        return None

    def _do(self, number: int, tools: Tools, future: Future[Any], job: Callable[[Tools], Any]) -> bool:
        """Do one job; whether the worker may go on."""
        begin = time.monotonic()
        with self._changed:
            self._pending -= 1
            self._since[number] = begin
        well = True
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(job(tools))
        except _EXPECTED as error:
            future.set_exception(error)
        except BaseException as error:
            well = False
            LOG.error("a worker crashed with %s and is replaced", type(error).__name__, exc_info=error)
            future.set_exception(WorkerCrashed(type(error).__name__))
        finally:
            with self._changed:
                del self._since[number]
                self.done += 1
                spent = time.monotonic() - begin
                self._average += _FORGETTING * (spent - self._average)
                self._changed.notify_all()
        return well
