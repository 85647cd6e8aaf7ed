"""What every benchmark's JSON begins with: which schema it follows, when, where and by which command it was made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from edge_runtime.common.console import emit_json, note
from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage

SCHEMAS = Path(__file__).with_name("schemas")
# kind of benchmark -> version of its schema; it goes up when a field changes its meaning or goes away
VERSIONS = {
    "latency": 1,
    "accuracy": 1,
    "fields": 1,
    "counting": 1,
    "slides": 1,
    "review": 1,
    "peers": 1,
    "training": 1,
    "candidates": 1,
    "models": 1,
    "recipes": 1,
}
_PREFIX = "thinsmear-bench-"
_MAX_BYTES = 64 << 20
_WHERE_TO = {"save", "as_json"}  # options that say where the result goes, not what it is


def envelope(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A benchmark's document for ``--json`` and ``--save``: the common fields, then the payload's own.

    Args:
        kind: a key of :data:`VERSIONS`; ``schemas/<kind>.json`` describes the document.
        payload: plain JSON values; its fields win, so a ``machine`` read before the measurement stays.
    """
    from benchmarks.harness.machine import read_machine

    document: dict[str, Any] = {
        "schema": {"name": _PREFIX + kind, "version": VERSIONS[kind]},
        "benchmark": kind,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command_line(click.get_current_context(silent=True)),
    }
    if "machine" not in payload:
        document["machine"] = read_machine().to_json()
    return {**document, **payload}


def command_line(context: click.Context | None) -> str | None:
    """The running command as one could type it again, without the options that only say where its result goes.

    None outside a command.
    """
    if context is None:
        return None
    words = context.command_path.split()
    for parameter in context.command.get_params(context):
        given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and parameter.expose_value and parameter.name not in _WHERE_TO:
            words += _words(parameter, context.params[parameter.name or ""])
    return shlex.join(words)


def _words(parameter: click.Parameter, value: Any) -> list[str]:
    many = isinstance(value, (tuple, list))
    if isinstance(parameter, click.Argument):
        return [str(one) for one in value] if many else [str(value)]
    name = max(parameter.opts, key=len)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [name if value else max(parameter.secondary_opts, key=len)]
    if parameter.multiple:
        return [word for one in value for word in (name, str(one))]
    return [name, ",".join(map(str, value)) if many else str(value)]


def deliver(
    kind: str, payload: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str], as_json: bool, save: Path | None
) -> dict[str, Any]:
    """Print a result, as JSON or for people, and keep it when asked to.

    Args:
        kind, payload: see :func:`envelope`.
        text: what people get, from the document.
        save: where the document is kept, or None.

    Returns:
        The document.
    """
    document = envelope(kind, payload)
    emit_json(document) if as_json else click.echo(text(document))
    if save is not None:
        save_document(save, document)
    return document


def save_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write it as JSON and say so; its folder must exist (:func:`check_folder`)."""
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
    note(f"Wrote {printable(path)}.")


def check_folder(path: Path | None) -> None:
    """Refuse to measure for minutes what could not be saved.

    Raises:
        WrongUsage: the folder of ``path`` does not exist.
    """
    if path is not None and not path.absolute().parent.is_dir():
        raise WrongUsage(f"There is no folder {printable(path.absolute().parent)} to save into; make it first.")


def read_document(path: Path) -> tuple[str, dict[str, Any]]:
    """A saved benchmark: its kind and its fields.

    Raises:
        WrongUsage: there is no such file.
        BadData: it is no benchmark of ours, is damaged, or was made by a newer program.
    """
    name = printable(path)
    try:
        content = path.read_bytes()[: _MAX_BYTES + 1]
    except FileNotFoundError as error:
        raise WrongUsage(f"There is no file {name}; make it with a benchmark's --save.") from error
    try:
        document = json.loads(content)
        schema = document["schema"]
        kind, version = str(schema["name"]).removeprefix(_PREFIX), int(schema["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{name} is no saved benchmark (no schema name and version in it): {error!r}.") from error
    if kind not in VERSIONS:
        raise BadData(f"{name} follows the schema {schema['name']!r}; known are {', '.join(known_schemas())}.")
    if not 1 <= version <= VERSIONS[kind]:
        raise BadData(f"{name} has version {version} of its schema, this program reads 1 to {VERSIONS[kind]}.")
    return kind, document


def known_schemas() -> Iterable[str]:
    """Names of the schemas."""
    return (_PREFIX + kind for kind in VERSIONS)
