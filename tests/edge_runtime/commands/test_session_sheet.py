"""``thinsmear session review --sheet`` and ``--verdicts``: what goes to a reader elsewhere, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import cli
from edge_runtime.sessions import open_store
from tests.edge_runtime.sessions.ranking_tools import scores, session_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` of `thinsmear session review` in a folder with a session of 300 cells."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THINSMEAR_STORE", str(tmp_path / "store"))
    with open_store(tmp_path / "store", create=True, min_free=0) as store:
        session_of(store, [scores(100, 1, seed) for seed in range(3)])

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["session", "review", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_slide_is_reviewed_by_files(run: Run) -> None:
    code, output, error = run("--sheet", "s.html", "--sheet", "s.png", "--json")
    sheet = json.loads(output)
    assert code == 0 and sheet["files"] == ["s.html", "s.png"] and "wrote s.html" in error
    assert (
        sheet["cells"][0]["number"] == 1 and len(sheet["cells"]) == 120 and set(sheet["cells"][0]) == {"number", "cell"}
    )
    assert Path("s.html").read_text().startswith("<!doctype html>") and Path("s.png").read_bytes()[1:4] == b"PNG"
    assert run("--sheet", "s.html")[1].splitlines()[0] == f"sheet    {sheet['sheet']}"
    Path("a.csv").write_text("number;verdict\n1;asexual\n2;asexual\n3;asexual\n", encoding="utf-8-sig")
    options = ("--verdicts", "a.csv", "--of-sheet", sheet["sheet"], "--none-of-the-others", "--reviewer", "RV")
    code, output, _ = run(*options)
    text = " ".join(output.split())
    assert code == 0 and "120 of 120 cells answered, 3 with parasites" in text
    assert "of 300 cells looked at in 1 page" in text and "The other 180 cells hold" in text
    document = json.loads(run(*options, "--json")[1])
    assert document["answer"]["repeat"] is True and document["asexual"] == 3
    assert document["rank"]["looked"] == 120 and len(document["cells"]) == document["pending"]
    assert "was there already" in run(*options)[1]


def test_the_table_of_the_queue_is_read_as_before(run: Run) -> None:
    Path("v.csv").write_text("cell,verdict\n1.1,asexual\n", encoding="utf-8-sig")
    document = json.loads(run("--from", "v.csv", "--reviewer", "RV", "--json")[1])
    assert document["asexual"] == 1 and "answer" not in document and "rank" not in document


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sheet", "s.pdf"), "s.pdf is no kind of sheet; end its name with .html or .png."),
        (("--sheet", "s.png", "--undo", "1.1"), "Make a sheet and give verdicts with two commands."),
        (("--none-of-the-others",), "Give the answer to the sheet with --verdicts FILE.csv."),
        (("--from", "bad.csv", "--reviewer", "RV"), "The table is no UTF-8 text"),
        (("--verdicts", "scores.csv", "--reviewer", "RV"), "they must be verdict, number or cell, and, where wanted"),
        (("--verdicts", "bad.csv", "--reviewer", "RV"), "The table is no UTF-8 text (byte 12 of it)"),
        (("--verdicts", "bad.csv"), "Say who decides: --reviewer CODE."),
        (("--verdicts", "bad.csv", "--undo", "1.1"), "Give one of"),
    ],
)
def test_wrong_calls(run: Run, arguments: tuple[str, ...], message: str) -> None:
    Path("bad.csv").write_bytes(b"cell,verdict\xe4\n")
    Path("scores.csv").write_text("score\n1\n")
    code, output, error = run(*arguments)
    assert code == 2 and not output and message in error
