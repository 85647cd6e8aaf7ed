"""What ``thinsmear evaluate`` refuses: options without a meaning, an --out that is a run, images that are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_runtime.cli import run as thinsmear


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    """The description of a run whose images have moved away."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = json.loads((run_folder / "config.json").read_text())
    config["data"]["root"] = str(tmp_path / "gone")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "split.csv").write_bytes((run_folder / "split.csv").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["RUN", "--labels", "A,B", "--positive", "B"],
            ["A RUN knows its labels", "leave out --labels, --positive."],
        ),
        (["RUN", "DATA", "--threads", "2"], ["leave out --threads."]),
        (["RUN", "--patients", "zzz("], ["A RUN without DATA knows its labels and patients; leave out --patients."]),
        (["RUN", "--folds", "2", "--skip-bad"], ["--folds takes the images", "leave out --skip-bad."]),
        (["RUN", "--folds", "2", "--patients", "C", "--input-range", "0..1"], ["leave out --patients, --input-range."]),
        (["default", "DATA", "--out", "RUN"], ["is a run, whose own report would be overwritten"]),
        (["RUN", "--folds", "2", "--out", "RUN"], ["is a run, whose own report would be overwritten"]),
        (["RUN", "DATA", "--out", "RUN"], ["is a run, whose own report would be overwritten"]),
    ],
)
def test_what_would_do_nothing_or_harm_is_refused(
    arguments: list[str], words: list[str], run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(run), "DATA": str(tmp_path)}
    before = {path.name for path in run.iterdir()}
    assert thinsmear(["evaluate", *(places.get(word, word) for word in arguments)]) == 2
    message = capfd.readouterr().err
    for word in words:
        assert word in message, message
    assert {path.name for path in run.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "words"), [([], "evaluate {run} DATA"), (["--folds", "2"], "move or link them there")]
)
def test_images_that_are_gone_are_asked_for(
    arguments: list[str], words: str, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert thinsmear(["evaluate", str(run), *arguments]) == 1
    message = capfd.readouterr().err
    assert f"expects them, under {tmp_path / 'gone'}" in message and words.format(run=run) in message
