"""``thinsmear bench report``: tables and pictures of every kind, and the blocks of a README."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.section import front
from benchmarks.report.forms import markdown
from benchmarks.report.readme import find_blocks
from benchmarks.report.section import section_of
from edge_runtime.cli import run
from edge_runtime.errors import BadData
from tests.benchmarks.report.documents import ALL, machine, peers, without

README = """# A project

<!-- bench:peers pictures/peers.svg -->
old figures
<!-- /bench:peers -->

Text between.

<!-- bench:training -->
<!-- /bench:training -->
"""


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str], str]:
    """Saves a document of a kind and gives its path."""

    def save(kind: str, document: dict[str, Any] | None = None) -> str:
        path = tmp_path / f"{kind}.json"
        path.write_text(json.dumps(document or ALL[kind](), allow_nan=False))
        return str(path)

    return save


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("latency", ["| 1 | 2.10 (2.08 to 2.12) |", "**models/a|b.tflite (model 0123456789ab, 2,795,371 bytes, input 128x128)", "| 2 | 900 | 1.80 | 1.90 |", "| 2 | 2.100 | +5.0% |",
                     "15.0 mJ a cell from a file, 7.5 mJ above idle", "| VALID |"]),
        ("peers", ["| thinsmear | int8 | 2.00 | 1.00 (1.00 to 3.00) |", "| 0.9700 | 0.9900 | 1.0000 |",
                   "Not measured: OpenVINO int8: the package openvino is missing."]),
        ("accuracy", ["| int8 minmax+bias n=300 seed=0 * |", "int4: cannot be converted"]),
        ("training", ["| generator | 90 | 0.9900 | 0.9500 |", "The same recipe 2.0 times as fast.", "2 flipped looks at each cell"]),
        ("fields", ["9 of 10, 0.90 (0.60 to 0.98)", "| ring | 10 | 9 | — |", "400 ms, 1.30 times the floor"]),
        ("counting", ["| mean coverage | 0.960 |", "| 8 slides * | 0.900 | 0.900 |", "| 8 slides * | 1,000 | 90.0 |", "Within the bars."]),
        ("slides", ["| 5,000 | 5,000 | 150/200 | 68-81 | 50 % | 5,200 | +200 | 900-9,000 | 191/200 | 92-98 | none |",
                    "2 infected patients (1 more have too few parasitized cells)", "(mean 0.2 %, spread 0.80), corrected"]),
        ("review", ["| 0.1 % | 50 (100) | 50 (100) | 50 (100) | 144 (288) | 1,600 (3,200) |", "| 96 clean cells | 0.065% | 3,250 |",
                    "| nothing: the machine's count | — | — |", "| 0.1 % | 96 clean in a row | 10 controls | 440 | 144 (288) | 96.0% (93.0% to 98.0%) | 80% | 1.04 | +2.0% |",
                    "11 from 89 of 90 fields, with 143 infected and 9,680 other cells; 11 annotated"]),
        ("candidates", ["| mobilenet_v2 0.35 80 | 681,000 | 600,000 | 0.29 | 0.230 |"]),
        ("models", ["| fast | 0123456789ab | 781,015 | 64x64 | 0.570 (2.340 to 2.360) | 0.242 (0.240 to 0.245) | 0.977 (0.967 to 0.987) |",
                    "| 0.9948 (0.9908 to 0.9988) | 0.976 (0.966 to 0.986) | 0.016 (0.006 to 0.026) | 0.010 |",
                    "accuracy -0.07 points (-0.37 to +0.23), AUC +0.0104 (+0.0099 to +0.0109); that of the AUC does not hold 0.",
                    "1,507 cells of 10 patients (826 parasitized, the data's test part)", "Not measured: old: it has no card.",
                    "Warning: Patients are few (10)"]),
        ("recipes", ["| fast | --rate 0.001 | 2 | 0.9750 | 0.9750 | 0.9700, 0.9800 | 0.975 | 0.975 |",
                     "| fast | +1.00 (-1.00 to +2.00) | +0.0100 (-0.0100 to +0.0200) | -0.0050 |",
                     "6,621 cells of 43 patients of the training part", "(1 of 2 folds of patients)"]),
    ],
)  # fmt: skip
def test_figures_of_each_kind(kind: str, expected: list[str]) -> None:
    text = markdown(section_of(kind, ALL[kind](), kind))
    for part in [*expected, machine(), "## "]:
        assert part in text


@pytest.mark.parametrize("kind", ALL)
def test_a_document_without_its_figures_is_refused(kind: str) -> None:
    needed = {"latency": "models", "peers": "rows", "accuracy": "rows", "training": "results", "fields": "infected",
              "counting": "bars", "slides": "points", "review": "limits", "candidates": "candidates",
              "models": "models", "recipes": "recipes"}[kind]  # fmt: skip
    with pytest.raises(BadData, match=f"what `bench {kind}` writes"):
        section_of(kind, without(ALL[kind](), needed), "x.json")


def test_a_report_of_all_kinds(saved: Callable[[str], str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = [saved(kind) for kind in ALL]
    out = tmp_path / "report.md"
    assert run(["bench", "report", *files, "--out", str(out), "-q"]) == 0
    text = out.read_text()
    assert text.count("\n## ") == len(ALL)
    for picture in ("report-1-latency.svg", "report-2-peers.svg", "report-3-accuracy.svg", "report-7-slides.svg"):
        assert f"]({picture})" in text and (tmp_path / picture).read_bytes().startswith(b"<?xml")

    page = tmp_path / "report.html"
    assert run(["bench", "report", *files, "--out", str(page), "-q"]) == 0
    content = page.read_text()
    assert content.count("<section") == len(ALL) and content.count("data:image/svg+xml") == 6
    assert "http://" not in content and "https://" not in content  # nothing from a network


def test_a_readme_is_filled_and_checked(
    saved: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    readme = tmp_path / "README.md"
    readme.write_text(README)
    (tmp_path / "pictures").mkdir()
    command = ["bench", "report", saved("peers"), "--readme", str(readme)]
    assert run([*command, "--check"]) == 1
    assert "differs from the benchmarks (block peers, picture pictures/peers.svg)" in capsys.readouterr().err
    assert readme.read_text() == README

    assert run(command) == 0
    assert "No file of `bench training` was given" in capsys.readouterr().err
    text = readme.read_text()
    assert "old figures" not in text and "| thinsmear | int8 |" in text and "](pictures/peers.svg)" in text
    assert text.startswith("# A project\n") and text.endswith(README[README.index("\nText between.") :])
    assert (tmp_path / "pictures" / "peers.svg").is_file()

    assert run([*command, "--check"]) == 0
    assert run(command) == 0 and readme.read_text() == text  # again, and nothing changes
    readme.write_text(text.replace("0.9700", "0.9900"))  # a figure typed by hand
    assert run([*command, "--check"]) == 1


def test_without_auc_there_is_no_picture(saved: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / "r.md"
    assert run(["bench", "report", saved("peers", peers(auc=None)), "--out", str(out), "-q"]) == 0
    assert "![" not in out.read_text() and "| - | - |" in out.read_text()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", []),
        (README, ["peers", "training"]),
        ("<!-- bench:peers -->\nno end", None),
        ("<!-- bench:peers -->\n<!-- bench:training -->\n<!-- /bench:training -->\n<!-- /bench:peers -->", None),
    ],
)
def test_markers(text: str, kinds: list[str] | None) -> None:
    if kinds is None:
        with pytest.raises(BadData, match="without its <!-- /bench:peers -->"):
            find_blocks(text, "README.md")
    else:
        assert [block.kind for block in find_blocks(text, "README.md")] == kinds


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([], []),
        ([(2.0, 0.99), (1.0, 0.98), (3.0, 0.985)], [(1.0, 0.98), (2.0, 0.99)]),
        ([(1.0, 0.98), (1.0, 0.99)], [(1.0, 0.99)]),
        ([(1.0, 0.99), (2.0, 0.99)], [(1.0, 0.99)]),
    ],
)
def test_front(points: list[tuple[float, float]], best: list[tuple[float, float]]) -> None:
    assert front(points) == best


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say where the report goes"),
        (["--out", "r.pdf"], "a report is .md or .html"),
        (["--check", "--out", "r.md"], "--check compares a README"),
        (["--readme", "gone.md"], "There is no file gone.md"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, saved: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "report", saved("training"), *arguments]) == 2
    assert message in capsys.readouterr().err
