"""Tables, JSON and notes on the terminal."""

from __future__ import annotations

import json
import re

import click
import pytest
from click.testing import CliRunner

from edge_runtime.common.console import emit_json, json_option, note, progress, table, verbosity_options


@click.command()
@verbosity_options
@json_option
def sample(as_json: bool) -> None:
    note("a note")
    with progress(range(3), "work") as items:
        total = sum(items)
    if as_json:
        emit_json({"total": total, "name": "µ\udcff"})
    else:
        click.echo(table(["name", "n"], [["a", 5], ["bcd", 12]], right=(1,)))


@pytest.mark.parametrize("arguments, notes", [([], "a note\n"), (["-q"], "")])
def test_notes_go_to_stderr_unless_quiet(arguments: list[str], notes: str) -> None:
    result = CliRunner().invoke(sample, arguments)
    assert result.stderr == notes
    assert result.stdout == "name   n\n----  --\na      5\nbcd   12\n"


def test_verbose_adds_what_it_took() -> None:
    assert re.fullmatch(
        r"a note\n\d+\.\d\d s(, \d+ MB of memory at most)?\n", CliRunner().invoke(sample, ["-v"]).stderr
    )


def test_quiet_ends_with_its_call() -> None:
    assert CliRunner().invoke(sample, ["-q"]).stderr == ""
    assert CliRunner().invoke(sample, []).stderr == "a note\n"


def test_json_is_one_ascii_line() -> None:
    output = CliRunner().invoke(sample, ["--json"]).stdout
    assert output.isascii() and output.count("\n") == 1
    assert json.loads(output) == {"total": 3, "name": "µ\udcff"}


def test_json_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        emit_json({"value": float("nan")})


def test_an_empty_table_has_its_headings() -> None:
    assert table(["a", "long"], []) == "a  long\n-  ----"
