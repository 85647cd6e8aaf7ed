"""Profiles three walks through the code on synthetic data: ``python -m benchmarks.harness.walks``.

``classify``: cell images to lines. ``convert``: a small run to a published file. ``capture``: a picture from the page's
button to its answer, in a running server; what the server does meanwhile (camera, clock) is counted with it. Each walk
has a process of its own, so that nothing is at hand that another one made.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from benchmarks.harness.calls import CallTrace, Project
from benchmarks.harness.transactions import StatementTrace
from edge_runtime.cli import run as thinsmear

_ROOT = Path(__file__).parents[2]
# enough patients for a gate that decides at its first attempt
_SYNTH = ("--cells", "2000", "--patients", "40", "--fields", "8", "--field-size", "480x360")
_NETWORK = ("--arch", "cnn_128", "--size", "48", "--weights", "none")
_SCHEDULE = ("--epochs", "6", "--rate", "0.003", "--ema", "0.9", "--augment", "standard")
_CELLS = 4
_PATIENCE = 120.0  # seconds for the server to begin, and for one answer of it
_PAUSE = 0.5  # seconds between two captures
_ROWS = ("exit_code", "cells", "files", "transitions", "climbs", "steps", "returns", "calls")
_SQL_ROWS = (
    "transactions",
    "of_single_statements",
    "that_write",
    "connections_opened",
    "settings",
    "questions",
    "same_question_again",
    "session_lookups",
)
Walks = dict[str, dict[str, Any]]


def classify(folder: Path) -> Walks:
    """Classify a few cells with the model that comes along."""
    cells = sorted(str(path) for path in (folder / "smears" / "cells").rglob("*.png"))
    chosen = cells[:: max(1, len(cells) // _CELLS)][:_CELLS]
    return {"classify": _command("classify", "-q", *chosen)}


def convert(folder: Path) -> Walks:
    """Convert the run of the folder."""
    return {"convert": _command("convert", "-q", str(folder / "run"), "--out", str(folder / "model.tflite"))}


def capture(folder: Path) -> Walks:
    """Capture the first field of a session, and a later one, from a camera that replays fields.

    Raises:
        ClickException: the server does not begin, or an answer is no field.
    """
    project = Project()
    calls, statements = CallTrace(project), StatementTrace(project)
    walks: Walks = {}
    problems: list[str] = []
    over = threading.Event()
    port = _free_port()

    def visit() -> None:
        try:
            _await_server(port, over)
            session = _ask(port, "/v1/sessions", {"slide": "walk"})["session"]
            while "capture" not in walks:
                name = "capture" if "first capture" in walks else "first capture"
                with calls.counting(), statements.counting():
                    answer = _ask(port, f"/v1/sessions/{session}/capture", {})
                if not answer["repeat"]:  # the camera shows the same picture for a while
                    cells = len(answer["result"]["cells"])
                    walks[name] = {"cells": cells, **calls.walk().to_json(), "sqlite": statements.to_json()}
                time.sleep(_PAUSE)
        except (OSError, http.client.HTTPException, click.ClickException) as error:
            problems.append(str(error))
        finally:
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

    fields = folder / "fields"
    fields.mkdir(exist_ok=True)
    for path in (folder / "smears" / "fields").rglob("*.png"):
        shutil.copy(path, fields)
    options = ("--camera", f"replay:{fields}@10,loop", "--store", str(folder / "store"), "--min-free", "0")
    with calls.watching(), statements.watching():
        visitor = threading.Thread(target=visit, name="visitor")
        visitor.start()
        # the server wants the main thread, for its signals; it ends as a process would
        with contextlib.suppress(SystemExit):
            thinsmear(["serve", "-q", "--port", str(port), *options])
        over.set()
        visitor.join()
    if problems:
        raise click.ClickException(f"The capture gave no answer: {problems[0]}")
    return walks


WALKS: dict[str, Callable[[Path], Walks]] = {"classify": classify, "capture": capture, "convert": convert}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(WALKS)))
@click.option("--run", "run", type=click.Path(exists=True, file_okay=False, path_type=Path), help="To convert.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, the transactions one by one.")
@click.option("--within", hidden=True, type=click.Path(path_type=Path), help="Folder with what the one walk needs.")
def main(names: tuple[str, ...], run: Path | None, as_json: bool, within: Path | None) -> None:
    """Count files entered, transitions and climbs of walks, and what a capture asks of SQLite; all without NAMES."""
    if within is not None:
        click.echo(json.dumps(WALKS[names[0]](within)))
        return
    walks: Walks = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _prepare(folder, "convert" in (names or WALKS), run)
        for name in names or WALKS:
            said = _program(folder, "benchmarks.harness.walks", name, "--within", str(folder))
            walks.update(json.loads(said.splitlines()[-1]))
    document = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(("python -m benchmarks.harness.walks", *names)),
        "code": _commit(),
        "python": platform.python_version(),
        "walks": walks,
    }
    click.echo(json.dumps(document, indent=1) if as_json else "\n\n".join(text_of(*item) for item in walks.items()))


def text_of(name: str, walk: dict[str, Any]) -> str:
    """One walk for people."""
    threads = ", ".join(f"{thread} {files}" for thread, files in walk["threads"].items())
    rows = [(key, walk[key]) for key in _ROWS if key in walk]
    rows.append(("threads", f"{len(walk['threads'])} (files: {threads})"))
    sqlite = walk.get("sqlite")
    if sqlite is not None:
        rows += [(f"sqlite {key}", sqlite[key]) for key in _SQL_ROWS]
        rows += [(f"sqlite {key}", _words(sqlite[key])) for key in ("reads", "writes", "sums")]
    lines = [name, *(f"  {key.replace('_', ' '):28} {value}" for key, value in rows)]
    lines += [f"  climb: {climb}" for climb in walk["climbing"]]
    if walk["without_floor"]:
        lines.append(f"  on no floor of floors.py: {', '.join(walk['without_floor'])}")
    if sqlite is not None:
        lines += [f"  {each['opening']}: {_words(each['statements'])}; {each['by']}" for each in sqlite["list"]]
    return "\n".join(lines)


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _command(*arguments: str) -> dict[str, Any]:
    """Count a command to its exit code."""
    calls = CallTrace(Project())
    with contextlib.redirect_stdout(io.StringIO()), calls.watching(), calls.counting():
        code = thinsmear(arguments)
    return {"exit_code": code, **calls.walk().to_json()}


def _prepare(folder: Path, with_run: bool, run: Path | None) -> None:
    smears = folder / "smears"
    _program(folder, "edge_runtime", "synth", "-q", str(smears), *_SYNTH)
    if run is not None:
        (folder / "run").symlink_to(run.resolve())
    elif with_run:
        data, out = str(smears / "cells"), str(folder / "run")
        _program(folder, "edge_runtime", "train", "-q", data, "--out", out, *_NETWORK, *_SCHEDULE)


def _program(folder: Path, module: str, *arguments: str) -> str:
    """Run a module of the project in a process of its own; what it printed.

    Raises:
        ClickException: it failed.
    """
    own = {"XDG_CACHE_HOME": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}  # nobody's cache is read or filled
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=_ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{module} {arguments[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


def _commit() -> str | None:
    """The last commit that changed what is walked through; None outside a checkout."""
    try:
        command = ["git", "log", "-1", "--format=%h", "--", "edge_runtime", "train", "convert"]
        said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.strip() or None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_server(port: int, over: threading.Event) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and not over.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    raise click.ClickException("The server does not begin.")


def _ask(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The JSON answer of a POST.

    Raises:
        ClickException: it is no success.
    """
    with _connected(port) as connection:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    if answer.status >= 300:
        raise click.ClickException(f"{path} answered {answer.status}: {content[:500]!r}")
    document: dict[str, Any] = json.loads(content)
    return document


@contextlib.contextmanager
def _connected(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


if __name__ == "__main__":
    main()
