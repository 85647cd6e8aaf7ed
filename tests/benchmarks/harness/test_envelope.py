"""What every benchmark's JSON begins with, the command as one could type it again, and reading it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from benchmarks.harness.envelope import VERSIONS, check_folder, command_line, envelope, read_document, save_document
from edge_runtime.errors import BadData, WrongUsage


@click.command("bench")
@click.argument("models", nargs=-1)
@click.option("--threads", callback=lambda ctx, param, value: tuple(map(int, value.split(","))), default="1,2")
@click.option("--peer", multiple=True)
@click.option("--preset", default="standard")
@click.option("--fast/--slow", default=False)
@click.option("--save")
@click.option("--json", "as_json", is_flag=True)
@click.option("-q", "--quiet", is_flag=True, expose_value=False)
def command(**values: Any) -> None:
    click.echo(command_line(click.get_current_context()))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "bench"),
        (["a.tflite", "my model.tflite"], "bench a.tflite 'my model.tflite'"),
        (["--threads", "1,4"], "bench --threads 1,4"),  # a list in one word
        (["--peer", "x", "--peer", "y"], "bench --peer x --peer y"),
        (["--preset", "standard"], "bench --preset standard"),  # said, though it is the default
        (["--slow"], "bench --slow"),
        (["--save", "x.json", "--json", "-q"], "bench"),  # says where to, not what
    ],
)
def test_the_command_again(arguments: list[str], expected: str) -> None:
    assert CliRunner().invoke(command, arguments).stdout == f"{expected}\n"


def test_the_common_fields_come_first_and_the_payload_wins() -> None:
    document = envelope("peers", {"machine": {"board": "mine"}, "rows": []})
    assert list(document)[:4] == ["schema", "benchmark", "date", "command"]
    assert document["schema"] == {"name": "thinsmear-bench-peers", "version": VERSIONS["peers"]}
    assert document["machine"] == {"board": "mine"} and document["command"] is None
    assert envelope("peers", {})["machine"]["processors"] >= 1


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    document = envelope("training", {"speedup": 2.0})
    save_document(tmp_path / "t.json", document)
    assert read_document(tmp_path / "t.json") == ("training", document)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, WrongUsage, "no file"),
        ("{", BadData, "no saved benchmark"),
        ("[1]", BadData, "no saved benchmark"),
        ('{"benchmark": "latency"}', BadData, "no saved benchmark"),
        (json.dumps({"schema": {"name": "thinsmear-bench-naps", "version": 1}}), BadData, "known are thinsmear-bench-"),
        (json.dumps({"schema": {"name": "thinsmear-bench-peers", "version": 99}}), BadData, "version 99"),
        (json.dumps({"schema": {"name": "thinsmear-bench-peers", "version": 0}}), BadData, "version 0"),
    ],
)
def test_other_files_are_refused(content: str | None, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=message):
        read_document(path)


def test_a_missing_folder_is_said_before_measuring(tmp_path: Path) -> None:
    check_folder(None)
    check_folder(tmp_path / "x.json")
    with pytest.raises(WrongUsage, match="no folder"):
        check_folder(tmp_path / "gone" / "x.json")
