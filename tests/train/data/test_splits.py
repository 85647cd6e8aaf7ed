"""Splits and folds that cannot be are refused in words that help, and a layout keeps patients whole."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.core.card import InputContract
from edge_runtime.errors import WrongUsage
from train.cross_validation import cross_validate
from train.data.dataset import Cells
from train.data.splits import patient_folds, split_cells
from train.runs.run import Run
from train.trainer.one_fold import check_folds
from train.trainer.recipe import Recipe


def cells_of(kinds: str, parts: bool = False, known: bool = True) -> Cells:
    """Patients of four cells each: ``+`` infected cells only, ``-`` healthy ones only, ``b`` both."""
    labels = [label for kind in kinds for label in {"+": (1,) * 4, "-": (0,) * 4, "b": (1, 0, 1, 0)}[kind]]
    patients = tuple(f"P{i // 4}" for i in range(len(labels)))
    where = tuple("test" if i // 4 < 2 else "train" for i in range(len(labels))) if parts else None
    paths = tuple(f"{i}.png" for i in range(len(labels)))
    return Cells(Path(), paths, np.array(labels, np.int8), patients if known else None, where)


@pytest.mark.parametrize(("kinds", "absent"), [("++++", "uninfected"), ("----", "parasitized")])
@pytest.mark.parametrize("parts", [False, True])
def test_a_class_that_is_absent_is_named(kinds: str, absent: str, parts: bool) -> None:
    with pytest.raises(WrongUsage, match=f"^All 16 images are .* add {absent} ones"):
        split_cells(cells_of(kinds, parts))


@pytest.mark.parametrize("by_image", [False, True])
def test_validation_is_cut_by_patient_out_of_a_layout_wherever_patients_are_known(by_image: bool) -> None:
    cells = cells_of("b" * 12, parts=True)
    split = split_cells(cells, by_image=by_image)
    sides = [{(cells.patients or ())[i] for i in split.indices(part)} for part in ("train", "val", "test")]
    assert split.by == "layout" and all(sides) and sum(map(len, sides)) == 12


def test_a_layout_of_unknown_patients_counts_as_a_split_by_image() -> None:
    split = split_cells(cells_of("b" * 12, parts=True, known=False), by_image=True)
    assert split.by == "image" and np.array_equal(split.indices("test"), np.arange(8))


@pytest.mark.parametrize(
    ("kinds", "folds", "taught", "message"),
    [
        ("b" * 4, 2, False, None),
        ("b" * 6, 2, True, None),
        ("b" * 2, 2, False, "^fold 1 of 2 would learn from one patient"),
        ("b" + "-" * 13, 2, False, "^fold 1 of 2 would have no parasitized cell in training; give more patients"),
        ("bb" + "+" * 12, 2, False, "^fold 1 of 2 would have no uninfected cell in"),
        ("b" * 4 + "-" * 5, 2, False, "^fold 2 of 2 would have no parasitized cell in validation"),
        ("b" * 8 + "-" * 7, 2, False, None),
        ("b" * 8 + "-" * 7, 2, True, "^fold 1 of 2, teacher 1 of 3 would have no parasitized cell in validation"),
    ],
)
def test_folds_that_cannot_be_trained_are_found_beforehand(
    kinds: str, folds: int, taught: bool, message: str | None
) -> None:
    cells = cells_of(kinds)
    fold = patient_folds(cells.labels, cells.patients or (), folds, seed=0)
    if message is None:
        check_folds(cells, fold, 0, taught)
        return
    with pytest.raises(WrongUsage, match=message):
        check_folds(cells, fold, 0, taught)


def test_no_fold_is_trained_when_a_later_one_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cells, "fingerprint", "the same")
    monkeypatch.setattr("train.cross_validation.train_and_judge", lambda *_: pytest.fail("a fold was trained"))
    cells = cells_of("b" * 4 + "-" * 5)
    config = {"data": {"fingerprint": "the same"}, "recipe": asdict(Recipe())}
    run = Run(tmp_path, config, InputContract(8, 8), cells, np.full(len(cells), "train"))
    with pytest.raises(WrongUsage, match=r"^fold 2 of 2"):
        cross_validate(run, 2)
    assert not (tmp_path / "folds").exists()
