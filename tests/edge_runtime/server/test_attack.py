"""An attack from the network, bounded in count and time, while a session is counted from the device's own screen.

The attackers (attack.py) are a process of their own, on loopback and bounded in count and time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.sessions import open_existing
from edge_runtime.sessions.store.integrity import check_store
from tests.edge_runtime.server.attack import calling
from tests.edge_runtime.server.server_tools import Served, field_image, served, wait_until

pytest.importorskip("cv2", reason="whole fields need OpenCV")
pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[3]
FIELDS = 50
MOST_SECONDS = 240.0
MOST_MEMORY = 400e6
MOST_WAIT = 2.0  # seconds for the own screen


class OwnScreen:
    """What a person at the device sees: the status, asked for four times a second; how long each answer takes."""

    def __init__(self, server: Served, code: str) -> None:
        self.waits: list[float] = []
        self.memory: list[float] = []
        self.wrong: list[object] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(server, code))
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self, server: Served, code: str) -> None:
        while not self._ended.wait(0.25):
            begin = time.monotonic()
            for path in ("/", f"/v1/sessions/{code}"):
                try:
                    status = server.ask("GET", path)[0]
                except OSError as error:
                    status = repr(error)  # type: ignore[assignment]
                if status != 200:
                    self.wrong.append((path, status))
            self.waits.append((time.monotonic() - begin) / 2)
            self.memory.append(resident(server.process.pid))


def resident(process: int) -> float:
    """Bytes of memory of a process."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024.0 * int(found[1])


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [field_image(seed) for seed in range(FIELDS)]


@contextlib.contextmanager
def attacked(server: Served) -> Iterator[dict[str, int]]:
    """A process that attacks while the block runs; afterwards, how many turns each kind of attacker had."""
    turns: dict[str, int] = {}
    command = [sys.executable, "-m", "tests.edge_runtime.server.attack", str(server.port), str(MOST_SECONDS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield turns
        assert process.poll() is None, "the attack ended before the session"
        turns.update(json.loads(process.communicate(timeout=60)[0]))
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="loopback has many addresses on Linux only")
def test_a_session_is_counted_under_attack(tmp_path: Path, pictures: list[bytes]) -> None:
    with served(tmp_path, "--host", "0.0.0.0", "--threads", "1") as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (1024, 4096))
        code = server.ask("POST", "/v1/sessions", {"slide": "A17"})[1]["session"]
        screen = OwnScreen(server, code)
        acknowledged = []
        begin = time.monotonic()
        with attacked(server) as turns:
            time.sleep(5)
            for picture in pictures:
                status, said = server.upload(f"/v1/sessions/{code}/fields", picture)
                assert status == 200, said
                acknowledged.append(said["results"][0]["field"])
            time.sleep(max(0.0, 30 - (time.monotonic() - begin)))
            spent = time.monotonic() - begin
        screen.end()
        fields = server.ask("GET", f"/v1/sessions/{code}/fields")[1]["fields"]
        waits = sorted(screen.waits)
        print(
            f"\n{FIELDS} fields in {spent:.0f} s; own screen: {len(waits)} looks, median {waits[len(waits) // 2]:.3f} s, "
            f"longest {waits[-1]:.2f} s; memory at most {max(screen.memory) / 1e6:.0f} MB; {turns}"
        )
        assert acknowledged == [line["field"] for line in fields] == list(range(1, FIELDS + 1))
        assert not screen.wrong and waits[-1] < MOST_WAIT
        assert max(screen.memory) < MOST_MEMORY
        assert server.process.poll() is None and not any("Traceback" in line for line in server.said)
        assert server.end() == 0
    with open_existing(tmp_path / "store") as store:
        assert not list(check_store(store))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_without_a_file_handle_left_the_server_goes_on(tmp_path: Path) -> None:
    """Before, the look at the own address raised, and the server ended within 16 seconds."""
    with served(tmp_path, "--host", "0.0.0.0", "-v") as server:
        handles = [int(name) for name in os.listdir(f"/proc/{server.process.pid}/fd")]
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (max(handles) + 4, 4096))
        until = time.monotonic() + MOST_SECONDS
        with contextlib.ExitStack() as kept:
            while not any("Looking after the QR code failed" in line for line in server.said):
                assert server.process.poll() is None, "the server has ended"
                assert time.monotonic() < until, "there was always a file handle left"
                for number in range(20):
                    with contextlib.suppress(OSError):
                        kept.enter_context(calling(f"127.0.2.{1 + number}", server.port, 0.1))
        wait_until(lambda: server.ask("GET", "/v1/sessions") == (200, {"sessions": []}))
        assert server.end() == 0
