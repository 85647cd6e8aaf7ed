"""Synthetic smears: the same seed draws the same pixels, names carry patients, boxes fit, nothing is overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge_runtime.errors import WrongUsage
from train.commands.synth import synth
from train.data.scan import scan
from train.synthetic import STAGES, draw_cell, draw_field, golden_images, make_patient


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(synth, [str(argument) for argument in arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


def test_cells_repeat_byte_for_byte_and_do_not_depend_on_the_count(tmp_path: Path) -> None:
    for name, count in (("a", 40), ("b", 40), ("more", 60)):
        assert invoke(tmp_path / name, "--cells", count, "--fields", 0, "--patients", 10).exit_code == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a").items() <= files(tmp_path / "more").items()
    assert invoke(tmp_path / "c", "--cells", 40, "--fields", 0, "--patients", 10, "--seed", 1).exit_code == 0
    assert files(tmp_path / "c") != files(tmp_path / "a")


def test_names_carry_patients_and_every_fifth_patient_is_healthy(tmp_path: Path) -> None:
    result = invoke(tmp_path / "out", "--cells", 100, "--fields", 0, "--patients", 10, "--json")
    assert sum(json.loads(result.stdout)["cells"].values()) == 100
    cells = scan(tmp_path / "out" / "cells")
    assert len(set(cells.patients or ())) == 10
    infected = {p for p, label in zip(cells.patients or (), cells.labels, strict=True) if label}
    assert len(infected) == 8
    with (tmp_path / "out" / "cells.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["stage"] for row in rows if row["label"] == "Parasitized"} <= set(STAGES)
    assert scan(tmp_path / "out" / "cells.csv").labels.sum() == cells.labels.sum()


@pytest.mark.parametrize("stage", [*STAGES, "uninfected"])
def test_a_cell_is_cropped_and_black_outside(stage: str) -> None:
    generator = np.random.default_rng(3)
    for number in range(4):
        pixels = draw_cell(generator, make_patient(0, number), stage)
        assert pixels.dtype == np.uint8 and 70 <= min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= 240
        corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.max() == 0 and (pixels.max(-1) > 60).mean() > 0.4


def test_a_parasite_is_darker_than_the_cell_around_it() -> None:
    patient = make_patient(0, 1)

    def darkest_green(stage: str) -> float:
        images = [draw_cell(np.random.default_rng(i), patient, stage) for i in range(12)]
        return float(np.median([np.percentile(p[p.max(-1) > 0][:, 1], 1) for p in images]))

    assert darkest_green("trophozoite") < darkest_green("uninfected") - 15


def test_a_field_has_tight_boxes_inside_it_and_cells_of_several_kinds() -> None:
    pixels, cells = draw_field(np.random.default_rng(1), make_patient(0, 0), 900, 700)
    assert pixels.shape == (700, 900, 3)
    for cell in cells:
        assert cell["w"] > 0 and cell["h"] > 0
        assert 0 <= cell["x"] <= 900 - cell["w"] and 0 <= cell["y"] <= 700 - cell["h"]
        touches = cell["x"] == 0 or cell["y"] == 0 or cell["x"] + cell["w"] == 900 or cell["y"] + cell["h"] == 700
        assert touches or not cell["border"]
    kinds = {cell["type"] for cell in cells}
    assert "red blood cell" in kinds and len(kinds) >= 3
    assert any(cell["border"] for cell in cells)
    whole = [cell for cell in cells if cell["type"] == "red blood cell" and not cell["border"]]
    inside = [pixels[c["y"] + c["h"] // 2, c["x"] + c["w"] // 2, 1] for c in whole]
    assert np.median(inside) < np.percentile(pixels[..., 1], 90)


def test_fields_and_annotations_are_written(tmp_path: Path) -> None:
    assert invoke(tmp_path / "out", "--cells", 0, "--fields", 2, "--field-size", "300x240").exit_code == 0
    annotations = json.loads((tmp_path / "out" / "fields" / "annotations.json").read_text())
    for field in annotations:
        with Image.open(tmp_path / "out" / "fields" / field["image"]) as image:
            assert image.size == (300, 240)
    assert "Do not train" in (tmp_path / "out" / "README.txt").read_text()


@pytest.mark.parametrize("arguments", [("--cells", 0, "--fields", 0), ("--cells", 1)])
def test_nothing_to_draw_and_a_folder_in_use_are_refused(tmp_path: Path, arguments: tuple) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    result = invoke(tmp_path, *arguments)
    assert isinstance(result.exception, WrongUsage)
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("size", ["1280", "10x10", "axb", "1280x99999"])
def test_a_bad_field_size_is_refused(tmp_path: Path, size: str) -> None:
    assert invoke(tmp_path / "out", "--field-size", size).exit_code == 2


def test_golden_images_are_fixed() -> None:
    first, again = golden_images(64, 48), golden_images(64, 48)
    assert first.shape == (4, 64, 48, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 4
