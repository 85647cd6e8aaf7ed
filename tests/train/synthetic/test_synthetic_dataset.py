"""Synthetic data sets: all or nothing on disk, labels that hold, boxes that fit what is drawn, a task worth learning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from edge_runtime.errors import WrongUsage
from train.commands.synth import synth
from train.data.scan import scan
from train.synthetic import STAGES, dataset, draw_cell, draw_field, generate, make_patient
from train.synthetic.labels import is_infected
from train.synthetic.stain import HEALTHY_EVERY, cell_rng, field_rng


@pytest.mark.parametrize("patient", range(8))
def test_five_of_any_eight_cells_of_a_patient_are_infected(patient: int) -> None:
    for start in range(10):
        assert sum(is_infected(patient, index) for index in range(start, start + 8)) == 5


def test_both_classes_are_there_when_each_patient_gives_a_single_cell(tmp_path: Path) -> None:
    made = generate(tmp_path / "out", cells=10, fields=0, patients=10)
    assert 2 <= made.cells["uninfected"] <= 8
    cells = scan(tmp_path / "out")
    assert len(cells) == made.patients == 10 and 0 < cells.labels.sum() < 10


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def interrupted(*arguments: object) -> np.ndarray:
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(arguments)
        return np.zeros((9, 9, 3), np.uint8)

    monkeypatch.setattr(dataset, "draw_cell", interrupted)
    for out in (tmp_path / "new", tmp_path / "empty"):
        drawn.clear()
        with pytest.raises(KeyboardInterrupt):
            generate(out, cells=9, fields=0)
        (tmp_path / "empty").mkdir(exist_ok=True)
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_empty_folder_is_filled_and_a_file_refused(tmp_path: Path) -> None:
    generate(tmp_path, cells=2, fields=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.txt", "cells", "cells.csv"]
    with pytest.raises(WrongUsage, match="is not empty"):
        generate(tmp_path, cells=2, fields=0)
    with pytest.raises(WrongUsage, match="is a file"):
        generate(tmp_path / "README.txt", cells=2, fields=0)


def test_the_command_warns_on_stderr_and_counts_on_stdout(tmp_path: Path) -> None:
    arguments = ["--cells", "8", "--fields", "1", "--patients", "1", "--field-size", "320x240", "--json"]
    loud = CliRunner().invoke(synth, [str(tmp_path / "loud"), *arguments])
    counts = json.loads(loud.stdout)
    assert counts["cells"]["uninfected"] == 3 and sum(counts["cells"].values()) == 8
    annotated = json.loads((tmp_path / "loud" / "fields" / "annotations.json").read_text())
    assert sum(counts["objects"].values()) == len(annotated[0]["cells"])
    assert "Do not train" in loud.stderr
    assert CliRunner().invoke(synth, [str(tmp_path / "quiet"), *arguments, "-q"]).stderr == ""


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(WrongUsage, match="hypnozoite"):
        draw_cell(np.random.default_rng(0), make_patient(0, 0), "hypnozoite")


def test_patients_look_different() -> None:
    def colours(number: int) -> np.ndarray:
        patient = make_patient(5, number)
        cells = [draw_cell(cell_rng(5, number, k), patient, "uninfected") for k in range(5)]
        return np.stack([np.median(cell[cell.max(-1) > 0], axis=0) for cell in cells])

    groups = np.stack([colours(number) for number in range(8)])
    within, between = groups.std(axis=1).mean(), groups.mean(axis=1).std(axis=0).mean()
    assert between > 2 * within


def test_healthy_patients_have_no_parasites_in_their_fields() -> None:
    healthy, infected = make_patient(0, HEALTHY_EVERY - 1), make_patient(0, 2)
    _, none = draw_field(field_rng(0, HEALTHY_EVERY - 1, 0), healthy)
    _, some = draw_field(field_rng(0, 2, 0), infected)
    assert not {box["type"] for box in none} & set(STAGES)
    assert {box["type"] for box in some} & set(STAGES)


def test_boxes_fit_the_cells_that_stand_alone() -> None:
    """Found again from the pixels alone: threshold, label, compare the boxes."""
    rng, patient = field_rng(3, 0, 0), make_patient(3, 0)
    picture, boxes = draw_field(rng, patient, 960, 720)
    green = ndimage.gaussian_filter(picture[..., 1].astype(float), 1)
    glass = ndimage.percentile_filter(green[::8, ::8], 90, size=25).repeat(8, 0).repeat(8, 1)
    found = ndimage.find_objects(ndimage.label(green < 0.5 * (glass + np.median(green[green < 0.85 * glass])))[0])
    corners = np.array([(s[1].start, s[0].start, s[1].stop, s[0].stop) for s in found])
    cells = [box for box in boxes if box["type"] == "red blood cell" and not box["border"]]
    errors = []
    for box in cells:
        mine = np.array((box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]))
        errors.append(np.abs(corners - mine).max(axis=1).min())
    assert len(cells) > 25
    assert np.median(errors) <= 2  # the few that touch others are found as one


def test_the_field_is_about_as_full_as_a_real_one() -> None:
    counts = [len(draw_field(field_rng(0, k, 0), make_patient(0, k))[1]) for k in range(3)]
    assert 90 <= np.mean(counts) <= 140


def test_a_single_dark_spot_tells_much_but_not_all() -> None:
    """What decides a cell must be learned: the darkest spot against the rest of the cell is a clue, no more."""
    spots, truth = [], []
    for number in range(160):
        patient = make_patient(1, number % 20)
        stage = "ring" if number % 3 else "uninfected"
        pixels = draw_cell(cell_rng(1, number % 20, number), patient, stage)
        green = pixels[pixels.max(-1) > 0][:, 1].astype(float)
        spots.append(np.median(green) - np.percentile(green, 1))
        truth.append(stage == "ring")
    assert 0.8 < roc_auc_score(truth, spots) < 0.985


def test_single_cells_have_the_size_of_the_nih_crops(tmp_path: Path) -> None:
    generate(tmp_path / "out", cells=30, fields=0)
    sides = []
    for path in scan(tmp_path / "out").files():
        with Image.open(path) as image:
            sides.append(max(image.size))
    assert 110 <= np.median(sides) <= 160
