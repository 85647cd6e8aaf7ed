"""Matching and scoring of fields as tables; the command on drawn fields; the bars on real ones."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.fields.detection import ranking, rates
from benchmarks.fields.laboratories import Healthy, above_kept, malaria_free_laboratory
from benchmarks.harness.annotations import RED_CELL, images_of, read_truth
from benchmarks.harness.boxes import at_border, match, overlaps
from edge_runtime.errors import BadData

SIZE = (100, 80)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 10, 10), 1 / 3),
        ((0, 0, 10, 10), (20, 0, 10, 10), 0.0),
        ((0, 0, 10, 10), (2, 2, 5, 5), 0.25),
    ],
)
def test_overlap(first: tuple, second: tuple, expected: float) -> None:
    assert overlaps(boxes(first), boxes(second))[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("found", "truth", "pairs", "extra", "missed"),
    [
        (boxes((10, 10, 20, 20)), boxes((11, 11, 20, 20)), 1, 0, 0),
        (boxes((10, 10, 20, 20), (12, 10, 20, 20)), boxes((10, 10, 20, 20)), 1, 1, 0),
        (boxes(), boxes((10, 10, 20, 20)), 0, 0, 1),
        (boxes((10, 10, 20, 20)), boxes(), 0, 1, 0),
        (boxes((0, 10, 20, 20)), boxes(), 0, 0, 0),  # cut by the border: no false alarm
        (boxes(), boxes((85, 10, 15, 20)), 0, 0, 0),  # cut by the border: no miss
        (boxes((2, 10, 19, 20)), boxes((0, 10, 20, 20)), 0, 0, 0),  # whole cell, annotation padded to the border
    ],
)
def test_matching(found: np.ndarray, truth: np.ndarray, pairs: int, extra: int, missed: int) -> None:
    matched = match(found, truth, SIZE)
    assert (len(matched.counted), len(matched.extra), len(matched.missed)) == (pairs, extra, missed)


def test_the_best_overlap_is_paired_first() -> None:
    matched = match(boxes((10, 10, 20, 20), (14, 10, 20, 20)), boxes((14, 10, 20, 20)), SIZE)
    assert matched.pairs == ((1, 0),)


def test_border() -> None:
    assert at_border(boxes((1, 5, 9, 9), (2, 2, 9, 9), (50, 5, 50, 9), (50, 70, 9, 9)), SIZE).tolist() == [
        True, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([(8, 2, 0), (0, 0, 2)], (0.8, 0.8, 0.8)),
        ([(3, 0, 0)], (1, 1, 1)),
        ([], (math.nan, math.nan, math.nan)),
    ],
)
def test_rates(counts: list, expected: tuple) -> None:
    measured = rates(counts)
    assert (measured.precision, measured.recall, measured.f1) == pytest.approx(expected, nan_ok=True)


def test_ranking_by_stage() -> None:
    scores = [("red blood cell", 0.0), ("red blood cell", 2.0), ("ring", 1.0), ("schizont", 3.0), ("difficult", 9.0)]
    assert ranking(scores) == pytest.approx(0.75)
    assert ranking(scores, "ring") == pytest.approx(0.5)
    assert math.isnan(ranking(scores, "trophozoite"))


@pytest.mark.parametrize("content", [None, b"{", b'[{"image": "a.png"}]', b'{"a": 1}'])
def test_a_folder_without_usable_annotations_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "annotations.json").write_bytes(content)
    with pytest.raises(BadData, match=r"annotations\.json"):
        read_truth(tmp_path)


CELLS = [("red blood cell", (10, 12, 30, 31)), ("ring", (50, 12, 29, 30)), ("leukocyte", (5, 60, 70, 70))]


def write_ours(folder: Path) -> None:
    cells = [{"type": kind, **dict(zip("xywh", box, strict=True))} for kind, box in CELLS]
    (folder / "annotations.json").write_text(json.dumps([{"image": "a.png", "cells": cells}]))


def write_coco(folder: Path) -> None:
    document = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": k, "name": kind} for k, (kind, _) in enumerate(CELLS)],
        "annotations": [
            *({"image_id": 7, "category_id": k, "bbox": list(box)} for k, (_, box) in enumerate(CELLS)),
            {"image_id": 7, "category_id": 0, "bbox": [0, 0, 90, 90], "iscrowd": 1},
        ],
    }
    (folder / "instances.json").write_text(json.dumps(document))


def write_voc(folder: Path) -> None:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
        "</bndbox></object>"
        for name, (_, (x, y, w, h)) in zip(("RBC", "Ring", "WBC"), CELLS, strict=True)
    )
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "a.xml").write_text(f"<annotation><filename>a.png</filename>{objects}</annotation>")


@pytest.mark.parametrize("write", [write_ours, write_coco, write_voc])
def test_the_three_kinds_of_annotation_say_the_same(write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    write(tmp_path)
    (truth,) = read_truth(tmp_path)
    assert truth.path == tmp_path / "a.png"
    assert truth.types == ("red blood cell", "ring")
    assert truth.boxes.tolist() == [[10, 12, 30, 31], [50, 12, 29, 30]]


def voc(*corners: str) -> str:
    """A VOC file whose objects have these corners: xmin, ymin, xmax and ymax, or other words."""
    names = ("xmin", "ymin", "xmax", "ymax")
    boxes = ("".join(f"<{n}>{c}</{n}>" for n, c in zip(names, one.split(), strict=False)) for one in corners)
    objects = "".join(f"<object><name>RBC</name><bndbox>{box}</bndbox></object>" for box in boxes)
    return f"<annotation><filename>a.png</filename>{objects}</annotation>"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("30 30 30 30", "0 x 0 pixels"),
        ("30 30 31 31", "1 x 1 pixels"),
        ("30 30 60 31", "30 x 1 pixels"),
        ("60 60 30 30", "-30 x -30 pixels"),
        ("400 10 440 50", "outside the picture"),
        ("-90 10 -50 50", "outside the picture"),
        ("10 200 50 240", "outside the picture"),
        ("ten 10 50 50", "not of numbers"),
        ("10 10 50", "not of numbers"),
        ("nan 10 50 50", "not of finite numbers"),
        ("10 10 inf 50", "not of finite numbers"),
    ],
)
def test_one_box_that_is_none_is_left_out_and_counted(bad: str, reason: str, tmp_path: Path) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(voc("10 10 50 50", bad, "-5 20 40 60"))
    (truth,) = read_truth(tmp_path)
    assert truth.boxes.tolist() == [[10, 10, 40, 40], [-5, 20, 45, 40]]  # one cut by the border stays
    (said,) = truth.left_out
    assert said.startswith("a red blood cell in a.png: ") and reason in said


@pytest.mark.parametrize("box", ["[10, 10, 0, 5]", '["x", 1, 5, 5]', "[1, 2, 3]", "null", "[[1], 2, 3, 4]", '{"x": 1}'])
def test_so_it_is_in_coco(box: str, tmp_path: Path) -> None:
    annotations = f'[{{"image_id": 1, "category_id": 1, "bbox": {box}}}, {{"image_id": 1, "category_id": 8, "bbox": [1, 1, 9, 9]}}'
    annotations += ', {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}]'
    document = '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "RBC"}], "annotations": '
    (tmp_path / "all.json").write_text(document + annotations + "}")
    (truth,) = read_truth(tmp_path)
    assert truth.boxes.tolist() == [[1, 1, 9, 9]] and len(truth.left_out) == 2


@pytest.mark.parametrize(
    "cell",
    [
        '{"type": "ring", "x": 1, "y": 1, "w": 1, "h": 1}',
        '{"type": "ring"}',
        '"ring"',
        '{"x": 1, "y": 1, "w": 9, "h": 9}',
    ],
)
def test_so_it_is_in_our_own_list(cell: str, tmp_path: Path) -> None:
    good = '{"type": "ring", "x": "1", "y": 1, "w": 9, "h": 9}'
    (tmp_path / "annotations.json").write_text(f'[{{"image": "a.png", "cells": [{cell}, {good}]}}]')
    (truth,) = read_truth(tmp_path)
    assert truth.boxes.tolist() == [[1, 1, 9, 9]] and len(truth.left_out) == 1


def test_the_picture_that_lies_on_its_side_is_as_high_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.xml").write_text(voc("10 150 50 190", "150 10 190 50").replace("a.png", "a.jpg"))
    (truth,) = read_truth(tmp_path)
    assert truth.boxes.tolist() == [[10, 150, 40, 40]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.xml",
            "<annotation><filename>a.png</filename><object><name>ring</name></object></annotation>",
            "not one can be used",
        ),
        ("a.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><annotation/>", "document type"),
        ("a.xml", "<annotation>", "Pascal VOC"),
        ("b.json", '{"images": [{"id": 1, "file_name": "../a.png"}], "categories": [], "annotations": []}', "outside"),
        (
            "b.json",
            '[{"image": "a.png", "cells": [{"type": "ring", "x": 1, "y": 1, "w": 0, "h": 5}]}]',
            "its box is 0 x 5 pixels",
        ),
    ],
)
def test_annotations_that_are_none_are_refused(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadData, match=said):
        read_truth(tmp_path)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small drawn fields with their annotations."""
    from train.synthetic import generate

    folder = tmp_path_factory.mktemp("drawn")
    generate(folder, cells=0, fields=2, patients=2, seed=5, field_size=(640, 480))
    return next(folder.rglob("annotations.json")).parent


