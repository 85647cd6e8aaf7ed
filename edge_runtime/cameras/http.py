"""Camera ``http``: a network camera's MJPEG stream, or the address of a picture that is fetched again and again."""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http import client
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from edge_runtime.cameras.mjpeg import PartReader
from edge_runtime.cameras.protocol import CameraFault, Frame, Pace
from edge_runtime.common.text import printable
from edge_runtime.core.images import Reading, load_image
from edge_runtime.errors import BadImage, WrongUsage

MAX_FRAME_BYTES = 32 << 20
MAX_FRAME_PIXELS = 50_000_000
_CONNECT_SECONDS = 5.0
_MOST_REDIRECTS = 5
_SNAPSHOT_PAUSE = 0.1  # the least time between two requests for a picture
_DRAIN_SECONDS = 0.25
_CHUNK = 1 << 16
_FAILURES = (OSError, client.HTTPException, ValueError)  # ValueError: a closed socket's stream
_CODES = {
    401: "wants a user name and a password; write http://USER:PASSWORD@HOST/PATH",
    403: "does not allow this user to see it; check the user name and the camera's settings",
    404: "is not there; open the camera's page in a browser and copy the picture's own address",
}


def masked(address: str) -> str:
    """An address without user, password and query, each of which may hold a secret."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{printable(address.partition(':')[0])}://..."
    user = "***@" if "@" in parts.netloc else ""
    shown = urlunsplit((parts.scheme, f"{user}{host}{port}", parts.path, "", ""))
    return printable(shown + ("?***" if parts.query else ""))


def maker(spec: str, size: tuple[int, int] | None) -> Callable[[], HttpCamera]:
    """See :func:`edge_runtime.cameras.camera_maker`."""
    if size is not None:
        raise WrongUsage("The size of a network camera is set on the camera's own page; leave --size out.")
    address = _checked(spec)
    return lambda: HttpCamera(address)


def _checked(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\x00-\x20\x7f]", address):
        raise WrongUsage(f"{masked(address)} is no address of a camera; write http://HOST/PATH or https://HOST/PATH.")
    return parts


class HttpCamera:
    """See :class:`edge_runtime.cameras.protocol.Camera`."""

    slowest = 0.0

    def __init__(self, address: SplitResult) -> None:
        """Connect, and find out whether the address is a stream or a single picture.

        Raises:
            CameraFault: it does not answer, refuses, or sends something else.
        """
        self.name = f"The camera {masked(urlunsplit(address))}"
        self.damaged = 0
        self._address = address
        self._authorization = _basic(address)
        self._sequence = 0
        self._closed = threading.Event()
        self._socket: socket.socket | None = None
        self._next_request = 0.0
        self._response = self._request(_CONNECT_SECONDS)
        kind = self._response.getheader("Content-Type", "").lower()
        self._parts: PartReader | None = None
        if kind.startswith("multipart/"):
            boundary = re.search(r'boundary=("[^"]*"|[^;]*)', self._response.getheader("Content-Type", ""), re.I)
            if boundary is None or not boundary[1].strip('" '):
                self.close()
                raise CameraFault(f"{self.name} names no boundary between its pictures; use its snapshot address.")
            self._parts = PartReader(boundary[1], MAX_FRAME_BYTES)
            self.pace = Pace.LIVE
        elif kind.startswith(("image/", "application/octet-stream")):
            self.pace = Pace.ASKED
        else:
            self.close()
            raise CameraFault(
                f"{self.name} sends {printable(kind) or 'nothing that it names'}, no pictures; copy the address of the "
                "picture or stream itself from the camera's page."
            )

    def read(self, timeout: float) -> Frame:
        until = time.monotonic() + timeout
        damaged = self.damaged
        try:
            while time.monotonic() < until and not self._closed.is_set():
                content = self._snapshot(until) if self._parts is None else self._newest_part(until)
                captured = time.monotonic()
                self._sequence += 1
                try:
                    pixels = load_image(content, reading=Reading(MAX_FRAME_PIXELS, thorough=False))
                except BadImage:
                    self.damaged += 1
                    continue
                return Frame(pixels, self._sequence - 1, captured)
        except _FAILURES as error:
            raise self._fault(error) from error
        what = "gave only damaged frames" if self.damaged > damaged else "gave no frame"
        raise CameraFault(f"{self.name} {what} for {timeout:g} s; check its network and its power.")

    def close(self) -> None:
        self._closed.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may not be connected any more
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a reader; closing alone would not
            self._socket.close()

    def _newest_part(self, until: float) -> bytes:
        """The latest complete picture: what queued up behind it meanwhile is read first, for a quarter second."""
        assert self._parts is not None
        newest = b""
        drained = until
        while not newest or (time.monotonic() < drained and self._has_more()):
            oversized = self._parts.oversized
            piece = self._receive(until, at_end=b"" if newest else None)
            if not piece:  # the next call says that the stream is over; this one still has a picture
                break
            parts = self._parts.feed(piece)
            self.damaged += self._parts.oversized - oversized
            if parts:
                if not newest:
                    drained = min(until, time.monotonic() + _DRAIN_SECONDS)
                self._sequence += len(parts) - (not newest)
                newest = parts[-1]
        return newest

    def _has_more(self) -> bool:
        assert self._socket is not None
        return bool(select.select([self._socket], [], [], 0)[0])

    def _snapshot(self, until: float) -> bytes:
        if self._response.isclosed():
            self._closed.wait(max(0.0, min(self._next_request, until) - time.monotonic()))
            self._response = self._request(until - time.monotonic())
        self._next_request = time.monotonic() + _SNAPSHOT_PAUSE
        announced = self._response.length
        content = bytearray()
        while not self._response.isclosed() and (piece := self._receive(until, at_end=b"")):
            content += piece
            if len(content) > MAX_FRAME_BYTES:
                raise CameraFault(
                    f"{self.name} sends a picture of more than {MAX_FRAME_BYTES:,} bytes; make it smaller."
                )
        if announced is not None and len(content) < announced:
            raise CameraFault(f"{self.name} sent {len(content):,} of {announced:,} bytes; check its network.")
        self._response.close()
        return bytes(content)

    def _receive(self, until: float, at_end: bytes | None = None) -> bytes:
        """Some bytes; a stream that ends is a fault, or gives ``at_end``. A trickle does not outlive ``until``."""
        left = until - time.monotonic()
        if left <= 0 or self._closed.is_set():
            raise TimeoutError("timed out")
        assert self._socket is not None
        self._socket.settimeout(left)
        piece = self._response.read1(_CHUNK)
        if not piece:
            if at_end is None:
                raise CameraFault(f"{self.name} ended its stream.")
            return at_end
        return piece

    def _request(self, timeout: float) -> client.HTTPResponse:
        """The answer to a GET, after redirects; the password goes to the address that it was written for only."""
        parts, authorization = self._address, self._authorization
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = self._ask(parts, authorization, max(0.1, timeout))
            except _FAILURES as error:
                raise self._fault(error) from error
            if response.status not in (301, 302, 303, 307, 308):
                break
            target = urljoin(urlunsplit(parts), response.getheader("Location", ""))
            following = urlsplit(target)
            if following.scheme not in ("http", "https") or not following.hostname:
                raise CameraFault(f"{self.name} leads to {masked(target)}, which is no http address; name another.")
            if parts.scheme == "https" and following.scheme == "http":
                raise CameraFault(
                    f"{self.name} leads from https to {masked(target)}; name that address if you trust it."
                )
            if (following.scheme, following.netloc.rpartition("@")[2]) != (
                parts.scheme,
                parts.netloc.rpartition("@")[2],
            ):
                authorization = None
            parts = following
        else:
            raise CameraFault(f"{self.name} leads from address to address; name the last one.")
        if response.status != 200:
            self.close()
            advice = _CODES.get(response.status, "refuses; look at the camera's own page")
            if response.status == 401 and authorization is not None:
                advice = "does not take this user name and password, or wants them in another way than Basic"
            raise CameraFault(f"{self.name} answers {response.status}: it {advice}.")
        return response

    def _ask(self, parts: SplitResult, authorization: str | None, timeout: float) -> client.HTTPResponse:
        if self._socket is not None:
            self._socket.close()
        kind = client.HTTPSConnection if parts.scheme == "https" else client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        connection.connect()
        self._socket = connection.sock
        if self._closed.is_set():
            self.close()
        headers = {"Accept": "multipart/x-mixed-replace, image/jpeg, image/png", "Connection": "close"}
        if authorization is not None:
            headers["Authorization"] = authorization
        path = quote(urlunsplit(("", "", parts.path or "/", parts.query, "")), safe="/%?:@!$&'()*+,;=~[]")
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def _fault(self, error: Exception) -> CameraFault:
        if isinstance(error, TimeoutError):
            reason = "does not answer in time"
        elif isinstance(error, ConnectionRefusedError):
            reason = "refuses the connection"
        elif isinstance(error, socket.gaierror):
            reason = "has a name that is not known here"
        elif isinstance(error, ssl.SSLCertVerificationError):
            reason = "has a certificate that this machine does not trust"
        elif isinstance(error, OSError) and error.strerror:
            reason = f"lost its connection ({error.strerror})"
        else:
            reason = f"broke off ({type(error).__name__})"
        return CameraFault(f"{self.name} {reason}; check its address, its network and its power.")


def _basic(address: SplitResult) -> str | None:
    if address.username is None:
        return None
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
