"""Grouped cross-validation: no cell is judged by a model that saw its patient, and a stopped one goes on.

One test trains for real; the others ask who learns from whom, of trainings that end at once.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.cli import run as thinsmear
from edge_runtime.core.card import InputContract
from edge_runtime.errors import BadData, WrongUsage
from train.cross_validation import _read as read_folds
from train.cross_validation import _write as write_folds
from train.cross_validation import cross_validate, point_warnings
from train.data.dataset import Cells
from train.runs.run import Run
from train.trainer.fine_tuning import FineTuning
from train.trainer.training_set import TrainingSet


@pytest.fixture(scope="module")
def folded_run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run's description with a recipe of one epoch."""
    folder = tmp_path_factory.mktemp("folds") / "run"
    folder.mkdir()
    config = json.loads((run_folder / "config.json").read_text())
    config["recipe"]["epochs"] = 1
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "split.csv").write_bytes((run_folder / "split.csv").read_bytes())
    return folder


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingSet, TrainingSet]]:
    """Trainings that end at once, with the network as it was built; returns what each learnt from and stopped on."""
    import train.trainer.two_phase

    asked: list[tuple[TrainingSet, TrainingSet]] = []

    def untrained(network, training, validation, *rest):  # type: ignore[no-untyped-def]
        asked.append((training, validation))
        return train.trainer.two_phase.Trained(network.model)

    monkeypatch.setattr(train.trainer.two_phase, "train_two_phases", untrained)
    return asked


