"""Which cells of a run, or of other data, an evaluation scores, and what it warns of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.reading import Reading
from train.data.scan import scan
from train.evaluate.report_header import run_header
from train.evaluate.scores import Request, Scores, score_run

Score = Callable[..., Scores]


def draw(root: Path, patients: range, green: int = 10) -> Cells:
    """Two cells of each class for each patient; another ``green`` makes other images of the same names."""
    for patient in patients:
        for label in ("Parasitized", "Uninfected"):
            for cell in range(2):
                path = root / label / f"C{patient}P{patient}_{cell}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.new("RGB", (8, 8), (patient * 20, green, 10))
                image.putpixel((7, 7), (cell, len(label), 0))  # no two are one cell
                image.save(path)
    return scan(root)


@pytest.fixture()
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    """Score a run of six patients, two each for training, validation and test; the logit is the red of the cell."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cells = draw(tmp_path / "own", range(6))
    assert cells.patients is not None
    parts = np.array([("train", "val", "test")[int(name[1]) // 2] for name in cells.patients])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.csv").write_text("phase,loss,note\n1,0.5,x\n2,nan,\n")
    run = SimpleNamespace(
        path=tmp_path / "run",
        cells=cells,
        parts=parts,
        contract=InputContract(8, 8),
        output=OutputContract(temperature=2.0),
        points=OperatingPoints(0.1, 0.9),
        config={
            "architecture": "cnn_128",
            "training": {"epochs": 2},
            "patients": list("abcdefgh"),
            "data": {"split_by": "patient", "fingerprint": cells.fingerprint},
        },
        model=lambda: None,
    )
    opened = SimpleNamespace(Run=SimpleNamespace(open=lambda path: run))
    scoring = SimpleNamespace(keras_logits=lambda model, contract, pixels: pixels[:, 0, 0, 0].astype(float))
    monkeypatch.setitem(sys.modules, "train.runs.run", opened)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "train.network.keras_logits", scoring)  # type: ignore[arg-type]

    def run_it(data: Path | None = None, split: str | None = None) -> Scores:
        return score_run(tmp_path / "run", Request(data, split, Reading(), False))

    return run_it


@pytest.mark.parametrize(
    ("split", "patients", "words"),
    [
        (None, {"C4P4", "C5P5"}, None),
        ("test", {"C4P4", "C5P5"}, None),
        ("val", {"C2P2", "C3P3"}, "validation cells"),
        ("train", {"C0P0", "C1P1"}, "learnt by heart"),
        ("all", {f"C{i}P{i}" for i in range(6)}, "trained and tuned on some of these"),
    ],
)
def test_a_run_knows_its_parts(score: Score, split: str | None, patients: set[str], words: str | None) -> None:
    got = score(split=split)
    assert got.cells.patients is not None
    assert set(got.cells.patients) == patients
    assert got.logits.tolist() == [int(name[1]) * 20 for name in got.cells.patients]
    assert (got.output.temperature, got.points.count) == (2.0, 0.9)
    assert bool(got.warnings) == (words is not None)
    assert words is None or words in got.warnings[0]


def test_a_split_by_image_is_pointed_out_on_own_cells_only(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sys.modules["train.runs.run"].Run.open(tmp_path / "run")
    monkeypatch.setitem(run.config, "data", {**run.config["data"], "split_by": "image"})
    assert [warning.startswith("The split is by image") for warning in score().warnings] == [True]
    draw(tmp_path / "moved", range(6))
    assert "split is by image" in score(tmp_path / "moved").warnings[0]
    draw(tmp_path / "other", range(7, 9))
    assert score(tmp_path / "other").warnings == ()


def test_all_cells_of_other_data_hold_no_training_cells(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "other", range(7, 9))
    assert score(tmp_path / "other", "all").warnings == ()


def test_a_run_describes_itself(score: Score) -> None:
    header = score().header
    assert header.model["Architecture"] == "cnn_128"
    assert header.training.pop("data.fingerprint")
    assert header.training == {"architecture": "cnn_128", "training.epochs": 2, "data.split_by": "patient"}
    assert header.history == {"phase": [1.0, 2.0], "loss": [0.5, None], "note": [None, None]}
    assert header.data["Part evaluated"] == "test"


def test_a_run_finds_its_own_data_in_another_place(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "moved", range(6))
    got = score(tmp_path / "moved")
    assert got.cells.root == tmp_path / "moved"
    assert set(got.cells.patients or ()) == {"C4P4", "C5P5"}


def test_other_data_are_scored_as_a_whole(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "other", range(7, 9))
    got = score(tmp_path / "other")
    assert len(got.cells) == 8
    assert got.warnings == ()


def test_other_images_of_patients_from_training_are_pointed_out(score: Score, tmp_path: Path) -> None:
    for label in ("Parasitized", "Uninfected"):
        for patient in (1, 4, 8):
            target = tmp_path / "again" / label / f"C{patient}P{patient}_again.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (patient, len(label), 0)).save(target)
    warning = score(tmp_path / "again").warnings[0]
    assert warning.startswith("1 of these patients")
    assert "C1P1" in warning


def test_so_they_are_where_other_data_have_parts_of_their_own(score: Score, tmp_path: Path) -> None:
    rows = ["path,label,patient,part"]
    for number, (patient, part) in enumerate((("C1P1", "train"), ("C0P0", "test"), ("C9P9", "test"))):
        for label in ("healthy", "infected"):
            Image.new("RGB", (8, 8), (number, len(label), 0)).save(tmp_path / f"{number}-{label}.png")
            rows.append(f"{number}-{label}.png,{label},{patient},{part}")
    (tmp_path / "other.csv").write_text("\n".join(rows) + "\n")
    warning = score(tmp_path / "other.csv", "test").warnings[0]
    assert warning.startswith("1 of these patients") and "C0P0" in warning


def test_own_and_new_data_are_not_mixed(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "mixed", range(4, 8))
    with pytest.raises(BadData, match="8 images are not of the run"):
        score(tmp_path / "mixed")


def test_other_data_have_no_part_to_choose(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "other", range(7, 9))
    with pytest.raises(WrongUsage, match="no val part"):
        score(tmp_path / "other", "val")


def test_other_images_of_the_same_names_are_other_data(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "other", range(6), green=90)
    got = score(tmp_path / "other")
    assert len(got.cells) == 24
    assert got.warnings[0].startswith("24 of these images have the names of the run's but other contents")
    assert "first C0P0" in got.warnings[1]  # the names of patients are the same too
    draw(tmp_path / "larger", range(8), green=90)
    assert len(score(tmp_path / "larger").cells) == 32
    with pytest.raises(WrongUsage, match="no test part"):
        score(tmp_path / "other", "test")


def listed(cells: Cells, rows: np.ndarray, path: Path, label: int | None = None) -> Path:
    """A CSV of some of the cells, beside them."""
    assert cells.patients is not None
    words = ("uninfected", "parasitized")
    lines = [
        f"{cells.paths[i]},{words[cells.labels[i] if label is None else label]},{cells.patients[i]}"
        for i in map(int, rows)
    ]
    path.write_text("\n".join(["path,label,patient", *lines]) + "\n")
    return path


@pytest.mark.parametrize("gone", [False, True])
def test_some_of_the_own_images_are_own_wherever_they_lie(score: Score, tmp_path: Path, gone: bool) -> None:
    cells = draw(tmp_path / "moved", range(6))
    if gone:
        (tmp_path / "own").rename(tmp_path / "away")
    test = np.flatnonzero(np.isin(cells.patients, ["C4P4", "C5P5"]))
    got = score(listed(cells, test, tmp_path / "moved" / "test.csv"), "test")
    assert len(got.cells) == 8 and got.warnings == ()


def test_a_lone_part_is_known_by_name_when_there_is_nothing_to_compare_with(score: Score, tmp_path: Path) -> None:
    cells = draw(tmp_path / "part", range(4, 6))
    (tmp_path / "own").rename(tmp_path / "away")
    assert "by name, label and patient alone" in score(tmp_path / "part", "test").warnings[0]
    swapped = listed(cells, np.arange(len(cells)), tmp_path / "part" / "swapped.csv", label=1)
    got = score(swapped)
    assert len(got.cells) == 8 and "other data" in got.warnings[0]


def test_corrected_labels_keep_the_part_and_are_pointed_out(score: Score, tmp_path: Path) -> None:
    cells = scan(tmp_path / "own")
    got = score(listed(cells, np.arange(len(cells)), tmp_path / "own" / "corrected.csv", label=1))
    assert len(got.cells) == 8 and got.cells.labels.all()
    assert got.warnings[0].startswith("12 of these images have another label or patient here")


def test_images_that_changed_in_place_are_pointed_out(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "own", range(6), green=90)
    for data in (None, tmp_path / "own"):
        assert "have changed or are gone since the run was started" in score(data).warnings[0]


def test_partly_replaced_images_are_not_measured_together(score: Score, tmp_path: Path) -> None:
    draw(tmp_path / "mixed", range(4))
    draw(tmp_path / "mixed", range(4, 6), green=90)
    with pytest.raises(BadData, match="8 images are not of the run although others are, first Parasitized/C4P4_0"):
        score(tmp_path / "mixed")


def test_images_that_are_gone_are_asked_for(score: Score, tmp_path: Path) -> None:
    (tmp_path / "own").rename(tmp_path / "away")
    with pytest.raises(BadData, match=r"8 of 8 images are not where .*run expects them.* evaluate \S+run DATA\.$"):
        score()
    assert len(score(tmp_path / "away").cells) == 8


def test_the_report_names_what_was_learnt_from_not_what_was_evaluated(run_folder: Path) -> None:
    from train.runs.run import Run

    run = Run.open(run_folder)
    header = run_header(run, run.cells.subset(run.indices("test")), "test")
    learnt = len(run.indices("train"))
    assert header.trained_on["Learnt from"].startswith(f"{learnt:,} cells (")
    assert header.data["Images"] != f"{learnt:,}"


def test_a_report_says_what_made_the_model_and_names_no_folder_but_the_last(run_folder: Path) -> None:
    from train.runs.run import Run

    run = Run.open(run_folder)
    network = {"arch": "mobilenet_v2", "alpha": 0.5, "weights": "/home/jane/weights.h5"}
    config = {**run.config, "network": network, "teacher_weight": 0.5, "created": "2026-11-20", "contact": "lab@x.org"}
    test = run.cells.subset(run.indices("test"))
    header = run_header(replace(run, config=config), test, "test")
    wanted = {
        "Run": "run",
        "Architecture": "cnn_128",
        "Width": 0.5,
        "Starting weights": "weights.h5",
        "Date": "2026-11-20",
        "Licence": "not stated",
        "Contact": "lab@x.org",
        "Input": "32 x 32, RGB, stretch with a bilinear filter",
    }
    assert {name: header.model[name] for name in wanted} == wanted
    assert header.model["Version"].startswith(f"thinsmear {run.config['versions']['thinsmear']}, commit ")
    for words in ("epochs 4", "rate 0.003", "batch 32", "augmentation (flips, turns", "a teacher with weight 0.5"):
        assert words in header.model["Recipe"], words
    assert "looks" not in header.model["Recipe"]  # there are no frozen layers
    data = run.config["data"]
    assert header.trained_on["Collection"] == header.data["Collection"] == "cells"
    assert header.trained_on["Fingerprint of all images"] == data["fingerprint"]
    assert header.trained_on["SHA-256 of the split"] == data["split_sha256"]
    assert header.trained_on["Split by"] == "patient"
    assert header.data["Fingerprint"] == test.fingerprint and header.data["Sizes"] == "32 x 32 pixels"
    told = {"training": {**header.training, "network.weights": "weights.h5"}, "model": header.model}
    assert str(run_folder.parent) not in f"{told}{header.data}{header.trained_on}{header.title}"
    older = {key: value for key, value in run.config.items() if key != "created"}
    untold = run_header(replace(run, config={**older, "network": {"arch": "cnn_128", "weights": "imagenet"}}),
                         test, "test")  # fmt: skip
    assert untold.model["Starting weights"] == "none, trained from random ones"  # cnn_128 knows no others
    assert untold.model["Date"] == untold.model["Contact"] == "not stated"
