"""Runs a server until it is told to end: its socket, signals, systemd, and what is printed for people."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn

from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks, WrongUsage
from edge_runtime.server.access import address as qr
from edge_runtime.server.access.tokens import write_private
from edge_runtime.server.app import create_app
from edge_runtime.server.problems import LOG
from edge_runtime.server.service import Service
from edge_runtime.server.settings import Settings, is_loopback
from edge_runtime.server.systemd import Notifier

_SEND_BUFFER = 128 * 1024  # bytes: more would hold old live pictures back for a slow phone
_GRACE = 25  # seconds for answers in progress at the end; systemd allows 30
_QUIET = 10  # tenths of a second without work, after which nobody waits for an answer
_CONNECTIONS = 500
_LOOK = 150  # tenths of a second between two looks at the own address
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
    listener = listen(settings)
    with listener:
        notifier = Notifier.of_environment()
        app = create_app(settings, notifier)
        service: Service = app.state.service
        service.port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        if settings.tls:
            _check_certificate(config, settings)
        _Server(config, service, notifier, say).run(sockets=[listener])


def listen(settings: Settings) -> socket.socket:
    """A socket on the settings' address.

    Raises:
        WrongUsage: the address is not one of this machine, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise WrongUsage(f"There is no address {printable(settings.host)!r} here to listen on: {error}.") from error
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


class _Server(uvicorn.Server):
    """Tells the service, systemd and people when it begins and ends."""

    def __init__(self, config: uvicorn.Config, service: Service, notifier: Notifier, say: Any) -> None:
        super().__init__(config)
        self._service = service
        self._notifier = notifier
        self._say = say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        where = announce(self._service, self._say)
        self._notifier.ready(f"Listening on {where}.")

    async def on_tick(self, counter: int) -> bool:
        if counter % _LOOK == 0:
            keep_qr(self._service)  # the network may have come after the start, or have changed
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


def announce(service: Service, say: Any) -> str:
    """Say where the server is, and with a token show the QR code and keep it for the device's own screen."""
    settings = service.settings
    places = qr.addresses(settings, service.port)
    keep_qr(service)
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
    """Keep the QR code as a file, for the device's own screen; anew when the address has changed."""
    settings = service.settings
    if settings.token is None:
        return
    link = qr.link(qr.addresses(settings, service.port)[0], settings.token)
    if link == service.qr_link:
        return
    try:
        settings.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(settings.private / "qr.svg", qr.svg(link))
        service.qr_link = link
    except OSError as error:  # a full disk must not end the server
        LOG.debug("the QR code cannot be kept: %s", error)


def _check_certificate(config: uvicorn.Config, settings: Settings) -> None:
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise EnvironmentLacks(
            f"The certificate {printable(settings.certificate or '')} cannot be used: {error.strerror or error}."
        ) from error


def _end(*_: object) -> None:
    raise SystemExit(0)
