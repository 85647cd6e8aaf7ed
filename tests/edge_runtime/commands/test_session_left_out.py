"""``thinsmear session review`` on what the machine left out: verdicts on objects, and cells that are added."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import cli
from tests.edge_runtime.sessions.session_tools import Clock, store_in
from tests.edge_runtime.sessions.test_left_out import slide

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` of `thinsmear session` on a session of 300 cells in two fields, with three objects."""
    with store_in(tmp_path / "store", Clock()) as store:
        slide(store, 0)
    monkeypatch.setenv("THINSMEAR_STORE", str(tmp_path / "store"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["session", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def outside(run: Run) -> dict[str, int]:
    found: dict[str, int] = json.loads(run("status", "--json")[1])["review"]["outside"]
    return found


def test_objects_are_listed_until_they_have_a_verdict(run: Run) -> None:
    assert "1.o1    0.9700  clump" in run("review")[1]
    run("review", "--cell", "1.o1", "--verdict", "no-parasite", "--reviewer", "RV")
    waiting = json.loads(run("review", "--json")[1])["objects"]
    assert [(item["object"], item["reason"]) for item in waiting] == [("2.o1", "border"), ("1.o2", "debris")]


def test_an_object_gets_its_verdict_and_loses_it(run: Run) -> None:
    assert run("review", "--cell", "1.o1", "--verdict", "asexual", "--reviewer", "RV")[0] == 0
    assert (outside(run)["asexual"], outside(run)["pending"]) == (1, 2)
    text = " ".join(run("status")[1].split())
    assert "3 objects that the machine left out and that look infected, 1 looked at: 1 with asexual" in text
    assert run("review", "--undo", "1.o1", "--reviewer", "RV")[0] == 0
    assert outside(run)["pending"] == 3
    assert run("review", "--undo", "1.o1", "--reviewer", "RV")[0] == 2


def test_a_cell_is_added_and_taken_back(run: Run) -> None:
    said = ("--verdict", "gametocyte", "--species", "falciparum", "--reviewer", "RV")
    assert run("review", "--add", "1:120,20", *said)[0] == 0
    assert outside(run)["added_gametocytes"] == 1
    code, _, error = run("review", "--add", "1:121,21", *said)
    assert code == 2 and "There is cell 1.a1 at 1:121,21 already" in error
    assert run("review", "--undo", "1.a1", "--reviewer", "RV")[0] == 0
    assert outside(run)["added_gametocytes"] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--add", "1:120,20", "--reviewer", "RV"), "--verdict"),
        (("--add", "1:120,20", "--verdict", "asexual"), "--reviewer"),
        (("--add", "120,20", "--verdict", "asexual", "--reviewer", "RV"), "must be FIELD:X,Y"),
        (("--add", "1:120,20", "--cell", "1.1", "--verdict", "asexual", "--reviewer", "RV"), "one of"),
        (("--cell", "1.o9", "--verdict", "asexual", "--reviewer", "RV"), "no object"),
        (("--undo", "1.a9", "--reviewer", "RV"), "no added cell"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    code, _, error = run("review", *arguments)
    assert code == 2 and reason in error
    assert not any(outside(run)[name] for name in ("looked", "confirmed"))
