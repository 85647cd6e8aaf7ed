"""Recipes are compared on the same folds of patients, go on after a stop, and refuse what would not be a comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.cli import run as thinsmear
from edge_runtime.errors import WrongUsage

pytest.importorskip("tensorflow")
TINY = "--arch cnn_128 --size 32 --epochs 1 --head-epochs 0"


@pytest.fixture(scope="module")
def cells_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.conftest import draw_patients

    return draw_patients(tmp_path_factory.mktemp("recipes") / "cells", patients=12, each=3)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Trainings that end at once: each cell gets its label and the seed of the training. Returns what was asked for."""
    import train.cross_validation

    asked: list[dict[str, Any]] = []

    def train_and_judge(run, cells, learnt, judged, targets, recipe, checkpoint, name):  # type: ignore[no-untyped-def]
        asked.append({"recipe": recipe, "learnt": set(learnt), "judged": set(judged), "targets": targets, "name": name})
        noise = np.random.default_rng(recipe.seed).normal(0, 1 + 100 * recipe.rate, len(cells))
        return (2.0 * cells.labels - 1 + noise)[judged]

    monkeypatch.setattr(train.cross_validation, "train_and_judge", train_and_judge)
    return asked


def bench(*words: str | Path) -> int:
    return thinsmear(["bench", "recipes", *map(str, words), "--common", TINY, "--resamples", "200"])


def test_the_same_folds_for_every_recipe_and_seed(
    cells_folder: Path, tmp_path: Path, quick: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    words = [cells_folder, "--out", tmp_path / "out", "--folds", "3", "--only", "2", "--seeds", "2"]
    recipes = ["--recipe", "plain", "--recipe", "fast: --rate 0.01 --seed 5"]
    assert bench(*words, *recipes, "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert [one["seeds"] for one in document["recipes"]] == [[0, 1], [5, 6]]
    assert [one["recipe"].seed for one in quick] == [0, 0, 1, 1, 5, 5, 6, 6]
    first, second = quick[0]["judged"], quick[1]["judged"]
    assert [one["judged"] for one in quick] == [first, second] * 4
    assert not any(one["judged"] & one["learnt"] for one in quick) and not first & second
    assert document["cells"]["number"] == len(first | second)
    plain, fast = document["recipes"]
    assert plain["difference"] is None
    apart = fast["difference"]["auc"]
    assert apart["value"] == pytest.approx(fast["figures"]["auc"]["mean"] - plain["figures"]["auc"]["mean"])
    assert apart["low"] <= apart["lower_bound"] <= apart["value"] <= apart["high"] and apart["value"] < 0

    # the same again trains nothing; one more recipe trains only itself
    done = len(quick)
    assert bench(*words, *recipes) == 0 and len(quick) == done
    shown = capfd.readouterr().out
    assert "less the first" in shown and f"{apart['value']:+.4f}" in shown
    assert bench(*words, "--recipe", "plain", "--recipe", "more: --epochs 2") == 0
    assert {one["name"].split(",")[0] for one in quick[done:]} == {"more"}


def test_a_taught_recipe_makes_its_teacher_within_the_fold(
    cells_folder: Path, tmp_path: Path, quick: list[dict[str, Any]]
) -> None:
    taught = "taught: --teacher-weight 0.5 --label-smoothing 0"
    assert bench(cells_folder, "--out", tmp_path / "out", "--folds", "2", "--only", "1", "--recipe", taught) == 0
    *teachers, pupil = quick
    assert len(teachers) == 3 and pupil["judged"]
    seen = set().union(*(one["learnt"] | one["judged"] for one in teachers))
    assert seen == pupil["learnt"]
    targets = pupil["targets"][sorted(pupil["learnt"])]
    assert ((targets > 0) & (targets < 1)).all()


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("two words: --rate 1", "a name of letters"),
        ("../up", "a name of letters"),
        ("a: --rate fast", "not a valid float"),
        ("a: --no-such 1", "No such option"),
        ("a: --rate '0.1", "No closing quotation"),
        ("a: --help", "thinsmear train --help"),
        ("a: --out elsewhere", "--out is no part of a recipe"),
        ("a: elsewhere", "DATA is no part of a recipe"),
        ("a: --json", "--json is no part of a recipe"),
        ("a: --arch vgg16 --alpha 0.5", "has no meaning for vgg16"),
        ("a: --epochs 0", "must be 1 or more"),
    ],
)
def test_what_is_no_recipe_is_refused(recipe: str, message: str) -> None:
    from benchmarks.training.recipes import read_recipe

    with pytest.raises(WrongUsage, match=message):
        read_recipe(recipe, "", False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "a", "--recipe", "a: --rate 1"], "Two recipes have one name"),
        (["--recipe", "a", "--folds", "2", "--only", "3"], "must be 2 or less"),
        (["--recipe", "a", "--split", "train"], "come in parts"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    words: list[str], message: str, cells_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bench(cells_folder, "--out", tmp_path / "out", *words) == 2
    assert message in capfd.readouterr().err


def test_a_folder_of_another_recipe_or_other_data_is_refused(
    cells_folder: Path, tmp_path: Path, quick: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.conftest import draw_patients

    words = ["--out", tmp_path / "out", "--folds", "2", "--only", "1"]
    assert bench(cells_folder, *words, "--recipe", "a") == 0
    assert bench(cells_folder, *words, "--recipe", "a: --rate 0.5") == 2
    assert "another recipe of this name (its recipe differ)" in capfd.readouterr().err
    assert bench(draw_patients(tmp_path / "cells", 6, 2), *words, "--recipe", "a") == 2
    assert "other data" in capfd.readouterr().err
    assert bench(cells_folder, *words, "--recipe", "a", "--patients", r"P(\d+)") == 2
    assert "other patients" in capfd.readouterr().err


def test_the_training_part_is_the_same_for_every_seed(
    cells_folder: Path, tmp_path: Path, quick: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    """Of data with train and test a run takes its validation patients from train, by its seed; the folds must not."""
    lines = ["path,label,part,patient"]
    for path in sorted(cells_folder.rglob("*.png")):
        patient = int(path.name[1:].split("P")[0])
        lines.append(f"{path},{path.parent.name},{'test' if patient < 4 else 'train'},{patient}")
    (tmp_path / "cells.csv").write_text("\n".join(lines))
    words = [tmp_path / "cells.csv", "--out", tmp_path / "out", "--folds", "2", "--seeds", "3", "--split", "train"]
    assert bench(*words, "--recipe", "a", "--recipe", "b: --seed 9", "--json") == 0
    cells = json.loads(capfd.readouterr().out)["cells"]
    assert (cells["patients"], cells["number"], cells["part"]) == (8, 48, "train")
    assert len({frozenset(one["judged"]) for one in quick}) == 2


def test_a_real_training_of_one_fold(cells_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [cells_folder, "--out", tmp_path / "out", "--folds", "2", "--only", "1", "--recipe", "plain"]
    assert bench(*words, "--json", "--save", tmp_path / "saved.json") == 0
    document = json.loads(capfd.readouterr().out)
    assert document == json.loads((tmp_path / "saved.json").read_text())
    assert 0 <= document["recipes"][0]["figures"]["auc"]["mean"] <= 1
