"""The quantisation benchmark: what is tried, one failing row is a row, and a stopped one goes on where it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.quantisation.variants import Variant, VariantResult, measure, pareto, variants
from edge_runtime.cli import run as thinsmear
from edge_runtime.errors import BadData, WrongUsage


def test_only_what_is_calibrated_is_varied() -> None:
    names = [v.name for v in variants(["float16", "int8", "int16x8"], (50, 100), (0, 1), ["minmax", "mse"])]
    assert names[0] == "float16"
    assert sum(name.startswith("int8 ") for name in names) == 2 * 2 * 2 * 2  # methods, bias, sizes, seeds
    assert sum(name.startswith("int16x8 ") for name in names) == 2 * 2
    assert len(set(names)) == len(names)


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(WrongUsage, match="no recipe 'int4'"):
        variants(["int4"], (50,), (0,), ["minmax"])


@pytest.mark.parametrize(
    ("figures", "best"),
    [
        ({"a": (0.9, 2.0), "b": (0.8, 1.0), "c": (0.8, 3.0)}, {"a", "b"}),
        ({"a": (0.9, 1.0), "b": (0.9, 1.0)}, {"a", "b"}),
        ({"a": (0.9, 1.0), "b": (0.9, 2.0)}, {"a"}),
    ],
)
def test_the_front_holds_what_nothing_beats(figures: dict[str, tuple[float, float]], best: set[str]) -> None:
    rows = [VariantResult(Variant(name), accuracy=a, milliseconds=t) for name, (a, t) in figures.items()]
    assert pareto([*rows, VariantResult(Variant("broken"), error="no")]) == best


def test_the_command_writes_every_form_and_continues(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = [
        "bench",
        "accuracy",
        str(run_folder),
        "--out",
        str(out),
        "--sizes",
        "40",
        "--methods",
        "minmax",
        "--json",
    ]
    assert thinsmear([*arguments, "--recipes", "float16,int8"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert [row["variant"]["recipe"] for row in document["rows"]] == ["float16", "int8", "int8"]
    assert all(row["error"] is None and row["agreement"] > 0.95 for row in document["rows"])
    half, whole = document["rows"][0], document["rows"][1]
    assert half["bytes"] > whole["bytes"]
    with (out / "accuracy.csv").open(newline="") as stream:
        assert [float(row["agreement"]) for row in csv.DictReader(stream)] == [r["agreement"] for r in document["rows"]]
    assert "| float16" in (out / "accuracy.md").read_text()
    page = (out / "accuracy.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and (out / "accuracy.svg").stat().st_size > 1000

    def broken(*arguments: object) -> object:
        raise ValueError("cannot be converted")

    monkeypatch.setattr("benchmarks.quantisation.variants._attempt", broken)  # so only rows that were kept can be right
    assert thinsmear([*arguments, "--recipes", "float16,dynamic"]) == 0
    rows = json.loads(capfd.readouterr().out)["rows"]
    assert rows[0] == half
    assert rows[1]["error"] == "ValueError: cannot be converted" and rows[1]["accuracy"] is None


def test_rows_of_another_run_or_damaged_ones_are_not_taken(run_folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "rows.jsonl"
    kept.write_text('{"run": "another"}\n')
    with pytest.raises(WrongUsage, match="another run"):
        list(measure(run_folder, None, [], kept))
    kept.write_text('{"run": \n')
    with pytest.raises(BadData, match="damaged"):
        list(measure(run_folder, None, [], kept))
