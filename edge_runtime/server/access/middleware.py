"""The outermost layer: headers of every answer, what is counted and logged, and bodies that nobody has read."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_runtime.server.access.door import Connections
from edge_runtime.server.access.guard import SIGNED_IN
from edge_runtime.server.metrics import Metrics
from edge_runtime.server.problems import LOG, unexpected

CSP = (
    "default-src 'self'; img-src 'self' blob: data:; script-src 'self'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DRAIN_SECONDS = 10.0  # for what is left of an upload
_DRAIN_PAUSE = 1.0  # after which its sender sends nothing more, but listens


class Outer:
    """ASGI middleware around everything.

    It never logs an address, a name or a body: method, route, status and time only.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, most_drained: int, connections: Connections) -> None:
        """
        Args:
            most_drained: bytes of an unread upload that are taken in and dropped, so that its sender, who may not
                listen before everything is sent, gets to see the answer; only of who is signed in.
            connections: are told what each one waits for.
        """
        self._app = app
        self._metrics = metrics
        self._most_drained = most_drained
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        body = _Body(scope, receive)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if scope.get(SIGNED_IN):
                    await body.drain(self._most_drained)
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            with self._connections.sending(scope):
                await send(message)

        try:
            with self._connections.request(scope):
                await self._app(scope, body.receive, answer)
        except Exception as error:
            problem = unexpected(error)
            if status == 0:
                await problem(scope, receive, answer)
        finally:
            spent = time.perf_counter() - begin
            route = _route(scope)
            self._metrics.request(route, scope["method"], status, spent)
            LOG.info("%s %s %d %.0f ms", _method(scope), route, status, 1000 * spent)


class _Body:
    """A request's body on its way in."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        headers = dict(scope["headers"])
        self._awaited = b"expect" in headers  # the sender waits for a word before it sends anything
        self._over = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"

    async def receive(self) -> Message:
        message = await self._receive()
        self._awaited = False
        self._over = self._over or not message.get("more_body", False)
        return message

    async def drain(self, most: int) -> None:
        """Take in what is left."""
        if self._over or self._awaited:
            return
        until = time.monotonic() + _DRAIN_SECONDS
        while not self._over and most > 0:
            try:
                message = await asyncio.wait_for(self.receive(), min(_DRAIN_PAUSE, until - time.monotonic()))
            except asyncio.TimeoutError:
                return
            most -= len(message.get("body", b""))


def _route(scope: Scope) -> str:
    """The route's pattern, which holds no code of a session."""
    found: Any = scope.get("route")
    return getattr(found, "path", "none")


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "OTHER"
