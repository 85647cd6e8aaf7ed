"""Carries out a recorded call on a fresh copy of the material, and describes what came of it."""

from __future__ import annotations

import atexit
import contextlib
import csv
import functools
import json
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.helptext import parse_help
from tests.contract.invocations import Invocation
from tests.contract.material import make_material
from tests.contract.plain import blur, plain_outcome, plain_text
from tests.contract.running import run_apart, run_here

RECORDED = Path(__file__).parent / "recorded"


@functools.cache
def material() -> Path:
    """Made once a process; gone when it ends."""
    keep = Path(tempfile.mkdtemp(prefix="thinsmear-contract-"))
    atexit.register(shutil.rmtree, keep, ignore_errors=True)
    return make_material(keep / "material")


def carry_out(invocation: Invocation) -> dict[str, Any]:
    """What the call does now, in the form that is recorded.

    Returns:
        ``call``, ``exit``, ``stderr`` and one of ``help``, ``json``, ``csv`` and ``text``; ``wrote`` where it left files.

    Raises:
        RuntimeError: a call that has to go before it failed.
    """
    call = {"call": shlex.join(invocation.arguments)}
    if invocation.is_help:
        outcome = run_here(invocation.arguments, material())
        return {**call, "exit": outcome.code, "help": parse_help(outcome.stdout)}
    folder = material().parent / "work"
    shutil.copytree(material(), folder)
    try:
        for line in invocation.before:
            done = run_here(line, folder)
            if done.code != 0:
                raise RuntimeError(f"{line}: {done.stderr}")
        before = set(folder.rglob("*"))
        run = run_apart if invocation.apart else run_here
        stdin = (folder / invocation.stdin).read_bytes() if invocation.stdin else b""
        outcome = run(invocation.arguments, folder, stdin)
        found = {**call, **plain_outcome(outcome, folder, invocation.blurred)}
        if invocation.clicks_words:
            del found["stderr"]
        wrote = _contents(folder, before)
        return {**found, "wrote": wrote} if wrote else found
    finally:
        shutil.rmtree(folder)


def read_recorded() -> dict[str, dict[str, Any]]:
    """Every recorded call by its name."""
    files = sorted(RECORDED.glob("*.json"))
    return {name: call for path in files for name, call in json.loads(path.read_text("utf-8")).items()}


def _contents(folder: Path, before: set[Path]) -> dict[str, Any]:
    """What the call wrote, by name: fields of JSON, columns of CSV, the first line of a page; None for others."""
    new = (path for path in folder.rglob("*") if path.is_file() and path not in before)
    places = {path: path.relative_to(folder).as_posix() for path in sorted(new)}
    return {
        plain_text(name, folder): _form(path)
        for path, name in places.items()
        if name.partition("/")[0] not in ("store", "reviewed", "home")
    }


def _form(path: Path) -> Any:
    if path.suffix == ".json":
        with contextlib.suppress(ValueError):
            return blur(json.loads(path.read_text("utf-8")))
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            return next(csv.reader(stream), [])
    return None
