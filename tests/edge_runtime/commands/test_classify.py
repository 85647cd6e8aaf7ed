"""``thinsmear classify`` as people and scripts call it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import cli
from edge_runtime.core import model_file
from edge_runtime.core.archive import append_archive

RED, BLUE = (200, 60, 40), (40, 60, 200)
Models = Callable[[str], bytes]
Cell = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` in the temporary folder, with the tiny model as the default: exit code, stdout, stderr."""
    monkeypatch.setattr(model_file, "MODELS", model_path.parent)
    model_path.rename(model_path.with_name("default.tflite"))
    monkeypatch.chdir(model_path.parent)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["classify", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_json_line_is_the_contract(run: Run, cell: Cell) -> None:
    cell("red.png", RED)
    code, output, error = run("--json", "red.png")
    (line,) = lines(output)
    assert (code, error) == (0, "")
    assert list(line) == ["source", "label", "probability", "review", "count", "model"]
    assert line["source"] == "red.png" and line["label"] == "Parasitized"
    assert line["review"] is True and line["count"] is True
    assert 0.98 < line["probability"] < 1 and len(str(line["probability"])) > 8  # not rounded
    assert line["model"] == hashlib.sha256(Path("default.tflite").read_bytes()).hexdigest()[:12]


def test_an_uninfected_cell_has_the_probability_of_parasitized_too(run: Run, cell: Cell) -> None:
    cell("blue.png", BLUE)
    (line,) = lines(run("--json", "blue.png")[1])
    assert line["label"] == "Uninfected" and line["probability"] < 0.02
    assert line["review"] is False and line["count"] is False


def test_bad_files_are_reported_and_the_rest_goes_on(run: Run, cell: Cell) -> None:
    cell("a.png")
    Path("b.png").write_bytes(b"")
    Path("c.txt").write_text("no image")
    cell("d.png", BLUE)
    code, output, error = run("--json", "a.png", "b.png", "c.txt", "missing.png", "d.png")
    result = lines(output)
    assert (code, error) == (1, "")
    assert [line.get("label") for line in result] == ["Parasitized", None, None, None, "Uninfected"]
    kinds = [line["error"]["kind"] for line in result if "error" in line]
    assert kinds == ["empty-file", "not-an-image", "unreadable-file"]
    assert all(list(line) == ["source", "error"] for line in result if "error" in line)


def test_the_table_for_people(run: Run, cell: Cell) -> None:
    for name, colour in (("s/1.png", RED), ("s/2.png", BLUE), ("s/3.png", RED)):
        cell(name, colour)
    Path("s/notes.txt").touch()
    Path("bad.png").write_bytes(b"GIF89a")
    code, output, error = run("s", "bad.png")
    rows = output.splitlines()
    assert code == 1
    assert rows[0].split() == ["label", "score", "review", "count", "source"]
    assert rows[2].split()[0] == "Parasitized" and rows[2].split()[2:] == ["yes", "yes", "s/1.png"]
    assert rows[3].split()[0] == "Uninfected" and rows[3].split()[2:] == ["no", "no", "s/2.png"]
    assert "3 cells: 2 Parasitized, 1 Uninfected; 2 to review, 2 to count" in output
    assert "1 could not be read" in output and output.rstrip().endswith("Not for use in diagnostic procedures.")
    assert "skipped: bad.png" in error and "1 other files" in error


def test_quiet_leaves_errors_only(run: Run, cell: Cell) -> None:
    cell("s/1.png")
    Path("s/notes.txt").touch()
    assert run("-q", "s")[2] == ""


@pytest.mark.parametrize("threads", ["2", "5"])
def test_threads_change_nothing_but_the_time(run: Run, cell: Cell, threads: str) -> None:
    for i in range(23):
        cell(f"s/{i:02}.png", (10 * i, 100, 100))
    Path("s/11x.png").touch()
    assert run("--json", "--threads", threads, "s") == run("--json", "s")


def test_globs_and_lists(run: Run, cell: Cell) -> None:
    for name in ("s/a1.png", "s/a2.png", "s/b.png"):
        cell(name)
    Path("list.txt").write_bytes(b"s/b.png\0s/a1.png\0")
    assert [line["source"] for line in lines(run("--json", "s/a?.png")[1])] == ["s/a1.png", "s/a2.png"]
    assert [line["source"] for line in lines(run("--json", "--files-from", "list.txt")[1])] == ["s/b.png", "s/a1.png"]


def test_names_that_are_no_utf8(run: Run, cell: Cell) -> None:
    cell("s/a.png").rename(os.path.join("s", os.fsdecode(b"\xff.png")))
    code, output, _ = run("--json", "s")
    assert (code, lines(output)[0]["source"]) == (0, "s/\\xff.png")
    assert "s/\\xff.png" in run("s")[1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "There is no image to classify"),
        (["empty"], "There is no image to classify"),
        (["others"], "1 other files were passed over"),
        (["--threads", "0", "x.png"], "0 is not in the range"),
        (["--model", "missing.tflite", "x.png"], "There is no model file missing.tflite"),
        (["--model", "fast", "x.png"], "There is no model 'fast'"),
        (["--labels", "a,b", "x.png"], "leave --labels"),
        (["--files-from", "-", "-"], "read only once"),
        (["-", "-"], "read only once"),
        (["--wrong"], "No such option"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    Path("empty").mkdir()
    Path("others").mkdir()
    Path("others/notes.txt").touch()
    code, output, error = run(*arguments)
    assert (code, output) == (2, "")
    assert error.startswith("error: ") and message in error


def test_a_missing_list_is_one_sentence(run: Run) -> None:
    code, _, error = run("--files-from", "missing.txt")
    assert code == 1 and "missing.txt: No such file or directory" in error


def test_a_broken_model_is_one_sentence(run: Run, cell: Cell) -> None:
    cell("a.png")
    content = bytearray(Path("default.tflite").read_bytes())
    content[700] ^= 4
    Path("broken.tflite").write_bytes(content)
    code, output, error = run("--model", "broken.tflite", "a.png")
    assert (code, output) == (1, "") and error.count("\n") == 1 and "does not match its card" in error


@pytest.mark.parametrize(
    "kind, labels, extra",
    [
        ("sigmoid", "Uninfected,Parasitized", []),
        ("softmax", "clean, ring", ["--positive", "ring"]),
        ("int8", "healthy,infected", []),
    ],
)
def test_models_without_a_card(
    run: Run, cell: Cell, flatbuffer_of: Models, kind: str, labels: str, extra: list[str]
) -> None:
    Path("plain.tflite").write_bytes(flatbuffer_of(kind))
    cell("a.png", RED)
    cell("b.png", BLUE)
    code, output, error = run(
        "--json", "--model", "plain.tflite", "--labels", labels, "--input-range", "-1..1", *extra, "a.png", "b.png"
    )
    negative, positive = (label.strip() for label in labels.split(","))
    assert (code, error) == (0, "")
    assert [line["label"] for line in lines(output)] == [positive, negative]
    assert lines(output)[0]["probability"] > 0.9 > 0.1 > lines(output)[1]["probability"]


def test_a_model_without_a_card_must_be_described(run: Run, cell: Cell, flatbuffer_of: Models) -> None:
    Path("plain.tflite").write_bytes(flatbuffer_of("sigmoid"))
    cell("a.png")
    for arguments in ([], ["--labels", "well,parasitized"], ["--input-range", "0..1"]):
        code, _, error = run("--model", "plain.tflite", *arguments, "a.png")
        assert code == 2 and "--labels" in error and "--input-range" in error


def test_labels_of_a_foreign_tail_are_used(run: Run, cell: Cell, flatbuffer_of: Models) -> None:
    tail = {"labels.txt": b"Uninfected\nParasitized\n"}
    Path("foreign.tflite").write_bytes(append_archive(flatbuffer_of("sigmoid"), tail))
    cell("a.png")
    code, output, _ = run("--json", "--model", "foreign.tflite", "--input-range", "-1..1", "a.png")
    assert code == 0 and lines(output)[0]["label"] == "Parasitized"


def test_standard_input(run: Run, cell: Cell) -> None:
    content = cell("a.png").read_bytes()
    root = str(Path(cli.__file__).resolve().parents[1])
    command = [sys.executable, "-m", "edge_runtime", "classify", "--json", "--model", "default.tflite"]

    def piped(data: bytes, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        done = subprocess.run(
            [*command, *arguments], input=data, capture_output=True, env={**os.environ, "PYTHONPATH": root}
        )
        return done.returncode, lines(done.stdout.decode())

    code, (line,) = piped(content, "-")
    assert (code, line["source"], line["label"]) == (0, "-", "Parasitized")
    code, (line,) = piped(b"", "-")
    assert (code, line["error"]["kind"]) == (1, "empty-file")
    code, (line,) = piped(b"a.png\n", "--files-from", "-")
    assert (code, line["source"]) == (0, "a.png")
