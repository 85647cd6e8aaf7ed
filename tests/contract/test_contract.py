"""What scripts rest on: every recorded call still answers as it did; the calls are recorded by tests.contract.record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.compare import differences, help_differences, json_differences, text_differences
from tests.contract.helptext import parse_help
from tests.contract.invocations import COMMANDS, INVOCATIONS
from tests.contract.replay import carry_out, material, read_recorded
from tests.contract.running import run_here

RECORDED = read_recorded()
AGAIN = "For a deliberate change of the contract: python -m tests.contract.record {}"


@pytest.mark.parametrize("name", INVOCATIONS)
def test_a_call_answers_as_recorded(name: str) -> None:
    invocation = INVOCATIONS[name]
    if invocation.missing:
        pytest.skip(f"{', '.join(invocation.missing)} is not installed")
    found = list(differences(RECORDED[name], carry_out(invocation)))
    if found:
        lines = "\n  ".join(found)
        pytest.fail(f"`thinsmear {RECORDED[name]['call']}`:\n  {lines}\n{AGAIN.format(name)}", pytrace=False)


def test_every_call_is_recorded_and_nothing_else() -> None:
    assert sorted(INVOCATIONS) == sorted(RECORDED), "run: python -m tests.contract.record"
    assert len(RECORDED) >= 75


def test_the_help_of_every_command_is_recorded() -> None:
    assert set(_commands("")) <= set(COMMANDS), "a new command belongs into COMMANDS of tests/contract/invocations.py"


def _commands(group: str) -> Iterator[str]:
    """Every command and group below one, by the help of each."""
    text = run_here((*group.split(), "--help"), material()).stdout
    for name in parse_help(text)["commands"]:
        command = f"{group} {name}".strip()
        yield command
        yield from _commands(command)


@pytest.mark.parametrize(
    ("recorded", "actual", "words"),
    [
        ({"a": 1}, {"b": 1}, [".a is gone"]),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, [".a[0].b is 'y'"]),
        ({"a": [1, 2]}, {"a": [1]}, ["1 entries"]),
        ({"a": 1}, {"a": True}, [".a is True"]),
        ({"a": None}, {"a": 0}, [".a is 0"]),
        ({"probability": 0.5}, {"probability": 0.6}, [".probability is 0.6"]),
        ({"a": "<number>"}, {"a": "<text>"}, [".a is '<text>'"]),
        ({"a": 1}, {"a": 1, "new": 2}, []),
        ({"probability": 0.5}, {"probability": 0.51}, []),
        ({"a": "<nothing>"}, {"a": ["<each>", "<text>"]}, []),
    ],
)
def test_what_counts_as_a_change_of_a_document(recorded: Any, actual: Any, words: list[str]) -> None:
    found = list(json_differences(recorded, actual))
    assert len(found) == len(words) and all(part in line for part, line in zip(words, found, strict=True))


def test_what_counts_as_a_change_of_a_text() -> None:
    lines = ["3 cells, score 0.981", "done"]
    assert not list(text_differences(lines, ["new", "3 cells, score 0.982", "done"], "text"))
    for other in (["done", "3 cells, score 0.981"], ["3 cells, score 0.5", "done"], ["4 cells, score 0.981", "done"]):
        assert list(text_differences(lines, other, "text"))


HELP = """\
Usage: thinsmear example [OPTIONS] PATH...

  Do what an example does.

Options:
  --size WxH   Size in pixels, half-
               width first.
  -q, --quiet  Say nothing.

  Examples:
    thinsmear example a.png
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("half-\n               width", "half-width", []),
        ("  -q, --quiet", "  --new      Something new.\n  -q, --quiet", []),
        ("a.png\n", "a.png\n    thinsmear example b.png\n", []),
        ("-q, --quiet", "-q, --silent", ["--quiet is gone"]),
        ("Say nothing", "Say little", ["Say little"]),
        ("an example does", "it likes", ["description is"]),
        ("[OPTIONS] PATH...", "[OPTIONS] FILE", ["usage is"]),
        ("example a.png", "example c.png", ["epilog: the line"]),
    ],
)
def test_what_counts_as_a_change_of_help(old: str, new: str, words: list[str]) -> None:
    assert old in HELP
    found = list(help_differences(parse_help(HELP), parse_help(HELP.replace(old, new))))
    assert len(found) == len(words) and all(part in line for part, line in zip(words, found, strict=True))