def test_every_cell_is_judged_once_by_a_model_that_never_saw_its_patient(
    folded_run: Path, capfd: pytest.CaptureFixture[str], seen: list[tuple[TrainingSet, TrainingSet]]
) -> None:
    assert (
        thinsmear(["evaluate", str(folded_run), "--folds", "2", "--split", "train", "--resamples", "100", "--json"])
        == 0
    )
    document = json.loads(capfd.readouterr().out)
    run = Run.open(folded_run)
    cells = run.cells.subset(run.indices("train"))
    assert document["cells"]["total"] == len(cells)
    assert [fold["fold"] for fold in document["folds"]] == [0, 1]
    folder = folded_run / "folds" / "train-2"
    with (folder / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == list(cells.paths)
    for number, (training, validation) in enumerate(seen):
        judged = {row["patient"] for row in rows if row["fold"] == str(number)}
        learnt = {cells.patients[i] for i in training.rows}  # type: ignore[index]
        stopped_on = {cells.patients[i] for i in validation.rows}  # type: ignore[index]
        assert judged and learnt and stopped_on
        assert not (judged & learnt or judged & stopped_on or learnt & stopped_on)
    assert not list(folder.glob("*.npz"))
    assert json.loads((folder / "metrics.json").read_text())["folds"] == document["folds"]
    assert "judged by the model that saw none of its patients" in (folder / "report.html").read_text()
    assert "review and count stand at P 0.5" in document["warnings"][0]

    # A fold that is there is not trained again; one that is missing is, to the same scores.
    before = (folder / "scores.csv").read_text()
    (folder / "fold-1.csv").unlink()
    cross_validate(run, 2, "train")
    assert len(seen) == 3
    again = [line.split(",") for line in (folder / "scores.csv").read_text().splitlines()[1:]]
    old = [line.split(",") for line in before.splitlines()[1:]]
    np.testing.assert_allclose([float(r[5]) for r in again], [float(r[5]) for r in old], atol=1e-4)

    (folder / "fold-0.csv").write_text("path,logit\nother.png,1\n")
    with pytest.raises(BadData, match="delete it to train this fold again"):
        cross_validate(run, 2, "train")


def test_a_fold_that_was_stopped_goes_on_from_its_checkpoint(
    folded_run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((folded_run / "config.json").read_text())
    run = Run.open(folded_run)
    run = replace(run, config={**config, "recipe": {**config["recipe"], "epochs": 2}})
    epochs: list[tuple[int, int]] = []
    real = FineTuning.run_epoch
    stop_in: list[tuple[int, int]] = [(1, 1)]

    def epoch(self: FineTuning) -> None:
        done = len(list((folded_run / "folds" / "val-2").glob("fold-*.csv")))
        if (done, self.epoch) in stop_in:
            raise KeyboardInterrupt
        epochs.append((done, self.epoch))
        real(self)

    monkeypatch.setattr(FineTuning, "run_epoch", epoch)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(run, 2, "val")
    folder = folded_run / "folds" / "val-2"
    assert sorted(path.name for path in folder.iterdir()) == ["fold-0.csv", "fold-1.npz"]
    stop_in.clear()
    folded = cross_validate(run, 2, "val")
    assert epochs == [(0, 0), (0, 1), (1, 0), (1, 1)]  # fold by fold, none twice
    assert np.isfinite(folded.logits).all() and not list(folder.glob("*.npz"))


@pytest.mark.parametrize(
    ("points_from", "part", "patients"),
    [
        ("validation patients", "train", 0),
        ("validation patients", "val", 1),
        ("validation patients", "all", 1),
        ("validation patients and the run's folds", "train", 2),
        ("validation patients, counting also by the teacher's out-of-fold scores", "train", 2),
        ("validation patients and the run's folds", "all", 3),
        ("validation patients and the run's folds", "test", 0),
    ],
)
def test_figures_at_thresholds_name_the_patients_these_were_chosen_on(
    points_from: str, part: str, patients: int, tmp_path: Path
) -> None:
    cells = Cells(tmp_path, tuple("abcd"), np.array([0, 1, 0, 1], np.int8), ("A", "B", "C", "D"))
    run = Run(tmp_path, {}, InputContract(8, 8), cells, np.array(["train", "train", "val", "test"]))
    assert "has not finished" in point_warnings(run, part)[0]
    (tmp_path / "model.keras").touch()
    (tmp_path / "calibration.json").write_text(json.dumps({"points_from": points_from}))
    found = point_warnings(run, part)
    assert len(found) == bool(patients)
    assert not found or (f"({points_from}), {patients} of whom" in found[0])


def test_folds_of_names_that_are_no_utf8_are_read_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"C3P3_\xff.png")
    cells = Cells(tmp_path, (name,), np.array([1], np.int8), ("C3P3",))
    write_folds(tmp_path / "fold-0.csv", cells, np.zeros(1, int), np.array([0]), np.array([2.5]))
    assert read_folds(tmp_path / "fold-0.csv", [name]).tolist() == [2.5]


def test_folds_need_patients(run_folder: Path) -> None:
    run = Run.open(run_folder)
    with pytest.raises(WrongUsage, match="Folds need patients"):
        cross_validate(replace(run, cells=replace(run.cells, patients=None)), 2)


def test_more_folds_than_patients_are_refused(run_folder: Path) -> None:
    with pytest.raises(WrongUsage, match="at least as many patients"):
        cross_validate(Run.open(run_folder), 1000)


def test_each_fold_of_a_taught_run_has_a_teacher_that_knows_none_of_its_patients(
    folded_run: Path, seen: list[tuple[TrainingSet, TrainingSet]]
) -> None:
    run = Run.open(folded_run)
    run = replace(run, config={**run.config, "teacher_weight": 0.5})
    cells = run.cells
    assert cells.patients is not None
    folded = cross_validate(run, 2)
    assert np.isfinite(folded.logits).all() and len(seen) == 2 * (3 + 1)
    for number, trainings in enumerate((seen[:4], seen[4:])):
        judged = {cells.patients[i] for i in np.flatnonzero(folded.fold == number)}
        for training, validation in trainings:
            touched = {cells.patients[i] for i in [*training.rows, *validation.rows]}
            assert touched and not touched & judged
            np.testing.assert_array_equal(validation.targets, cells.labels)
        for training, _ in trainings[:3]:  # the teacher learns from labels alone
            np.testing.assert_array_equal(training.targets, cells.labels)
        with (folded.folder / f"fold-{number}-teacher" / "fold-0.csv").open(newline="") as stream:
            opinion = {row["path"]: float(row["probability"]) for row in csv.DictReader(stream)}
        training = trainings[3][0]
        both = [i for i in training.rows if cells.paths[i] in opinion]
        assert both
        mixed = [(cells.labels[i] + opinion[cells.paths[i]]) / 2 for i in both]
        np.testing.assert_allclose(training.targets[both], mixed, atol=1e-5)


def test_folds_need_a_run(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert thinsmear(["evaluate", "default", str(tmp_path), "--folds", "3"]) == 2
    assert "cross-validates the recipe of a RUN" in capfd.readouterr().err


def test_out_of_fold_scores_teach_another_run(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run.open(run_folder)
    rows = run.indices("train")
    teacher = tmp_path / "scores.csv"
    lines = [f"{run.cells.paths[i]},{0.9 if run.cells.labels[i] else 0.2}" for i in rows]
    teacher.write_text("\n".join(["path,probability", *lines]) + "\n")
    arguments = ["train", run.config["data"]["root"], "--arch", "cnn_128", "--size", "32", "--weights", "none",
                 "--epochs", "1", "--cache", run.config["cache"], "-q"]  # fmt: skip
    taught = tmp_path / "taught"
    assert thinsmear([*arguments, "--out", str(taught), "--teacher", str(teacher), "--teacher-weight", "0.5"]) == 0
    assert Run.open(taught).config["teacher_weight"] == 0.5
    assert (taught / "teacher.csv").read_text().count("\n") == len(rows) + 1
    with teacher.open("a") as stream:
        stream.write(f"{run.cells.paths[run.indices('test')[0]]},0.5\n")
    assert thinsmear([*arguments, "--out", str(tmp_path / "leaks"), "--teacher", str(teacher)]) == 2
    assert "also judges 1 cells" in capfd.readouterr().err and not (tmp_path / "leaks").exists()