def test_the_command_on_drawn_fields(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields.command import fields

    saved = tmp_path / "fields.json"
    options = [str(drawn), "--json", "--timed", "1", "--gap", "--save", str(saved)]
    outcome = CliRunner().invoke(fields, options, catch_exceptions=False)
    document = json.loads(outcome.stdout)
    assert json.loads(saved.read_text()) == document
    assert document["schema"]["name"] == "thinsmear-bench-fields"
    assert document["fields"] == 2
    assert document["f1"] > 0.9
    assert document["infected"]["found"] <= document["infected"]["cells"]
    by_iou = [entry["f1"] for entry in document["by_iou"]]
    assert by_iou == sorted(by_iou, reverse=True)  # asking for more overlap never finds more
    assert sum(document["time"]["stages_ms"].values()) > document["time"]["segment_ms"] / 2
    cells = {entry["red_cells"]["cells"] for entry in document["gap"]}
    assert len(document["gap"]) == 9 and len(cells) == 1  # every step on the same cells


def test_the_table_for_people_shows_sizes_and_threads(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields import time
    from benchmarks.fields.command import fields

    monkeypatch.setattr(time, "WIDTHS", (640,))
    monkeypatch.setattr(time, "_ROUNDS", 1)
    monkeypatch.setattr(time, "_BARE", 2)
    options = [str(drawn), "--timed", "0", "--scaling", "--threads", "2"]
    text = CliRunner().invoke(fields, options, catch_exceptions=False).stdout
    assert "640x480" in text and "many fields" in text


def test_laboratories_are_never_pooled(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields.command import fields

    for name in ("one", "two"):
        (tmp_path / "clean" / name).mkdir(parents=True)
    images = images_of(drawn)
    shutil.copy(images[0], tmp_path / "clean" / "one")
    shutil.copy(images[1], tmp_path / "clean" / "two")
    options = [str(drawn), str(tmp_path / "clean"), "--clean", "--json", "--timed", "0"]
    document = json.loads(CliRunner().invoke(fields, options, catch_exceptions=False).stdout)
    main, one, two = document["laboratories"]
    assert [entry["laboratory"] for entry in (main, one, two)] == [drawn.name, "one", "two"]
    assert [entry["malaria_free"] for entry in (main, one, two)] == [False, True, True]
    assert main["auc"] == document["auc"] and main["fields"] == document["fields"] == 2
    assert main["infected"]["found"] == document["infected"]["found"]
    for entry in (one, two):
        shares, false = entry["red_cells"], entry["false_parasites"]
        assert entry["fields"] == 1 and shares["cells"] > 0
        assert false["per_microlitre"] == pytest.approx(5_000_000 * shares["count"]["cells"] / shares["cells"])


def test_other_ways_of_matching_colours(drawn: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields.normalisation import colour_tables
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import segment
    from edge_runtime.fields.crops import cell_pixels
    from train.trainer.tissue import density_of, tissue

    image = load_image(images_of(drawn)[0])
    field = segment(image)
    tables = colour_tables(image, field)
    assert tables["plain"] is None
    usual = field.stain.round().astype(int)
    full, half = (np.array([tables[way][usual[k], 0, k] for k in range(3)], float) for way in ("shipped", "half"))
    np.testing.assert_allclose(half, np.sqrt(full * field.stain), atol=2)  # half of the way, by factors
    matched = [density_of(cell_pixels(image, cell, tables["density"])) for cell in field.cells]
    mean, _ = np.nanmedian(np.array(matched), axis=0)
    np.testing.assert_allclose(mean, tissue().own_mean, atol=0.1)
    assert all(table is None or not table[0].any() for table in tables.values())  # black stays black


def test_a_folder_without_annotations_needs_the_word_clean(drawn: Path, tmp_path: Path) -> None:
    from benchmarks.fields.command import fields

    shutil.copy(images_of(drawn)[0], tmp_path)
    refused = CliRunner().invoke(fields, [str(tmp_path), "--timed", "0"])
    assert isinstance(refused.exception, BadData)
    (tmp_path / "empty").mkdir()
    nothing = CliRunner().invoke(fields, [str(tmp_path / "empty"), "--clean"])
    assert "holds no images" in str(nothing.exception)


def test_kept_cells_are_what_the_device_classifies(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields.kept_cells import read_field
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import classify_field

    classifier, path = Classifier.open("fast"), images_of(drawn)[0]
    device = classify_field(classifier, load_image(path))
    for _ in range(2):  # cut out, then from the cache
        read = read_field(path, classifier, tmp_path)
        assert read.boxes.tolist() == [list(cell.box) for cell in device.field.cells]
        assert read.logits.tolist() == [verdict.logit for verdict in device.verdicts]
        assert read.accepted == device.quality.accepted
    (kept,) = (tmp_path / "field-cells").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])  # damaged: cut out again
    assert len(read_field(path, classifier, tmp_path).boxes) == len(device.field.cells)


@pytest.mark.parametrize(
    ("infected", "red", "expected"),
    [
        ([1.0] * 50, [0.0, 1.0, 2.0, 0.5], 0.5),
        ([-9.0] + [1.0] * 49, [0.0, 1.0, 2.0, 0.5], 0.5),  # one of fifty may be lost
        ([-9.0] + [1.0] * 48, [0.0, 1.0, 2.0, 0.5], 1.0),  # of 49 none
        ([], [1.0], math.nan),
    ],
)
def test_red_cells_above_the_score_that_keeps_the_infected(infected: list, red: list, expected: float) -> None:
    scores = [("ring", value) for value in infected] + [(RED_CELL, value) for value in red]
    assert above_kept(scores) == pytest.approx(expected, nan_ok=True)


def test_intervals_go_by_field() -> None:
    alike = malaria_free_laboratory("a", [Healthy(100, 10, 1)] * 50, 50)
    apart = malaria_free_laboratory(
        "a", [Healthy(100, 500 if k == 0 else 0, 50 if k == 0 else 0) for k in range(50)], 50
    )
    assert alike["red_cells"]["count"]["share"] == apart["red_cells"]["count"]["share"] == 0.01
    assert alike["false_parasites"]["interval"] == [50_000, 50_000]
    low, high = apart["false_parasites"]["interval"]
    assert low == 0 and high >= 100_000  # one bad field says little
    none = malaria_free_laboratory("a", [Healthy(100, 0, 0)] * 30, 30)
    assert none["red_cells"]["count"]["interval"][1] == pytest.approx(3.69 / 3000, rel=0.01)  # -ln 0.025 over the cells
    assert malaria_free_laboratory("a", [Healthy(0, 0, 0)], 0)["false_parasites"] is None


@pytest.mark.real_data
def test_held_out_real_fields(real_data: Path) -> None:
    """Every fourth of the fields that no constant was set on; limits a little below what was measured on all."""
    pytest.importorskip("cv2")
    from benchmarks.fields.detection import score_field
    from benchmarks.fields.kept_cells import read_field
    from edge_runtime.core.classifier import Classifier
    from train.data.cache import default_cache

    held_out = [truth for truth in read_truth(real_data / "iml_fields") if truth.path.name >= "PA171909"][::4]
    classifier = Classifier.open()
    scores = [score_field(truth, read_field(truth.path, classifier, default_cache())) for truth in held_out]
    infected = [hit for score in scores for _, hit in score.infected]
    assert rates([score.inner for score in scores]).f1 > 0.92
    assert sum(infected) >= 0.9 * len(infected)
    assert ranking([entry for score in scores for entry in score.scores]) > 0.97
