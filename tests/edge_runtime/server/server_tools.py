"""What the tests of the server share: an application in this process, and a real `thinsmear serve` beside it."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

for package in ("fastapi", "httpx", "uvicorn", "python_multipart", "segno", "itsdangerous"):
    pytest.importorskip(package, reason='the server needs `pip install "thinsmear[serve]"` and httpx')

from fastapi.testclient import TestClient  # noqa: E402

from edge_runtime.server.app import create_app  # noqa: E402
from edge_runtime.server.settings import Settings  # noqa: E402

TOKEN = "a-token-for-tests-0123456789"
PHONE = ("192.168.4.20", 50_000)
LINE_PICTURE = (480, 360)


def field_image(seed: int = 0, size: tuple[int, int] = LINE_PICTURE, kind: str = "PNG") -> bytes:
    """A synthetic field as a file."""
    from train.synthetic import draw_field, make_patient

    pixels = draw_field(np.random.default_rng(seed), make_patient(seed % 3, 0), *size)[0]
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def cell_image(colour: tuple[int, int, int] = (200, 120, 150), size: tuple[int, int] = (40, 40)) -> bytes:
    """A cell of one colour as a PNG file."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def uploads(*contents: bytes, name: str = "image") -> list[tuple[str, tuple[str, bytes, str]]]:
    """Files for httpx."""
    return [("files", (f"{name}{i}.png", content, "image/png")) for i, content in enumerate(contents)]


@contextlib.contextmanager
def client(
    folder: Path, peer: tuple[str, int] = ("127.0.0.1", 50_000), base: str = "http://localhost", **settings: Any
) -> Iterator[TestClient]:
    """A caller of an application whose store is in ``folder``."""
    app = create_app(Settings(store=folder / "store", **{"min_free": 0, **settings}))
    with TestClient(Called(app, peer), base_url=base, raise_server_exceptions=False) as caller:
        yield caller


class Called:
    """An application that is called from an address."""

    def __init__(self, app: Any, peer: tuple[str, int]) -> None:
        self.state = app.state
        self._app = app
        self._peer = peer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "client": self._peer} if scope["type"] == "http" else scope, receive, send)


def begin(caller: TestClient, **plan: Any) -> str:
    """A new session's code."""
    answer = caller.post("/v1/sessions", json={"slide": "A17", **plan})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session"])


def is_problem(answer: Any, status: int, kind: str) -> bool:
    """Whether an answer is this problem, whole and in its media type."""
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(document) == {"type", "title", "status", "detail", "kind"} and document["detail"].endswith((".", "`"))
    assert (answer.status_code, document["status"], document["kind"]) == (status, status, kind), document
    return True


class Served:
    """A running `thinsmear serve`."""

    def __init__(self, process: subprocess.Popen[str], port: int, said: list[str]) -> None:
        self.process = process
        self.port = port
        self.said = said

    def connect(self, timeout: float = 1200.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON (or bytes) of one request on a connection of its own."""
        connection = self.connect()
        with contextlib.closing(connection):
            content = json.dumps(body).encode() if isinstance(body, dict) else body
            kind = {"Content-Type": "application/json"} if isinstance(body, dict) else {}
            connection.request(method, path, content, {**kind, **(headers or {})})
            answer = connection.getresponse()
            data = answer.read()
            is_json = "json" in answer.headers.get("content-type", "")
            return answer.status, json.loads(data) if is_json and data else data

    def upload(self, path: str, *contents: bytes) -> tuple[int, Any]:
        body, kind = multipart(*contents)
        return self.ask("POST", path, body, {"Content-Type": kind})

    def metric(self, name: str) -> float:
        text = self.ask("GET", "/metrics")[1].decode()
        found = re.search(rf"^thinsmear_{name} (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1])

    def end(self, number: int = signal.SIGTERM, timeout: float = 1200.0) -> int:
        """Tell it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)


def multipart(*contents: bytes) -> tuple[bytes, str]:
    """A body with files, and its Content-Type."""
    parts = [
        f'--limit\r\nContent-Disposition: form-data; name="files"; filename="image{i}.png"\r\n\r\n'.encode() + content
        for i, content in enumerate(contents)
    ]
    return b"\r\n".join([*parts, b"--limit--\r\n"]), "multipart/form-data; boundary=limit"


@contextlib.contextmanager
def served(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Served]:
    """A real server on a free port; killed at the end if it still runs."""
    command = [sys.executable, "-m", "edge_runtime", "serve", "--port", "0", "--min-free", "0"]
    command += ["--store", str(folder / "store"), *options]
    own = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    process = subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    said: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip("\n"))
            if "Listening on" in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(1200), "the server did not start"
        found = re.search(r"Listening on \S+:(\d+)/", "\n".join(said))
        assert found is not None, said
        yield Served(process, int(found[1]), said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(5)


def wait_until(condition: Any, timeout: float = 1200.0) -> None:
    """Fail when it never becomes true; the limit only ends a hang, so that a busy machine is no fault."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)
