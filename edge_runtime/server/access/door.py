"""The door: how many connections there may be, from where, and for how long one may keep the server waiting.

It stands before HTTP and TLS, so that connections which never say a word count as well.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

PLACES = 256  # connections from the network
PER_ADDRESS = 32  # of them from one address; a browser opens six
OWN_PLACES = 64  # connections from this device, kept for its own screen
SILENT = 15.0  # seconds for a TLS handshake and the head of the first request
STUCK = 30.0  # seconds to take a piece of an answer, or to ask for the next one
_OWN = ("127.0.0.1", "::1", "::ffff:127.0.0.1")  # where the device's own browser calls from
_Key = tuple[str, int, str]  # the other side's address and port, and our address


@dataclass
class _Connection:
    """One that is open.

    Attributes:
        since: from when the server has been waiting for the other side; None while it works or sends.
        patience: seconds that it waits.
        busy: a request is in hand.
    """

    stream: socket.socket
    address: str
    since: float | None
    patience: float = SILENT
    busy: bool = False

    @property
    def is_open(self) -> bool:
        return self.stream.fileno() >= 0


class Connections:
    """The open connections. Used by the event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: monotonic seconds.
        """
        self._clock = clock
        self._open: dict[_Key, _Connection] = {}

    def admit(self, stream: socket.socket, peer: tuple[Any, ...]) -> bool:
        """Whether a new connection may stay.

        One address that has all of its places gets no more. When all places of the network are taken, the connection
        that has been silent for longest makes room: who says nothing keeps nobody out.
        """
        address = str(peer[0])
        own = address in _OWN
        others = [one for one in self._still_open() if (one.address in _OWN) == own]
        if not own and sum(one.address == address for one in others) >= PER_ADDRESS:
            return False
        if len(others) >= (OWN_PLACES if own else PLACES):
            silent = [one for one in others if not one.busy]
            if not silent:
                return False
            self._drop(min(silent, key=lambda one: one.since or 0.0))
        key = (address, int(peer[1]), str(stream.getsockname()[0]))
        self._open[key] = _Connection(stream, address, self._clock())
        return True

    @contextlib.contextmanager
    def request(self, scope: Scope) -> Iterator[None]:
        """A request is in hand: its connection is no silent one until the block ends."""
        connection = self._of(scope)
        if connection is None:
            yield
            return
        connection.busy, connection.since = True, None
        try:
            yield
        finally:
            # a slow phone may still be taking the last of the answer
            connection.busy, connection.since, connection.patience = False, self._clock(), STUCK

    @contextlib.contextmanager
    def sending(self, scope: Scope) -> Iterator[None]:
        """A piece of an answer is on its way: the other side has :data:`STUCK` seconds to take it."""
        connection = self._of(scope)
        if connection is None:
            yield
            return
        connection.since, connection.patience = self._clock(), STUCK
        try:
            yield
        finally:
            connection.since = None

    def cut_silent(self) -> int:
        """End those that have kept the server waiting for too long; how many."""
        now = self._clock()
        late = [one for one in self._still_open() if one.since is not None and now - one.since > one.patience]
        for one in late:
            self._drop(one)
        return len(late)

    def _drop(self, connection: _Connection) -> None:
        """End one; the event loop notices, and closes its side."""
        self._open = {key: one for key, one in self._open.items() if one is not connection}
        with contextlib.suppress(OSError):  # the other side was faster
            connection.stream.shutdown(socket.SHUT_RDWR)

    def _still_open(self) -> list[_Connection]:
        self._open = {key: one for key, one in self._open.items() if one.is_open}
        return list(self._open.values())

    def _of(self, scope: Scope) -> _Connection | None:
        """None for a connection that came through no door, as in tests."""
        client, server = scope.get("client"), scope.get("server")
        return self._open.get((client[0], client[1], server[0])) if client and server else None


class Door(socket.socket):
    """A listening socket that lets in whom :class:`Connections` admits, and hangs up on others at once."""

    connections: Connections

    def accept(self) -> tuple[socket.socket, Any]:
        """See :meth:`socket.socket.accept`.

        Raises:
            ConnectionAbortedError: it was not admitted; the event loop goes on, and comes back for the next one.
        """
        stream, peer = super().accept()
        try:
            admitted = self.connections.admit(stream, peer)
        except OSError:  # it is gone already
            admitted = False
        if not admitted:
            stream.close()
            raise ConnectionAbortedError
        return stream, peer
