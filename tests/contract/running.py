"""Runs the ``thinsmear`` command, in this process or in one of its own, and keeps what came of it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 100  # of the terminal that help is laid out for
_FOREIGN = ("INFO:", "WARNING: All log", "WARNING: Log", "W0000", "I0000", "E0000")  # what libraries in C++ say


@dataclass(frozen=True)
class Outcome:
    """What one call of the command did: exit code, and what it wrote to stdout and stderr."""

    code: int
    stdout: str
    stderr: str


def run_here(arguments: tuple[str, ...], folder: Path, stdin: bytes = b"") -> Outcome:
    """Call the command in this process with ``folder`` as working directory, which spares the imports."""
    from edge_runtime.cli import run

    _forget_help(arguments)
    out, err = _stream(), _stream()
    with _inside(folder), mock.patch.dict(os.environ, environment(folder), clear=True):
        streams = {"stdin": io.TextIOWrapper(io.BytesIO(stdin), "utf-8"), "stdout": out, "stderr": err}
        with mock.patch.multiple(sys, **streams):
            code = run(list(arguments))
    return Outcome(code, _text(out), _text(err))


def run_apart(arguments: tuple[str, ...], folder: Path, stdin: bytes = b"") -> Outcome:
    """``python -m edge_runtime``, as a shell would call the command."""
    command = [sys.executable, "-m", "edge_runtime", *arguments]
    variables = {**environment(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=variables, input=stdin, capture_output=True, timeout=1200)
    lines = done.stderr.decode().splitlines(keepends=True)
    spoken = "".join(line for line in lines if not line.startswith(_FOREIGN))
    return Outcome(done.returncode, done.stdout.decode(), spoken)


def environment(folder: Path) -> dict[str, str]:
    """The environment of every call: nothing of the user's settings, a terminal of fixed width, no store."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THINSMEAR_", "XDG_"))}
    kept.pop("SOURCE_DATE_EPOCH", None)
    return {
        **kept,
        "COLUMNS": str(COLUMNS),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONIOENCODING": "utf-8",
        "XDG_CACHE_HOME": str(folder / "home" / "cache"),
        "XDG_DATA_HOME": str(folder / "home" / "data"),
        "MPLCONFIGDIR": str(folder.parent / "matplotlib"),
    }


def _forget_help(words: tuple[str, ...]) -> None:
    """Click keeps the help option of a command as it was first called, perhaps by another test and without ``-h``."""
    import click

    from edge_runtime.cli import root

    command: click.Command | None = root
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            return
        command = command.get_command(click.Context(command), word)
        if command is not None and hasattr(command, "_help_option"):
            command._help_option = None


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
