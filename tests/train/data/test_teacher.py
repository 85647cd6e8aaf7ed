"""Soft targets from a teacher: how they are mixed, and which teachers are refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.teacher import read_teacher, soft_targets

CELLS = Cells(
    root=Path("."),
    paths=("p/a.png", "p/b.png", "u/c.png", "u/d.png"),
    labels=np.array([1, 1, 0, 0], np.int8),
    patients=("one", "two", "one", "two"),
    parts=None,
)
TRAINING = np.array([0, 2])


@pytest.mark.parametrize(
    ("weight", "expected"), [(0.0, [1, 1, 0, 0]), (0.5, [0.6, 1, 0.4, 0]), (1.0, [0.2, 1, 0.8, 0])]
)
def test_targets_lie_between_label_and_teacher(weight: float, expected: list[float]) -> None:
    teacher = {"p/a.png": 0.2, "u/c.png": 0.8}
    np.testing.assert_allclose(soft_targets(CELLS, TRAINING, teacher, weight), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("teacher", "weight", "error", "words"),
    [
        ({"p/a.png": 0.2}, 0.5, BadData, "does not know 1 of 2"),
        ({"p/a.png": 0.2, "u/c.png": 0.8, "u/d.png": 0.1}, 0.5, WrongUsage, "also judges 1 cells"),
        ({"p/a.png": 0.2, "u/c.png": 0.8}, 1.5, WrongUsage, "weight is 1.5"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(
    teacher: dict[str, float], weight: float, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        soft_targets(CELLS, TRAINING, teacher, weight)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("path,probability\na,0.25\n", {"a": 0.25}), ("path,label,logit\na,1,0\nb,0,-100\n", {"a": 0.5, "b": 0.0})],
)
def test_probabilities_or_logits_are_read(tmp_path: Path, text: str, expected: dict[str, float]) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    assert read_teacher(path) == pytest.approx(expected)


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(b"path,probability\n\xff.png,0.25\n")
    assert read_teacher(path) == {os.fsdecode(b"\xff.png"): 0.25}


@pytest.mark.parametrize(
    "text", ["path,score\na,1\n", "path,probability\na,1.5\n", "path,logit\na,x\n", "path,logit\na,nan\n"]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(BadData, match="no CSV of path and probability"):
        read_teacher(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="soft targets of a training; `thinsmear evaluate RUN --folds"):
        read_teacher(tmp_path / "none.csv")
