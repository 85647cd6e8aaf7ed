"""``thinsmear bench review`` on drawn fields and on lists of scores; the bars on real fields."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.review.command import review
from edge_runtime.cli import run
from edge_runtime.counting import CaptureCurve, CurveSource

FEW = ("--replicates", "10")


def scores_file(path: Path, patients: int = 6, apart: float = 9.0) -> Path:
    """Scores of patients with 20 infected and 80 healthy cells each."""
    draw = np.random.default_rng(4)
    lines = ["label,patient,probability"]
    for patient in range(patients):
        for label, count in ((1, 20), (0, 80)):
            p = 1 / (1 + np.exp(-draw.normal(apart * label, 1, count)))
            lines += [f"{label},P{patient},{value:.6f}" for value in p]
    path.write_text("\n".join(lines) + "\n")
    return path


def document_of(*words: str) -> dict:
    outcome = CliRunner().invoke(review, [*words, "--json"], catch_exceptions=False)
    document: dict = json.loads(outcome.stdout)
    return document


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn fields with their annotations."""
    from train.synthetic import generate

    folder = tmp_path_factory.mktemp("drawn")
    generate(folder, cells=0, fields=6, patients=3, seed=5, field_size=(960, 720))
    return next(folder.rglob("annotations.json")).parent


def test_fields_as_slides(drawn: Path) -> None:
    pytest.importorskip("cv2")
    document = document_of(str(drawn), "--by", ".*", *FEW)
    assert document["schema"]["name"] == "thinsmear-bench-review"
    assert 3 <= len(document["slides"]) <= 6
    assert document["fields"]["read"] == 6
    assert document["capture"]["kinds"][0]["cells"] == sum(one["infected"] for one in document["slides"])
    assert [one["share"] for one in document["prevalences"]] == [0.0002, 0.001, 0.005, 0.02, 0.05]


def test_one_run_of_fields_is_too_few(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cv2")
    assert run(["bench", "review", str(drawn), *FEW]) == 4
    assert "3 slides or more" in capsys.readouterr().err


def test_a_curve_is_saved_and_taken_again(tmp_path: Path) -> None:
    scores, curves = scores_file(tmp_path / "scores.csv"), tmp_path / "curves.json"
    document_of(str(scores), *FEW, "--save-curve", str(curves))
    document_of(str(scores), *FEW, "--save-curve", str(curves), "--model", "fast")
    kept = json.loads(curves.read_text())
    assert len(kept) == 2
    curve = CaptureCurve.from_json(next(iter(kept.values())))
    assert (curve.source, curve.infected) == (CurveSource.OTHERS, (20,) * 6)
    document = document_of(str(scores), *FEW, "--curve", str(curves), "--plot", str(tmp_path / "review.svg"))
    assert document["plan"]["curve"] == {"source": "other-laboratories", "slides": 6}
    assert {one["controls"] for one in document["intervals"]} == {3, 5, 10, None}
    assert (tmp_path / "review.svg").read_bytes().startswith(b"<?xml")


def test_the_report_for_people(tmp_path: Path) -> None:
    text = CliRunner().invoke(review, [str(scores_file(tmp_path / "s.csv")), *FEW], catch_exceptions=False).stdout
    for words in ("Cells to look at", "the machine's count", "10 controls", "Share of infected cells by depth"):
        assert words in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "x"], "--by is about"),
        (["--curve", "nowhere.json"], "no file nowhere.json"),
        (["--plot", "review.pdf"], "neither .png nor .svg"),
        (["--save", "nowhere/review.json"], "no folder"),
    ],
)
def test_wrong_usage(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "review", str(scores_file(tmp_path / "scores.csv")), *FEW, *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "{", '{"ab": {}}'])
def test_a_file_without_the_models_curve_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = tmp_path / "curves.json"
    curves.write_text(content)
    assert run(["bench", "review", str(scores_file(tmp_path / "scores.csv")), *FEW, "--curve", str(curves)]) in (1, 2)
    assert "curve" in capsys.readouterr().err


@pytest.mark.real_data
@pytest.mark.long
def test_real_fields(real_data: Path) -> None:
    """Pseudo slides of another laboratory: cells to look at and the limit of detection as measured, and a little."""
    pytest.importorskip("cv2")
    document = document_of(str(real_data / "iml_fields"), "--replicates", "44")
    assert len(document["slides"]) >= 11
    by_share = {one["share"]: one for one in document["prevalences"]}
    for share, most in ((0.001, 150), (0.005, 200), (0.02, 300)):
        assert by_share[share]["looked"]["median"] <= most
        assert by_share[share]["review_point"]["median"] > 4 * by_share[share]["looked"]["median"]
    dense = document["red_cells_per_microlitre"]
    assert document["limits"]["review"] * dense <= 3_400
    assert document["limits"]["machine"] > 10 * document["limits"]["review"]
    ten = [one for one in document["intervals"] if one["rule"] == "clean-run" and one["controls"] == 10]
    assert np.mean([one["coverage"] for one in ten]) > 0.9
