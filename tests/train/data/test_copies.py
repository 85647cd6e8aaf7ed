"""One cell counts once: byte-equal copies, copies under both labels, re-encoded and resized ones; and patients of some."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.near_copies import find_near_copies, near_copies_warning
from train.data.reading import Reading
from train.data.scan import scan
from train.data.splits import split_cells


def write(root: Path, **contents: str) -> Path:
    """Files with these contents; ``__`` in a name stands for a slash."""
    for name, content in contents.items():
        path = root / (name.replace("__", "/") + ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


NIH = "C{}P{}ThinF_IMG_1_cell_{}"


def test_the_usual_download_holds_every_image_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for folder in ("", "cell_images/"):
        for label in ("Parasitized", "Uninfected"):
            for number in range(3):
                path = tmp_path / f"{folder}{label}" / (NIH.format(number, number, number) + ".png")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{label} {number}")
    cells = scan(tmp_path)
    assert (len(cells), cells.labels.sum(), cells.left_out["copies"]) == (6, 3, 6)
    assert all(not path.startswith("cell_images") for path in cells.paths)
    assert "12 images hold 6 cells; 6 byte-equal copies of others are left out: cell_images/" in capfd.readouterr().err


def test_copies_under_both_labels_are_listed_and_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cells = scan(write(tmp_path, sick__a="1", sick__b="2", clean__c="3", clean__d="1", sick__e="1", sick__f="2"))
    assert cells.paths == ("clean/c.png", "sick/b.png")
    assert (cells.left_out["contradictory"], cells.left_out["copies"]) == (3, 1)
    said = capfd.readouterr().err
    assert "3 images are equal to one of the other class" in said
    assert "  clean/d.png = sick/a.png = sick/e.png" in said
    with pytest.raises(BadData, match="comes with both labels"):
        scan(write(tmp_path / "all", sick__a="1", clean__b="1"))


def test_empty_files_are_no_copies(tmp_path: Path) -> None:
    assert len(scan(write(tmp_path, sick__a="", clean__b="", clean__c=""))) == 3


def test_a_copy_that_names_another_patient_is_pointed_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cells = scan(write(tmp_path, sick__x1="1", sick__x2="1", clean__x3="2"), Reading(r"x\d"))
    assert cells.patients == ("x3", "x1")
    assert "1 copies name another patient than the image kept: sick/x2.png" in capfd.readouterr().err


def test_a_copy_never_stands_on_both_sides(tmp_path: Path) -> None:
    for label in ("sick", "clean"):
        for number in range(40):
            write(tmp_path, **{f"{label}__{number}": f"{label} {number // 2}"})
    cells = scan(tmp_path)
    assert len(cells) == 40
    split = split_cells(cells, by_image=True)
    contents = [
        {(tmp_path / cells.paths[i]).read_text() for i in split.indices(part)} for part in ("train", "val", "test")
    ]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 40


def test_a_copy_without_a_patient_gives_way_to_the_image_that_has_one(tmp_path: Path) -> None:
    named = {f"sick__{NIH.format(1, 1, 1)}": "1", f"clean__{NIH.format(2, 2, 2)}": "2"}
    cells = scan(write(tmp_path, **named, **{"sick__A copy": "1"}))
    assert cells.patients == ("C2P2", "C1P1") and cells.left_out["copies"] == 1


def some_unnamed(root: Path) -> Path:
    named = {f"{label}__{NIH.format(n, n, n)}": f"{label} {n}" for label in ("sick", "clean") for n in range(12)}
    return write(root, **named, **{f"sick__copy of cell {n}": f"other {n}" for n in range(4)})


def test_files_without_a_patient_are_named_and_counted(tmp_path: Path) -> None:
    cells = scan(some_unnamed(tmp_path))
    assert cells.patients is None and len(cells.unnamed) == 4
    with pytest.raises(WrongUsage) as caught:
        split_cells(cells)
    assert str(caught.value).startswith(
        "4 of 28 images name no patient: sick/copy of cell 0.png, sick/copy of cell 1.png, sick/copy of cell 2.png ..., "
    )
    assert "--skip-unnamed" in str(caught.value) and NIH[:1] + "0P0" not in str(caught.value)


def test_files_without_a_patient_can_be_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cells = scan(some_unnamed(tmp_path), Reading(skip_unnamed=True))
    assert len(cells) == 24 and len(set(cells.patients or ())) == 12 and cells.left_out["unnamed"] == 4
    assert "4 of 28 images name no patient: sick/copy of cell 0.png" in capfd.readouterr().err
    with pytest.raises(BadData, match=r'"C\(..\)P" finds no patient for 24 of 28 images: .*--skip-unnamed'):
        scan(tmp_path, Reading(r"C(..)P"))
    assert len(scan(tmp_path, Reading(r"C(1.)P", skip_unnamed=True))) == 4
    with pytest.raises(WrongUsage, match="no image has a patient"):
        scan(tmp_path, Reading("nobody", skip_unnamed=True))


def drawn(number: int, size: int = 64) -> Image.Image:
    """A cell of its own shape and colours on black."""
    draw = np.random.default_rng(number)
    coarse = draw.integers(90, 230, (6, 6, 3)).astype(np.uint8)
    cell = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))
    rows, columns = (np.mgrid[:size, :size] - size / 2) / (size / 2)
    inside = (rows / draw.uniform(0.6, 0.95)) ** 2 + (columns / draw.uniform(0.6, 0.95)) ** 2 < 1
    return Image.fromarray(np.where(inside[..., None], cell, 0).astype(np.uint8))


def again(image: Image.Image, how: str) -> Image.Image:
    if how in ("JPEG", "WEBP"):
        stream = io.BytesIO()
        image.save(stream, how, quality=60)
        return Image.open(stream).convert("RGB")
    return image.resize({"half": (32, 32), "large": (128, 128), "squeezed": (50, 70)}[how])


@pytest.mark.parametrize("how", ["JPEG", "WEBP", "half", "large", "squeezed"])
@pytest.mark.parametrize("side", [64, 100])
def test_near_copies_are_found_and_nothing_else(how: str, side: int) -> None:
    images = [drawn(n) for n in range(60)] + [again(drawn(n), how) for n in range(0, 60, 3)]
    pixels = np.stack([np.asarray(image.resize((side, side), Image.Resampling.BILINEAR)) for image in images])
    found = find_near_copies(pixels)
    assert found.groups == tuple((n, 60 + n // 3) for n in range(0, 60, 3))
    assert found.group_of(80)[60:].tolist() == list(range(0, 60, 3))


def test_flat_pictures_and_single_ones_are_no_near_copies() -> None:
    assert find_near_copies(np.zeros((1, 64, 64, 3), np.uint8)).groups == ()
    flat = np.full((3, 64, 64, 3), [[[[100]]], [[[101]]], [[[102]]]], np.uint8)
    assert find_near_copies(flat).groups == ()


def test_work_grows_with_the_images_not_with_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many images in one place of the grids are each compared with so many neighbours and no more."""
    from train.data import near_copies

    places = np.zeros((3000, 24), np.float32)
    places[:, 0] = np.linspace(0, 1, 3000)
    pairs = sum(len(one) for one, _ in near_copies._candidates(places, np.full(3000, 100.0, np.float32)))
    assert pairs <= 3000 * near_copies._NEIGHBOURS * near_copies._GRIDS


def test_near_copies_are_said_and_kept_together_by_a_split_by_image() -> None:
    labels = np.array([0, 1] * 20, np.int8)
    cells = Cells(Path(), tuple(f"{n}.png" for n in range(40)), labels, None)
    images = [drawn(n % 20) for n in range(40)]
    found = find_near_copies(np.stack([np.asarray(again(image, "JPEG")) for image in images]))
    warning = near_copies_warning(found, cells)
    assert warning is not None and warning.startswith("40 images are nearly the same as another of them")
    assert "20 groups, for instance 0.png and 20.png; 0 groups have both labels" in warning
    parts = split_cells(cells, by_image=True, alike=found.group_of(40)).parts
    assert np.array_equal(parts[:20], parts[20:])
