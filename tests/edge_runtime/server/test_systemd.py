"""What systemd hears from the service: a socket of the test stands in for systemd's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.server.systemd import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        yield listener


def heard(listener: socket.socket) -> list[str]:
    listener.setblocking(False)
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_the_life_of_a_service(systemd: socket.socket) -> None:
    notifier = Notifier.of_environment({"NOTIFY_SOCKET": systemd.getsockname()})
    notifier.ready("Listening on port 8000.")
    notifier.status("Field 3\nof 40")
    notifier.stopping()
    assert heard(systemd) == ["READY=1\nSTATUS=Listening on port 8000.", "STATUS=Field 3 of 40", "STOPPING=1"]


def test_abstract_sockets() -> None:
    name = f"thinsmear-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        Notifier(f"@{name}", None).ready()
        assert heard(listener) == ["READY=1"]


def test_signs_of_life_come_when_they_are_due(systemd: socket.socket) -> None:
    now = [100.0]
    notifier = Notifier(systemd.getsockname(), watchdog=30.0, clock=lambda: now[0])
    assert notifier.watchdog_interval == 15
    counts = []
    for moment in (100.0, 101.0, 114.9, 115.1, 116.0, 200.0):
        now[0] = moment
        notifier.beat()
        counts.append(len(heard(systemd)))
    assert counts == [1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_what_the_environment_says(environment: dict[str, str], interval: float | None) -> None:
    assert Notifier.of_environment({"NOTIFY_SOCKET": "/run/x", **environment}).watchdog_interval == interval


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "relative"])
def test_nobody_listens(address: str | None) -> None:
    notifier = Notifier(address, watchdog=30.0)
    notifier.ready("x")
    notifier.beat()
    notifier.stopping()
    assert not notifier.enabled and notifier.watchdog_interval is None


def test_a_socket_that_is_gone_does_not_stop_the_work(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "gone"), 30.0)
    notifier.ready()
    notifier.beat()
    assert notifier.enabled
