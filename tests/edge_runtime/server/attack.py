"""An attack on a server of this machine from the network's side: ``python -m tests.edge_runtime.server.attack PORT SECONDS``.

It has no token. Everything stays on loopback, from the addresses 127.0.2.1 and on; it ends by itself after SECONDS, or
when its standard input is closed, and prints how many turns each kind of attacker had.
"""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

SILENT = 1000  # connections


def calling(address: str, port: int, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection((address, port), timeout, (address, 0))


def head(method: str, path: str, address: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {address}", *lines, "", ""]).encode()


class Attack:
    """Threads that do something again and again, each from an address of its own, until told to end or time is up."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.turns: Counter[str] = Counter()
        self.ended = threading.Event()
        self._until = time.monotonic() + seconds
        self._threads: list[threading.Thread] = []

    def start(self, what: Callable[[Attack, str], None], addresses: list[str]) -> None:
        for address in addresses:
            self._threads.append(threading.Thread(target=self._again, args=(what, address), daemon=True))
            self._threads[-1].start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _again(self, what: Callable[[Attack, str], None], address: str) -> None:
        while not self.ended.is_set() and time.monotonic() < self._until:
            with contextlib.suppress(OSError):
                what(self, address)
            self.turns[what.__name__] += 1
            self.ended.wait(0.05)


def silent(attack: Attack, address: str) -> None:
    """Connections that say nothing, 50 from each of 20 addresses, opened again as they are cut."""
    with contextlib.ExitStack() as kept:
        for _ in range(SILENT // 20):
            with contextlib.suppress(OSError):
                kept.enter_context(calling(address, attack.port, 1.0))
        attack.ended.wait(10)


def long_bodies(attack: Attack, address: str) -> None:
    """A JSON body without an end, in chunks of 1 MB, 100 MB at most."""
    with calling(address, attack.port) as connection:
        connection.sendall(
            head("POST", "/v1/login", address, "Content-Type: application/json", "Transfer-Encoding: chunked")
        )
        piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        for _ in range(100):
            if attack.ended.is_set():
                return
            connection.sendall(piece)


def slow_bodies(attack: Attack, address: str) -> None:
    """Twenty sign-ins whose bodies drip, and twenty uploads that are refused and go on all the same."""
    with contextlib.ExitStack() as kept:
        connections = []
        for number in range(40):
            path = "/v1/login" if number % 2 else "/v1/fields"
            with contextlib.suppress(OSError):
                connection = kept.enter_context(calling(address, attack.port, 1.0))
                connection.sendall(
                    head("POST", path, address, "Content-Type: application/json", "Content-Length: 5000")
                )
                connections.append(connection)
        for _ in range(20):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.send(b" ")
            if attack.ended.wait(0.5):
                return


def flood(attack: Attack, address: str) -> None:
    """Requests without the token on one connection, as fast as they are answered."""
    with calling(address, attack.port) as connection:
        for number in range(500):
            if attack.ended.is_set():
                return
            path = ("/v1/sessions", "/", "/v1/info", "/page/js/app.js")[number % 4]
            connection.sendall(head("GET", path, address, "Origin: http://["))
            if not connection.recv(65536):
                return


def connect_and_go(attack: Attack, address: str) -> None:
    """Connections that end at once, and some that are no HTTP."""
    for number in range(200):
        if attack.ended.is_set():
            return
        with calling(address, attack.port) as connection:
            if number % 4 == 0:
                connection.sendall(b"\x16\x03\x01 no request\r\n\r\n")


def slow_readers(attack: Attack, address: str) -> None:
    """Ask for the whole page again and again, and take nothing of it."""
    with contextlib.ExitStack() as kept:
        for _ in range(20):
            with contextlib.suppress(OSError):
                connection = kept.enter_context(calling(address, attack.port, 1.0))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(head("GET", "/page/js/app.js", address) * 50)
        attack.ended.wait(10)


ATTACKERS: dict[Callable[[Attack, str], None], list[str]] = {
    silent: [f"127.0.2.{number}" for number in range(1, 21)],
    long_bodies: ["127.0.3.1", "127.0.3.2"],
    slow_bodies: [f"127.0.4.{number}" for number in range(1, 6)],
    flood: [f"127.0.5.{number}" for number in range(1, 5)],
    connect_and_go: ["127.0.6.1", "127.0.6.2"],
    slow_readers: ["127.0.7.1", "127.0.7.2"],
}


def main(port: int, seconds: float) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    attack = Attack(port, seconds)
    for what, addresses in ATTACKERS.items():
        attack.start(what, addresses)
    threading.Thread(target=lambda: (sys.stdin.read(), attack.ended.set()), daemon=True).start()
    attack.wait()
    print(json.dumps(attack.turns))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
