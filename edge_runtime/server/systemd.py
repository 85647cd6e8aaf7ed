"""Tells systemd that the service is ready, alive or stopping (the sd_notify protocol), without any library.

Source of the protocol: the manual page sd_notify(3). Outside systemd every call does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping


class Notifier:
    """Sends the states of one service to systemd.

    A notification that cannot be delivered is dropped: the work must not end because nobody listens.

    Attributes:
        enabled: whether somebody listens (``NOTIFY_SOCKET`` is set and of a kind that is supported).
        watchdog_interval: seconds between two signs of life, half of what systemd allows; None when it expects none.
    """

    def __init__(
        self, address: str | None, watchdog: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Args:
        address: path of systemd's socket; ``@name`` for Linux's abstract sockets.
        watchdog: seconds after which systemd takes a silent service for hung.
        clock: monotonic seconds.
        """
        self._address = _native(address)
        self._clock = clock
        self._next_beat = clock()
        self.enabled = self._address is not None
        self.watchdog_interval = watchdog / 2 if watchdog and self.enabled else None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Notifier:
        """What ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` say; values that make no sense are ignored."""
        environment = os.environ if environment is None else environment
        watchdog = None
        microseconds = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if for_us and microseconds.isdecimal() and int(microseconds) > 0:
            watchdog = int(microseconds) / 1e6
        return cls(environment.get("NOTIFY_SOCKET"), watchdog)

    def ready(self, status: str = "") -> None:
        """The service answers; units that wait for it may start.

        Args:
            status: a sentence for ``systemctl status``.
        """
        self._send("READY=1", status)
        self._next_beat = self._clock()

    def status(self, status: str) -> None:
        """A sentence for ``systemctl status``."""
        self._send("", status)

    def stopping(self, status: str = "") -> None:
        """The service begins to stop; what is in hand is still finished."""
        self._send("STOPPING=1", status)

    def beat(self) -> None:
        """A sign of life, sent when one is due: cheap enough for every turn of a loop.

        Call it where the real work is done (a frame was handled, the queue moved), never from a thread of its own:
        such a thread would go on when the work hangs.
        """
        if self.watchdog_interval is None or self._clock() < self._next_beat:
            return
        self._next_beat = self._clock() + self.watchdog_interval
        self._send("WATCHDOG=1")

    def _send(self, state: str, status: str = "") -> None:
        if self._address is None:
            return
        lines = [state] if state else []
        if status:
            lines.append(f"STATUS={' '.join(status.split())}")  # a line end would begin another assignment
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(lines).encode(), self._address)


def _native(address: str | None) -> str | None:
    """The address as Python's sockets want it; None for none, and for kinds other than Unix sockets."""
    if not address or not hasattr(socket, "AF_UNIX"):
        return None
    if address.startswith("@"):
        return "\0" + address[1:]
    return address if address.startswith("/") else None
