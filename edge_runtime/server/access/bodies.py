"""Reads what callers say before anybody works on it: small, in time, and without a place among the requests in work."""

from __future__ import annotations

import asyncio
import re
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_runtime.server.access.guard import LOCAL
from edge_runtime.server.problems import Problem, busy

MOST_BYTES = 64_000  # of a body that is no upload; the longest that the API knows has some hundred
PATIENCE = 10.0  # seconds until such a body must be here
MOST_AT_ONCE = 200  # requests in work, of all kinds
OWN_PLACES = 40  # of them for this device's own screen
# these take images, read piece by piece within limits of their own (edge_runtime.server.api.uploads)
UPLOADS = re.compile(r"/v1/(classify|fields|sessions/[^/]+/fields)")


class Bodies:
    """ASGI middleware within :class:`edge_runtime.server.access.guard.Guard`, which has let the caller pass."""

    def __init__(self, app: ASGIApp, patience: float = PATIENCE) -> None:
        """
        Args:
            patience: seconds until a body that is no upload must be here.
        """
        self._app = app
        self._patience = patience
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if not (scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])):
                receive = _given(await self._read(scope, receive), receive)
            if self._at_once >= MOST_AT_ONCE - (0 if scope[LOCAL] else OWN_PLACES):
                raise busy(2, "Too many requests at the same time; try again in a moment.")
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        except ClientDisconnect:
            return
        self._at_once += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._at_once -= 1

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Problem: 413, it is too long, by what its head says or by what has come; 408, it takes too long.
            ClientDisconnect: the caller has gone.
        """
        headers = Headers(scope=scope)
        length = int(headers.get("content-length") or 0)
        if length > MOST_BYTES:
            raise _too_long()
        if not length and "transfer-encoding" not in headers:
            return b""
        body = bytearray()
        until = time.monotonic() + self._patience
        stream = Request(scope, receive).stream()
        while True:
            try:
                body += await asyncio.wait_for(anext(stream), max(0.0, until - time.monotonic()))
            except StopAsyncIteration:
                return bytes(body)
            except asyncio.TimeoutError as error:
                raise Problem(
                    408, "too-slow", f"The request was not here within {self._patience:g} s; send it again."
                ) from error
            if len(body) > MOST_BYTES:
                raise _too_long()


def _given(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read, and then what comes after it, the caller's going away."""
    first: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def give() -> Message:
        nonlocal first
        message, first = first, None
        return await receive() if message is None else message

    return give


def _too_long() -> Problem:
    return Problem(413, "too-large", f"This address takes {MOST_BYTES:,} bytes at most; images go to those for images.")
