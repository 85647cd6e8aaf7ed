"""The addresses of ``thinsmear serve``, their parameters, answers and fields, as its /openapi.json tells them.

``python -m tests.contract.addresses`` records them in addresses.json: a deliberate change of the contract.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.running import ROOT, environment

RECORDED = Path(__file__).with_name("addresses.json")
_PAGES = ("/", "/page/index.html", "/openapi.json", "/metrics", "/nowhere")
_PATIENCE = 1200  # seconds until the server must have answered, on a very busy machine


def read_addresses() -> dict[str, Any]:
    """Start a server, and ask it: ``pages`` with status and type, ``calls`` and ``schemas`` of the API.

    Raises:
        RuntimeError: it ended, or gave no answer.
    """
    with tempfile.TemporaryDirectory(prefix="thinsmear-contract-") as folder, _serving(Path(folder)) as address:
        document = json.loads(_get(f"{address}/openapi.json")[2])
        pages = {path: _get(f"{address}{path}")[:2] for path in _PAGES}
    calls = {
        f"{method.upper()} {path}": _call(call)
        for path, methods in document["paths"].items()
        for method, call in methods.items()
    }
    schemas = {
        name: _fields(schema)
        for name, schema in document["components"]["schemas"].items()
        if not name.startswith("Body_")  # FastAPI's own, named after our functions
    }
    return {"pages": {path: list(found) for path, found in pages.items()}, "calls": calls, "schemas": schemas}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """Where each parameter stands, what types a body may have, and those of each answer that is no error."""
    return {
        "parameters": {one["name"]: one["in"] for one in call.get("parameters", [])},
        "body": dict.fromkeys(call.get("requestBody", {}).get("content", {})),
        "answers": {
            code: dict.fromkeys(one.get("content", {})) for code, one in call["responses"].items() if code < "400"
        },
        "errors": dict.fromkeys(code for code in call["responses"] if code >= "400"),
    }


def _fields(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: field.get("type") for name, field in schema.get("properties", {}).items()}


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "edge_runtime",
        "serve",
        "--port",
        str(port),
        "--store",
        "store",
        "--min-free",
        "0",
    ]
    variables = {**environment(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=said, stderr=said)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + _PATIENCE
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"No answer from {address}: {(folder / 'said').read_text()}")
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _answers(address: str) -> bool:
    try:
        return _get(f"{address}/openapi.json")[0] == 200
    except OSError:
        return False


def _get(address: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=1200) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), b""


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(read_addresses(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
