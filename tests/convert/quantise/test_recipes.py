"""Recipes and calibration sets as data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from convert.quantise.recipes import CPU, EDGETPU, RECIPES, find
from convert.quantise.representative import choose, draw_representative
from edge_runtime.errors import WrongUsage
from train.data.dataset import Cells


def test_recipes_are_named_and_the_default_is_int8() -> None:
    assert list(RECIPES) == ["float32", "float16", "dynamic", "int8", "int8-int8io", "int16x8", "int8-mixed"]
    assert find("int8").io == "uint8"


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [("int4", CPU, "There is no recipe 'int4'"), ("float16", EDGETPU, "choose one of int8, int8-int8io")],
)
def test_a_wrong_recipe_is_refused_with_the_right_ones(name: str, target: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        find(name, target)


def population() -> tuple[np.ndarray, list[str], np.ndarray]:
    """One patient with 500 cells, nineteen with 20; parts by patient."""
    patients = ["C0"] * 500 + [f"C{i}" for i in range(1, 20) for _ in range(20)]
    labels = np.arange(len(patients)) % 2
    parts = np.array(["test" if name in ("C18", "C19") else "val" if name == "C17" else "train" for name in patients])
    return labels, patients, parts


def test_the_calibration_set_is_balanced_over_classes_and_patients() -> None:
    labels, patients, parts = population()
    chosen = choose(labels, patients, parts, size=170)
    names = [patients[i] for i in chosen]
    assert len(chosen) == len(set(chosen)) == 170
    assert labels[chosen].sum() == 85
    assert {names.count(name) for name in set(names)} == {10}
    assert set(parts[chosen]) == {"train"}


def test_the_seed_decides_and_repeats() -> None:
    first, again, other = (choose(*population(), size=60, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("labels", "size", "expected"),
    [([0] * 10 + [1] * 2, 6, (4, 2)), ([0] * 2 + [1] * 10, 6, (2, 4)), ([0, 1, 1], 50, (1, 2)), ([1] * 5, 3, (0, 3))],
)
def test_what_one_class_lacks_the_other_gives(labels: list[int], size: int, expected: tuple[int, int]) -> None:
    chosen = choose(np.array(labels), None, np.full(len(labels), "train"), size)
    picked = np.array(labels)[chosen]
    assert ((picked == 0).sum(), (picked == 1).sum()) == expected


@pytest.mark.parametrize(("size", "part"), [(0, "train"), (10, "nowhere")])
def test_nothing_to_choose(size: int, part: str) -> None:
    with pytest.raises(WrongUsage):
        choose(*population(), size=size, part=part)


def test_the_record_names_files_and_hashes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    cells = Cells(tmp_path, ("a.png", "b.png"), np.array([0, 1]), ("C1", "C2"))
    document = draw_representative(cells, np.array(["val", "train"]), size=5, seed=4).to_json()
    assert document == {
        "size": 1,
        "seed": 4,
        "patients": 1,
        "files": [{"sha256": hashlib.sha256(b"b.png").hexdigest()}],
    }
