"""``thinsmear demo``: order of the steps, what stops it, and what it may replace; once in full as a long test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from benchmarks import demo as demo_module
from benchmarks.demo import unseen_cells
from edge_runtime.cli import COMMANDS, run
from edge_runtime.errors import GateFailed, NotConclusive, WrongUsage

ORDER = ["synth", "train", "convert", "check", "classify", "bench"]
SPLIT = "path,label,patient,part\n" + "".join(
    f"{label}/{part}{i}.png,{label},p{i},{part}\n"
    for label in ("Parasitized", "Uninfected")
    for part in ("train", "test")
    for i in range(9)
)


@pytest.fixture
def steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_model: Path
) -> Callable[[dict[str, Exception]], list[tuple[str, list[str]]]]:
    """Replace the six commands by ones that note their arguments and leave the files the real ones leave."""

    def install(errors: dict[str, Exception]) -> list[tuple[str, list[str]]]:
        called: list[tuple[str, list[str]]] = []
        out = tmp_path / "out"

        def leave_files(name: str) -> None:
            if name == "train":
                (out / "run").mkdir()
                (out / "run" / "split.csv").write_text(SPLIT)
                figures = {key: {"value": 0.99} for key in ("accuracy", "sensitivity", "specificity", "auc")}
                metrics = {"cells": {"total": 18}, "patients": {"total": 9}, "metrics": figures}
                (out / "run" / "metrics.json").write_text(json.dumps(metrics))
            if name == "convert":
                (out / "model.tflite").write_bytes(small_model.read_bytes())
            if name == "bench":
                threads = [{"file": {"median_ms": 2.0}, "latency": {"median_ms": 1.5}}]
                entry = {"bytes": 1234, "threads": threads, "cold_start": {"classify": {"median_ms": 200.0}}}
                (out / "latency.json").write_text(json.dumps({"result": "VALID", "models": [entry]}))

        def stand_in(name: str) -> click.Command:
            def call(arguments: tuple[str, ...]) -> None:
                called.append((name, list(arguments)))
                click.echo(f"output of {name}")
                leave_files(name)
                if name in errors:
                    raise errors[name]

            parameter = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
            settings = {"ignore_unknown_options": True}
            return click.Command(name, params=[parameter], callback=call, context_settings=settings)

        for name in ORDER:
            monkeypatch.setattr(demo_module, f"stand_in_{name}", stand_in(name), raising=False)
            monkeypatch.setitem(COMMANDS, name, (f"benchmarks.demo:stand_in_{name}", "a stand-in"))
        return called

    return install


def test_carries_the_steps_out_in_order_and_ends_with_a_summary(
    steps: Callable[..., list[tuple[str, list[str]]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = steps({})
    out = tmp_path / "out"
    assert run(["demo", "--out", str(out), "--cells", "500"]) == 0
    assert [name for name, _ in called] == ORDER
    arguments = dict(called)
    assert arguments["synth"][:3] == [str(out / "smears"), "--cells", "500"]
    assert arguments["classify"][2:] == unseen_cells(out / "run", out)
    shown = capsys.readouterr()
    assert f"$ thinsmear convert {out / 'run'} --out {out / 'model.tflite'}" in shown.err
    for text in ("accuracy 0.9900", "int8 against float32: passed", str(out / "run" / "report.html"), "Research Use"):
        assert text in shown.out
    assert json.loads((out / "summary.json").read_text())["model"]["bytes"] == 1234


def test_json_is_the_only_thing_on_stdout(
    steps: Callable[..., list[tuple[str, list[str]]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps({})
    assert run(["demo", "--out", str(tmp_path / "out"), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "output of train" in shown.err


@pytest.mark.parametrize(
    ("errors", "exit_code", "last"),
    [
        ({"convert": GateFailed("Beyond its limit.")}, 1, "convert"),
        ({"train": WrongUsage("No cells.")}, 2, "train"),
        ({"classify": click.exceptions.Exit(1)}, 1, "classify"),
        ({"convert": NotConclusive("Too few."), "check": NotConclusive("Too few.")}, 4, "bench"),
        ({"check": click.exceptions.Exit(4)}, 4, "bench"),
        ({"bench": NotConclusive("The result is INVALID.")}, 0, "bench"),
    ],
)
def test_what_stops_it_and_what_does_not(
    steps: Callable[..., list[tuple[str, list[str]]]],
    tmp_path: Path,
    errors: dict[str, Exception],
    exit_code: int,
    last: str,
) -> None:
    called = steps(errors)
    assert run(["demo", "--out", str(tmp_path / "out")]) == exit_code
    assert called[-1][0] == last


def test_a_second_demo_replaces_only_what_the_first_made(
    steps: Callable[..., list[tuple[str, list[str]]]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    steps({})
    assert run(["demo", "--out", str(out)]) == 0
    (out / "notes.txt").write_text("mine")
    (out / "run" / "old.txt").write_text("of the first demo")
    (out / "model.tflite.rejected").write_text("of an earlier demo")
    assert run(["demo", "--out", str(out)]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "run" / "old.txt").exists() and not (out / "model.tflite.rejected").exists()


def test_a_folder_with_other_things_is_left_alone(
    steps: Callable[..., list[tuple[str, list[str]]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = steps({})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    assert run(["demo", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert not called and (tmp_path / "run" / "precious.txt").read_text() == "mine"


def test_unseen_cells_are_of_test_patients_and_of_both_classes(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text(SPLIT)
    names = [Path(path) for path in unseen_cells(tmp_path, tmp_path)]
    assert len(names) == 8
    assert all(path.name.startswith("test") for path in names)
    assert [path.parent.name for path in names] == ["Parasitized"] * 4 + ["Uninfected"] * 4


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_real_thing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow", reason="the demo trains a model")
    out = tmp_path / "out"
    assert run(["demo", "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["gate"] == "passed"
    assert summary["test"]["accuracy"] > 0.9
    assert all(Path(path).exists() for path in summary["paths"].values())
