"""Runs a server until it is told to end: its socket, signals, systemd, and what is printed for people."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks, WrongUsage
from edge_runtime.server.access import address as qr
from edge_runtime.server.access.door import Connections, Door
from edge_runtime.server.access.middleware import HEADERS
from edge_runtime.server.access.tokens import write_private
from edge_runtime.server.app import create_app
from edge_runtime.server.problems import LOG, Problem
from edge_runtime.server.service import Service
from edge_runtime.server.settings import Settings, is_loopback
from edge_runtime.server.systemd import Notifier

_SEND_BUFFER = 128 * 1024  # bytes: more would hold old live pictures back for a slow phone
_GRACE = 25  # seconds for answers in progress at the end; systemd allows 30
_QUIET = 10  # tenths of a second without work, after which nobody waits for an answer
_CUT = 10  # tenths of a second between two looks for connections that keep the server waiting
_LOOK = 150  # and between two looks at the own address
_BACKLOG = 128


def run_server(settings: Settings, verbose: bool, say: Any) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        verbose: log every request.
        say: tells people something, on stderr.

    Raises:
        ThinsmearError, OSError: it cannot start.
    """
    # until the server has its own handlers, and for what it raises again when it is done
    signal.signal(signal.SIGTERM, _end)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("thinsmear").setLevel(logging.INFO if verbose else logging.WARNING)
    # callers' mistakes are answered; a line for each would let anybody fill the journal
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    connections = Connections()
    listener = listen(settings, connections)
    with listener:
        notifier = Notifier.of_environment()
        app = create_app(settings, notifier, connections)
        service: Service = app.state.service
        service.port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_Spoken,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        if settings.tls:
            _check_certificate(config, settings)
        _Server(config, service, connections, notifier, say).run(sockets=[listener])


def listen(settings: Settings, connections: Connections) -> socket.socket:
    """A socket on the settings' address, which admits whom ``connections`` does.

    Raises:
        WrongUsage: the address is not one of this machine, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        listener = Door(family, kind)
    except OSError as error:
        raise WrongUsage(f"There is no address {printable(settings.host)!r} here to listen on: {error}.") from error
    listener.connections = connections
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)  # connections inherit it
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise WrongUsage(
            f"Port {settings.port} of {printable(settings.host)} cannot be used ({error.strerror}); choose another "
            "with --port, or end the program that has it."
        ) from error
    return listener


class _Spoken(H11Protocol):
    """What is no HTTP is answered like every other mistake."""

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # amid an answer there is no place for another one
            return
        self.transport.write(_not_http())
        self.transport.close()


@functools.cache
def _not_http() -> bytes:
    answer = Problem(400, "not-http", "That is no request of HTTP/1.1.").response()
    headers = {name.decode(): value.decode() for name, value in answer.raw_headers}
    lines = [f"{name}: {value}" for name, value in {**headers, **HEADERS, "Connection": "close"}.items()]
    return "\r\n".join(["HTTP/1.1 400 Bad Request", *lines, "", ""]).encode() + bytes(answer.body)


class _Server(uvicorn.Server):
    """Tells the service, systemd and people when it begins and ends."""

    def __init__(
        self, config: uvicorn.Config, service: Service, connections: Connections, notifier: Notifier, say: Any
    ) -> None:
        super().__init__(config)
        self._service = service
        self._connections = connections
        self._notifier = notifier
        self._say = say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        where = announce(self._service, self._say)
        self._notifier.ready(f"Listening on {where}.")

    async def on_tick(self, counter: int) -> bool:
        if counter % _CUT == 0:
            housekeep("connections", self._connections.cut_silent)
        if counter % _LOOK == 0:  # the network may have come after the start, or have changed
            housekeep("QR code", lambda: keep_qr(self._service))
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.end()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._notifier.stopping("Finishing the field in hand.")
        self._service.end()
        cutting = asyncio.ensure_future(self._cut_off())
        await super().shutdown(sockets)
        cutting.cancel()

    async def _cut_off(self) -> None:
        """Once every answer is out, drop connections whose other side does not hang up; TLS would wait 30 s for it."""
        quiet = 0
        while quiet < _QUIET:
            await asyncio.sleep(0.1)
            quiet = 0 if self.server_state.tasks else quiet + 1
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()


def housekeep(what: str, work: Callable[[], object]) -> None:
    """Do what is done again soon: when it fails, for instance without a file handle left, the server goes on."""
    try:
        work()
    except Exception as error:
        LOG.info("Looking after the %s failed (%s); the next turn tries again.", what, error)


def announce(service: Service, say: Any) -> str:
    """Say where the server is, and with a token show the QR code and keep it for the device's own screen."""
    settings = service.settings
    places = qr.addresses(settings, service.port)
    housekeep("QR code", lambda: keep_qr(service))
    say(f"Listening on {' '.join(places)}")
    if settings.token is not None:
        link = qr.link(places[0], settings.token)
        if sys.stderr.isatty():  # a journal is read by others
            say(f"Scan this with the phone, or open {link}\n{qr.terminal(link)}")
        else:
            say(f"A token is needed; its QR code is in {printable(settings.private / 'qr.svg')}.")
        if not settings.tls and not is_loopback(settings.host):
            say("Without --tls-cert the network sees what is sent; use it on a network of your own only.")
    return places[0]


def keep_qr(service: Service) -> None:
    """Keep the QR code as a file, for the device's own screen; anew when the address has changed.

    Raises:
        OSError: the disk is full, or no file handle is left.
    """
    settings = service.settings
    if settings.token is None:
        return
    link = qr.link(qr.addresses(settings, service.port)[0], settings.token)
    if link == service.qr_link:
        return
    settings.private.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(settings.private / "qr.svg", qr.svg(link))
    service.qr_link = link


def _check_certificate(config: uvicorn.Config, settings: Settings) -> None:
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise EnvironmentLacks(
            f"The certificate {printable(settings.certificate or '')} cannot be used: {error.strerror or error}."
        ) from error


def _end(*_: object) -> None:
    raise SystemExit(0)
