"""Finding labelled cells, their patients and their parts; splitting them so that no patient lies on two sides."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.reading import Reading
from train.data.scan import scan
from train.data.splits import patient_folds, split_cells


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.mark.parametrize(
    ("names", "labels", "parts"),
    [
        (["Parasitized/C1P1_a.png", "Uninfected/C2P2_b.png"], [1, 0], None),
        (["cells/INFECTED/a.webp", "cells/healthy/b.jpg"], [1, 0], None),
        (["train/Parasitized/a.png", "test/negative/b.png"], [0, 1], ("test", "train")),
        (["training/positive/a.png", "valid/normal/b.tif"], [1, 0], ("train", "val")),
    ],
)
def test_usual_layouts(tmp_path: Path, names: list[str], labels: list[int], parts: tuple | None) -> None:
    cells = scan(touch(tmp_path, *names))
    assert cells.paths == tuple(sorted(names))
    assert cells.labels.tolist() == labels
    assert cells.parts == parts


def test_hidden_and_system_files_are_ignored_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "Parasitized/a.png", "Uninfected/b.png", "Uninfected/.c.png", "Parasitized/Thumbs.db",
          "__MACOSX/Parasitized/d.png", "README.txt", "more/notes.doc")  # fmt: skip
    assert (len(scan(tmp_path)), scan(tmp_path).ignored) == (2, 5)


@pytest.mark.parametrize(
    ("names", "regex", "patients"),
    [
        (["C47P8thin_original_IMG_1_cell_2.png", "C51AP12thinF_IMG_cell_1.png"], None, ("C47P8", "C51AP12")),
        (["C1_thinF_IMG_20150604_cell_9.png"], None, ("C1",)),
        (["C2NThinF_IMG_1_cell_9.png", "C203ThinF_IMG_2_cell_1.png", "C4thin_IMG.png"], None, ("C203", "C2", "C4")),
        (["C1.png", "C2.png"], None, None),
        (["C1_1.png", "C12P3.png"], None, None),
        (["slide7-cell3.png"], None, None),
        (["slide7-cell3.png"], r"slide(\d+)", ("7",)),
        (["slide7-cell3.png"], r"slide\d+", ("slide7",)),
    ],
)
def test_patients_from_names(tmp_path: Path, names: list[str], regex: str | None, patients: tuple | None) -> None:
    assert scan(touch(tmp_path, *(f"Parasitized/{name}" for name in names)), Reading(regex)).patients == patients


def test_names_that_hardly_group_any_cells_are_warned_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan(touch(tmp_path, *(f"Parasitized/x{number % 5}_{number}.png" for number in range(30))), Reading(r"x(\d)"))
    assert "WARNING" not in capfd.readouterr().err
    scan(tmp_path, Reading(r"_(\d+)"))
    assert "30 patients in 30 images by their names, first 0: hardly two images of one" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label,patient\na.png,parasitized,x\nb.png,uninfected,y\n", ([1, 0], ("x", "y"))),
        ("Path,Label\na.png,Infected\nb.png,healthy\n", ([1, 0], None)),
        ("path,label\na.png,perhaps\n", "neither parasitized nor uninfected"),
        ("path,label\na.png,sick\n./a.png,sick\nsub/../b.png,clean\n", ([1, 0], None)),
        ("path,label\na.png,sick\na.png,clean\n", "a.png was listed before with another label"),
        ("path,label\na.png,sick\n.//a.png,clean\n", "another label"),
        ("path,label,patient\na.png,sick,x\n./a.png,sick,y\n", "another patient"),
        ("path,label,part\na.png,sick,train\na.png,sick,test\n", "another part"),
        ("path,label,part\na.png,sick,train\nb.png,clean,hold-out\n", 'line 3: part "hold-out" is not known'),
        ("path,label,part\na.png,sick,hold-out\nb.png,clean,hold-out\n", 'line 2: part "hold-out" is not known'),
        ("path,label,patient\na.png,sick,x\nb.png,clean,\n", "no patient for 1 of 2 images: b.png; .*--skip-unnamed"),
        ("path,label\nmissing.png,sick\n", "do not exist"),
        ("picture,kind\na.png,sick\n", "needs path and label"),
    ],
)
def test_csv(tmp_path: Path, text: str, expected: tuple | str) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "cells.csv").write_text(text)
    if isinstance(expected, str):
        with pytest.raises(BadData, match=expected):
            scan(tmp_path / "cells.csv")
    else:
        cells = scan(tmp_path / "cells.csv")
        assert (cells.labels.tolist(), cells.patients) == expected


def test_what_is_no_csv_at_all_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cell.png").write_bytes(bytes(range(128, 256)) * 20)
    with pytest.raises(BadData, match="needs path and label") as caught:
        scan(tmp_path / "cell.png")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 160 + len(str(tmp_path))


def test_absolute_and_relative_spellings_are_one_image(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "cells.csv").write_text(f"path,label\na.png,sick\n{tmp_path}/a.png,sick\n")
    assert scan(tmp_path / "cells.csv").paths == ("a.png",)
    (tmp_path / "cells.csv").write_text(f"path,label\na.png,sick\n{tmp_path}/a.png,clean\n")
    with pytest.raises(BadData, match="another label"):
        scan(tmp_path / "cells.csv")


def test_a_list_names_files_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"C3P3_\xff.png")
    touch(tmp_path, "a.png")
    (tmp_path / name).write_bytes(b"b")
    (tmp_path / "cells.csv").write_bytes(b"path,label\na.png,sick\nC3P3_\xff.png,clean\n")
    assert scan(tmp_path / "cells.csv").paths == (name, "a.png")
    (tmp_path / name).unlink()
    with pytest.raises(BadData, match=r"first C3P3_\\xff.png"):
        scan(tmp_path / "cells.csv")


@pytest.mark.parametrize(
    ("names", "regex", "error"),
    [
        ([], None, WrongUsage),
        (["photos/a.png"], None, WrongUsage),
        (["Parasitized/a.png"], "(", WrongUsage),
        (["Parasitized/a.png"], "slide", BadData),
        (["train/Parasitized/a.png", "Uninfected/b.png"], None, BadData),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, names: list[str], regex: str | None, error: type) -> None:
    with pytest.raises(error):
        scan(touch(tmp_path, *names), Reading(regex))


def test_the_fingerprint_knows_names_labels_and_contents(tmp_path: Path) -> None:
    before = scan(touch(tmp_path, "Parasitized/a.png", "Uninfected/b.png")).fingerprint
    assert scan(tmp_path).fingerprint == before
    (tmp_path / "Uninfected/b.png").write_bytes(b"other")
    assert scan(tmp_path).fingerprint != before


def many(patients: int = 40, seed: int = 0) -> Cells:
    generator = np.random.default_rng(seed)
    names, labels = [], []
    for patient in range(patients):
        count = int(generator.integers(5, 80))
        infected = 0 if patient % 4 == 0 else int(count * generator.random())
        names += [f"P{patient}"] * count
        labels += [1] * infected + [0] * (count - infected)
    return Cells(Path(), tuple(f"{i}.png" for i in range(len(names))), np.array(labels, np.int8), tuple(names))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_split_keeps_patients_whole_and_classes_balanced(seed: int) -> None:
    cells = many()
    split = split_cells(cells, seed=seed)
    sides: dict[str, set[str]] = {}
    for patient, part in zip(cells.patients or (), split.parts, strict=True):
        sides.setdefault(patient, set()).add(part)
    assert all(len(parts) == 1 for parts in sides.values())
    for part, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        rows = split.indices(part)
        assert abs(len(rows) / len(cells) - share) < 0.05
        assert abs(cells.labels[rows].mean() - cells.labels.mean()) < 0.1
    assert np.array_equal(split.parts, split_cells(cells, seed=seed).parts)
    assert not np.array_equal(split.parts, split_cells(cells, seed=seed + 7).parts)


def test_without_patients_a_split_is_refused_unless_asked_for_by_image() -> None:
    cells = many()
    unknown = Cells(cells.root, cells.paths, cells.labels, None)
    with pytest.raises(WrongUsage, match="would leak"):
        split_cells(unknown)
    assert split_cells(unknown, by_image=True).by == "image"


def test_a_layout_is_kept_unless_it_puts_a_patient_on_both_sides() -> None:
    cells = many()
    number = [int(patient[1:]) for patient in cells.patients or ()]
    parts = tuple("test" if i >= 30 else "train" for i in number)
    split = split_cells(Cells(cells.root, cells.paths, cells.labels, cells.patients, parts))
    assert split.by == "layout" and set(split.parts) == {"train", "val", "test"}
    assert all((part == "test") == (i >= 30) for part, i in zip(split.parts, number, strict=True))
    leaky = tuple("test" if i % 2 else "train" for i in range(len(cells)))
    with pytest.raises(BadData, match="into both"):
        split_cells(Cells(cells.root, cells.paths, cells.labels, cells.patients, leaky))


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(WrongUsage, match="more are needed"):
        split_cells(many(patients=2))
    with pytest.raises(WrongUsage, match="at least as many patients"):
        patient_folds(np.array([0, 1]), ["a", "a"], 2, 0)


def test_folds_spread_patients_evenly() -> None:
    cells = many()
    folds = patient_folds(cells.labels, cells.patients or (), 5, seed=3)
    sizes = np.bincount(folds)
    assert len(sizes) == 5 and sizes.max() / sizes.min() < 1.2
    assert all(len(set(folds[np.array(cells.patients) == p])) == 1 for p in set(cells.patients or ()))


@pytest.mark.real_data
def test_the_shared_cells_belong_to_131_patients(real_data: Path) -> None:
    cells = scan(real_data / "nih_cells")
    assert len(cells) == 18_472 and len(set(cells.patients or ())) == 131
