"""Answers without an end: the live picture and the live words, each viewer at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from edge_runtime.server.live.follower import Live
from edge_runtime.server.live.readings import Glances

BOUNDARY = "thinsmear-frame"
MJPEG = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
EVENTS = "text/event-stream; charset=utf-8"
_SLICE = 0.5  # seconds after which a stream looks whether the server is ending
_STUCK = 20.0  # seconds for which a viewer may take nothing before it is given up
_EVERY = 0.2  # seconds between two events at least
_SIGN_OF_LIFE = 1.0  # and at most


class Stream(Response):
    """Sends what an iterator gives until it ends, the viewer goes away, or the viewer takes nothing any more.

    The next piece is made only when the one before is on its way, so a slow viewer gets fewer pieces, each of them new.
    """

    def __init__(self, pieces: Callable[[], AsyncIterator[bytes]], media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._pieces = pieces
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_gone(receive))
        pieces = self._pieces()
        try:
            async for piece in pieces:
                if gone.done():
                    return
                await asyncio.wait_for(_put(send, piece, True), _STUCK)
            await asyncio.wait_for(_put(send, b"", False), _STUCK)
        except (asyncio.TimeoutError, OSError):
            return
        finally:
            gone.cancel()
            with contextlib.suppress(Exception):
                await pieces.aclose()  # type: ignore[attr-defined]


async def _put(send: Send, piece: bytes, more: bool) -> None:
    message: Message = {"type": "http.response.body", "body": piece, "more_body": more}
    await send(message)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def pictures(live: Live, ending: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Parts of a ``multipart/x-mixed-replace`` answer."""
    shown = -1
    with live.watching() as watcher:
        yield f"--{BOUNDARY}\r\n".encode()
        while not ending():
            await watcher.wait(_SLICE)
            picture = live.picture
            if picture is None or picture.sequence == shown:
                continue
            shown = picture.sequence
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n\r\n"
            # the boundary after the picture lets browsers show it at once
            yield head.encode() + picture.jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


async def events(live: Live, glances: Glances, ending: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Server-sent events with what :class:`edge_runtime.server.live.readings.Glance` says and the camera's news."""
    heard = max(0, live.told - 1)
    before: dict[str, Any] = {}
    sent = 0.0
    with live.listening():
        yield b"retry: 2000\n\n"
        while not ending():
            news = live.news(heard)
            heard = news[-1][0] if news else heard
            camera = {"camera": live.state, "damaged": live.damaged}
            document = {**glances.last.to_json(), **camera, "news": [sentence for _, sentence in news]}
            now = time.monotonic()
            if document != before or now - sent >= _SIGN_OF_LIFE:
                before, sent = {**document, "news": []}, now
                yield f"data: {json.dumps(document, allow_nan=False)}\n\n".encode()
            await asyncio.sleep(_EVERY)
