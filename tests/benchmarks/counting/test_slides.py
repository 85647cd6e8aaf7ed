"""From cells to slides: the fit to healthy patients, held-out scores, simulated slides, and the command."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from benchmarks.counting.beta_binomial import beta_parameters, draw_rates, fit_blanks, highest_mean
from benchmarks.counting.command import counting
from benchmarks.counting.held_out_scores import HeldOutPatients, PatientCells, read_held_out
from benchmarks.counting.simulated_slides import FITTED, NOT_EXCLUDED, SLIDES, SlideStudy, simulate_slides
from edge_runtime.core.card import OutputContract
from edge_runtime.counting import exact_upper
from edge_runtime.errors import BadData, NotConclusive, ThinsmearError, WrongUsage

GOOD = HeldOutPatients(
    point=0.9,
    infected=tuple(PatientCells(called, 100) for called in (85, 90, 92, 88, 95, 91)),
    healthy=tuple(PatientCells(called, 1_000) for called in (1, 0, 2, 1, 0, 3, 1, 0)),
    left_out=0,
    sources=("made up",),
)


def test_the_fit_recovers_mean_and_spread() -> None:
    generator = np.random.default_rng(3)
    rates = draw_rates(0.01, 0.8, 400, generator)
    assert rates.mean() == pytest.approx(0.01, rel=0.1) and rates.std() == pytest.approx(0.008, rel=0.1)
    fit = fit_blanks(generator.binomial(300, rates).tolist(), [300] * 400)
    assert fit.mean == pytest.approx(0.01, rel=0.15)
    assert fit.spread == pytest.approx(0.8, abs=0.2) and fit.spread_known


def test_the_likelihood_is_that_of_scipys_beta_binomial() -> None:
    from benchmarks.counting.beta_binomial import _log_share

    parameters = beta_parameters(0.02, 1.5)
    assert parameters is not None
    assert stats.beta(*parameters).mean() == pytest.approx(0.02)
    assert stats.beta(*parameters).std() == pytest.approx(0.03)
    for x in (0, 3, 70):
        assert _log_share(x, 70, 0.02, 1.5) == pytest.approx(stats.betabinom(70, *parameters).logpmf(x))
    assert beta_parameters(0.02, 0) is None
    with pytest.raises(ValueError, match="coefficient of variation"):
        beta_parameters(0.5, 3)


@pytest.mark.parametrize("positives", [0, 2])
def test_what_few_called_cells_do_not_exclude(positives: int) -> None:
    cells = [68] * 24 + [83]
    same, differing, far = (highest_mean(positives, cells, spread) for spread in (0, 1, 3))
    assert same == pytest.approx(exact_upper(positives, sum(cells)), rel=1e-6)
    assert same < differing < far
    generator = np.random.default_rng(0)
    totals = sum(generator.binomial(n, draw_rates(differing, 1.0, 20_000, generator)) for n in cells)
    assert np.mean(totals <= positives) == pytest.approx(0.05, abs=0.006)


def test_a_spread_that_cannot_be_seen_is_assumed() -> None:
    fit = fit_blanks([0] * 25, [69] * 25)
    assert (fit.spread, fit.spread_known, fit.positives) == (1.0, False, 0)
    assert fit.mean == pytest.approx(0.5 / 1_726) and fit.upper > fit.not_excluded[0.0] > fit.mean
    assert json.loads(json.dumps(fit.to_json()))["not_excluded"]["3"] > 0.003


def small(held_out: HeldOutPatients, **changes: Any) -> SlideStudy:
    settings: dict[str, Any] = {"slides": 60, "counted": (1_000, 10_000), "levels": (0, 50_000)}
    return simulate_slides(held_out, **{**settings, **changes})


def test_slides_of_a_good_classifier() -> None:
    study = small(GOOD)
    assert [(one.truth, one.known_from, one.slides) for one in study.settings] == [
        (FITTED, "healthy patients", 8), (FITTED, SLIDES, 10), (NOT_EXCLUDED, "healthy patients", 8),
        (NOT_EXCLUDED, SLIDES, 10),
    ]  # fmt: skip
    found = {(point.setting, point.counted, point.level): point for point in study.points}
    assert len(found) == len(study.points) == 4 * 2 * 2
    empty, sick = found[0, 10_000, 0], found[0, 10_000, 50_000]
    assert empty.detected <= 9 and empty.least_patient is None and empty.level == 0
    assert sick.detected == 60 and sick.least_patient == 1 and sick.detected_low > 0.93
    # 1 % of 10,000 cells at a sensitivity near 0.9, and the mean blank rate
    assert sick.called == pytest.approx(90 + 10_000 * study.blanks.mean, rel=0.1)
    assert abs(sick.bias) < 3_000 and sick.estimate == pytest.approx(50_000 + sick.bias)
    assert sick.low < 50_000 < sick.high
    assert min(point.held for point in study.points) >= 53
    assert found[0, 10_000, 0].limit is not None and found[0, 10_000, 0].limit < (found[0, 1_000, 0].limit or 0)
    worse = found[3, 10_000, 0]
    assert worse.called > empty.called
    assert json.loads(json.dumps(study.to_json()))["points"][0]["slides"] == 60


def test_the_same_seed_gives_the_same_slides() -> None:
    first, again, other = (small(GOOD, slides=6, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_patient_whom_the_classifier_misses_is_seen() -> None:
    blind = replace(GOOD, infected=(*GOOD.infected, PatientCells(2, 100)))
    study = small(blind, slides=35, counted=(10_000,), levels=(50_000,))
    assert study.points[0].least_patient == 0 and study.points[0].detected > 20


def write_scores(path: Path, healthy: int = 4, infected: int = 3, column: str = "probability") -> Path:
    generator = np.random.default_rng(5)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "label", "patient", "part", column])
        for patient in range(healthy + infected):
            sick = patient >= healthy
            for cell in range(40):
                label = int(sick and cell < 25)
                value = generator.beta(9, 1) if label else generator.beta(1, 30)
                rows.writerow([f"{patient}-{cell}.png", label, f"C{patient}", "test", value])
        rows.writerow(["x.png", 1, "C99", "train", 0.0])
    return path


def no_card() -> tuple[OutputContract, float]:
    raise AssertionError("no card is needed")


def test_scores_become_patients(tmp_path: Path) -> None:
    found = read_held_out([write_scores(tmp_path / "s.csv")], 0.5, no_card)
    assert [one.cells for one in found.infected] == [25] * 3  # their uninfected cells are no blanks
    assert [one.cells for one in found.healthy] == [40] * 4
    assert found.sensitivity > 0.9 and found.left_out == 0


def test_logits_take_the_cards_calibration(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = [("1", "A", 2.0)] * 10 + [("Parasitized", "B", 0.5)] * 10 + [("uninfected", "H", -3.0)]
    path.write_text("label,patient,logit\n" + "".join(f"{label},{who},{z}\n" for label, who, z in rows))
    found = read_held_out([path], None, lambda: (OutputContract(temperature=2.0, bias=-0.5), 0.6))
    assert (found.point, [one.called for one in found.infected]) == (0.6, [0, 10])


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("label,patient\n1,A\n", BadData, "probability or logit"),
        ("label,patient,probability\n1,A,1.5\n", BadData, "no list of scores"),
        ("label,patient,probability\nsick,A,0.5\n", BadData, "no list of scores"),
        ("label,patient,probability\n0,A,0.5\n", NotConclusive, "found 0 and 1"),
    ],
)
def test_what_is_no_list_of_scores(tmp_path: Path, text: str, error: type[ThinsmearError], match: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(error, match=match):
        read_held_out([path], 0.5, no_card)


def test_names_that_are_no_utf8_and_files_that_are_no_text(tmp_path: Path) -> None:
    path = write_scores(tmp_path / "s.csv")
    expected = read_held_out([path], 0.5, no_card)
    other = path.read_bytes().replace(b",C0,", b",C\xff,")
    assert other != path.read_bytes()
    path.write_bytes(other)
    assert len(read_held_out([path], 0.5, no_card).healthy) == len(expected.healthy)
    path.write_bytes(bytes(range(1, 256)) * 20)
    with pytest.raises(BadData, match="no list of scores") as caught:
        read_held_out([path], 0.5, no_card)
    assert len(str(caught.value)) < 250 + len(str(path))


def test_a_patient_in_two_files_is_refused(tmp_path: Path) -> None:
    paths = [write_scores(tmp_path / "a.csv"), write_scores(tmp_path / "b.csv", infected=0)]
    with pytest.raises(WrongUsage, match="C0 is in two"):
        read_held_out(paths, 0.5, no_card)


def test_a_run_gives_its_test_patients_and_its_folds(tmp_path: Path) -> None:
    from train.data.dataset import Cells
    from train.data.tables import write_json
    from train.runs.run import split_hash, write_split

    run = tmp_path / "run"
    (run / "folds" / "train-3").mkdir(parents=True)
    names = [(f"{who}-{i}.png", who, part, int(who[0] == "I" and i < 12)) for who, part in
             (("I1", "test"), ("H1", "test"), ("I2", "train"), ("H2", "train"), ("I3", "val")) for i in range(20)]  # fmt: skip
    paths, people, parts, labels = zip(*names, strict=True)
    cells = Cells(tmp_path, paths, np.array(labels, np.int8), people)
    write_split(run / "split.csv", cells, np.array(parts))
    card = {"output": {"temperature": 1.0}, "operating_points": {"review": 0.1, "count": 0.7}}
    write_json(run / "calibration.json", card)
    write_json(
        run / "config.json", {"input": {}, "data": {"root": "/", "split_sha256": split_hash(cells, np.array(parts))}}
    )
    (run / "scores.csv").write_text(
        "path,logit\n"
        + "".join(f"{p},{3 * y - 1}\n" for p, y, part in zip(paths, labels, parts, strict=True) if part != "train")
    )
    write_json(run / "folds" / "train-3" / "folds.json", {"part": "train"})
    (run / "folds" / "train-3" / "scores.csv").write_text(
        "path,probability\n"
        + "".join(f"{p},{0.6 + 0.2 * y}\n" for p, y, part in zip(paths, labels, parts, strict=True) if part == "train")
    )
    found = read_held_out([run], None, no_card)
    assert (found.point, found.infected, found.healthy) == (
        0.7,
        (PatientCells(12, 12),) * 2,
        (PatientCells(0, 20),) * 2,
    )
    with pytest.raises(WrongUsage, match="no teacher"):
        read_held_out([run], None, no_card, teacher=True)
    (run / "scores.csv").unlink()
    with pytest.raises(WrongUsage, match=r"no scores\.csv"):
        read_held_out([run], None, no_card)


def test_a_taught_run_gives_its_training_patients_by_its_teacher(tmp_path: Path) -> None:
    from train.data.dataset import Cells
    from train.data.tables import write_json
    from train.runs.run import split_hash, write_split

    names = [(f"{who}-{i}.png", who, part, int(who[0] == "I" and i < 12)) for who, part in
             (("I1", "train"), ("H1", "train"), ("I2", "train"), ("I3", "test")) for i in range(20)]  # fmt: skip
    paths, people, parts, labels = zip(*names, strict=True)
    write_split(tmp_path / "split.csv", Cells(tmp_path, paths, np.array(labels, np.int8), people), np.array(parts))
    cells = Cells(tmp_path, paths, np.array(labels, np.int8), people)
    data = {"root": "/", "split_sha256": split_hash(cells, np.array(parts))}
    write_json(tmp_path / "config.json", {"input": {}, "data": data, "teacher_weight": 0.5})
    lines = [f"{p},{0.2 + 0.7 * y}" for p, y, part in zip(paths, labels, parts, strict=True) if part == "train"]
    (tmp_path / "teacher.csv").write_text("\n".join(["path,probability", *lines]) + "\n")
    found = read_held_out([tmp_path], 0.9, no_card, teacher=True)
    assert (found.infected, found.healthy) == ((PatientCells(12, 12),) * 2, (PatientCells(0, 20),))
    with pytest.raises(WrongUsage, match="list of scores, which has no teacher"):
        read_held_out([tmp_path / "teacher.csv"], 0.9, no_card, teacher=True)


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(counting, [*map(str, arguments)])


@pytest.fixture
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "benchmarks.counting.simulated_slides.simulate_slides",
        partial(simulate_slides, counted=(500, 1_000), levels=(0, 50_000)),
    )


@pytest.mark.usefixtures("few_points")
def test_the_command(tmp_path: Path) -> None:
    scores = write_scores(tmp_path / "s.csv")
    saved, drawn = tmp_path / "slides.json", tmp_path / "slides.svg"
    options = [scores, "--point", "0.5", "--replicates", "20", "--draws", "500", "--blank-slides", "3x500", "-q"]
    printed = bench(*options, "--save", saved, "--plot", drawn)
    assert printed.exit_code == 0, printed.output
    assert "3 infected patients" in printed.output and "63% of people are found worse" in printed.output
    assert "corrected with 3 blank slides of 1,500 cells in all" in printed.output
    document = json.loads(saved.read_text())
    assert len(document["points"]) == 4 * 2 * 2 and document["held_out"]["point"] == 0.5
    again = json.loads(bench(*options, "--json").stdout)
    changing = ("date", "command", "machine")  # free memory is one of the machine's facts
    assert {**again, **{name: document[name] for name in changing}} == document
    assert drawn.read_bytes().startswith(b"<?xml")


@pytest.mark.usefixtures("few_points")
@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--point", "0.5"], "name a RUN or a CSV"),
        (["--plot", "x.svg"], "needs a RUN or CSV"),
        (["s.csv", "--plot", "x.gif"], "ends in .png or .svg"),
        (["s.csv", "--blank-slides", "10"], "10x1000"),
        (["s.csv", "--save", "no/where.json"], "There is no folder"),
        (["s.csv", "--point", "0.5", "--model", "missing.tflite"], None),  # the card is not asked
        (["logits.csv", "--model", "missing.tflite"], "no model file"),
    ],
)
def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], match: str | None) -> None:
    monkeypatch.chdir(tmp_path)
    write_scores(Path("s.csv"))
    write_scores(Path("logits.csv"), column="logit")
    result = bench(*options, "--replicates", "20", "--draws", "500", "-q")
    if match is None:
        assert result.exit_code == 0
    else:
        assert isinstance(result.exception, WrongUsage) and match in str(result.exception)
