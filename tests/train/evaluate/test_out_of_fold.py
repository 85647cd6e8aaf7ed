"""Thresholds from scores of patients a model has not seen: which scores count, and what they do to the card."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BadData
from train.evaluate.measure import calibrate
from train.evaluate.out_of_fold import out_of_fold, teacher_scores
from train.runs.run import Run

Rows = dict[str, float]


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Run:
    """The description of a run, without its model."""
    for name in ("config.json", "split.csv"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    return Run.open(tmp_path)


def write_folds(run: Run, name: str, scores: Rows) -> Path:
    """Scores as ``evaluate --folds`` leaves them; the name begins with the part that was folded."""
    path = run.path / "folds" / name / "scores.csv"
    path.parent.mkdir(parents=True)
    (path.parent / "folds.json").write_text(json.dumps({"part": name.split("-")[0]}))
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "label", "patient", "fold", "logit", "probability"))
        writer.writerows((path, 0, "", 0, 0, p) for path, p in scores.items())
    return path


def scores_of(run: Run, part: str, share: float = 1.0) -> Rows:
    rows = run.indices(part)
    return {run.cells.paths[i]: 0.9 if run.cells.labels[i] else 0.1 for i in rows[: math.ceil(share * len(rows))]}


def test_a_run_without_folds_has_none(run: Run) -> None:
    assert out_of_fold(run) is None


def test_the_folds_with_most_training_cells_count(run: Run) -> None:
    write_folds(run, "train-2", scores_of(run, "train", 0.5))
    write_folds(run, "train-3", scores_of(run, "train"))
    found = out_of_fold(run)
    assert found is not None
    assert len(found.labels) == len(found.probabilities) == len(found.patients) == len(run.indices("train"))
    assert np.array_equal(found.probabilities > 0.5, found.labels == 1)
    assert run.cells.patients is not None
    assert set(found.patients) == {run.cells.patients[i] for i in run.indices("train")}


def test_folds_whose_models_learnt_from_test_patients_choose_no_thresholds(run: Run) -> None:
    every = {**scores_of(run, "train"), **scores_of(run, "test"), **scores_of(run, "val")}
    write_folds(run, "all-3", every)
    assert out_of_fold(run) is None
    write_folds(run, "train-3", {path: 1 - p for path, p in scores_of(run, "train").items()})
    found = out_of_fold(run)
    assert found is not None and np.array_equal(found.probabilities < 0.5, found.labels == 1)


def test_folds_of_which_the_part_is_unknown_are_damaged(run: Run) -> None:
    (write_folds(run, "train-3", scores_of(run, "train")).parent / "folds.json").write_text("{}")
    with pytest.raises(BadData, match="writes it again"):
        out_of_fold(run)


def test_scores_put_there_by_hand_are_no_folds(run: Run) -> None:
    write_folds(run, "earlier", scores_of(run, "train"))
    (run.path / "folds" / "earlier" / "folds.json").unlink()
    assert out_of_fold(run) is None


@pytest.mark.parametrize("value", ["nan", "1.5", "-0.1"])
def test_scores_that_are_no_probabilities_are_refused(run: Run, value: str) -> None:
    path = write_folds(run, "train-3", scores_of(run, "train"))
    path.write_text(path.read_text().replace(",0.9\n", f",{value}\n", 1).replace(",0.9\r\n", f",{value}\r\n", 1))
    with pytest.raises(BadData, match="writes it again"):
        out_of_fold(run)


def test_a_teacher_that_lost_rows_is_damaged(run: Run) -> None:
    (run.path / "teacher.csv").write_text("path,probability\n")
    with pytest.raises(BadData, match="does not know"):
        teacher_scores(replace(run, config={**run.config, "teacher_weight": 0.5}))


def test_damaged_scores_say_how_to_make_them_again(run: Run) -> None:
    write_folds(run, "train-3", {}).write_text("path,label\na,1\n")
    with pytest.raises(BadData, match="writes it again"):
        out_of_fold(run)


def test_points_are_chosen_on_more_healthy_patients_when_there_are_folds(run: Run) -> None:
    logits = np.where(run.cells.labels == 1, 3.0, -3.0) + np.linspace(-1, 1, len(run.cells))
    before = calibrate(run, logits)[2]
    write_folds(run, "train-3", scores_of(run, "train"))
    after = calibrate(run, logits)[2]
    assert before["points_from"] == "validation patients"
    assert after["points_from"] == "validation patients and the run's folds of training patients"
    assert after["count"]["blank"]["cells"] > before["count"]["blank"]["cells"]
    assert after["review"]["parasitized"] > before["review"]["parasitized"]
    assert after["calibration"] == before["calibration"]


def test_a_teacher_decides_the_counting_point_where_there_are_no_folds(run: Run) -> None:
    logits = np.where(run.cells.labels == 1, 3.0, -3.0) + np.linspace(-1, 1, len(run.cells))
    before = calibrate(run, logits)[2]
    assert teacher_scores(run) is None
    taught = replace(run, config={**run.config, "teacher_weight": 0.5})
    lines = [f"{path},{p}" for path, p in scores_of(run, "train").items()]
    (run.path / "teacher.csv").write_text("\n".join(["path,probability", *lines]) + "\n")
    found = teacher_scores(taught)
    assert found is not None and len(found.labels) == len(run.indices("train"))
    assert np.array_equal(found.probabilities > 0.5, found.labels == 1)
    after = calibrate(taught, logits)[2]
    assert after["points_from"] == "validation patients, counting also by the teacher's out-of-fold scores"
    assert after["count"]["blank"]["cells"] > before["count"]["blank"]["cells"]
    assert after["review"] == before["review"]  # a sister's scores are not this network's
    write_folds(run, "train-3", scores_of(run, "train", 0.5))
    own = out_of_fold(taught)
    others = teacher_scores(taught, own)
    assert own is not None and others is not None
    assert sorted([*own.rows, *others.rows]) == run.indices("train").tolist()  # nobody twice
    assert calibrate(taught, logits)[2]["points_from"].startswith(
        "validation patients and the run's folds of training patients, counting"
    )
    write_folds(run, "train-4", scores_of(run, "train"))
    assert teacher_scores(taught, out_of_fold(taught)) is None
    assert calibrate(taught, logits)[2]["points_from"] == "validation patients and the run's folds of training patients"
