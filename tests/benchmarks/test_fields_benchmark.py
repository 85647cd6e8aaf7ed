"""Matching and scoring of fields as tables; the command on drawn fields; the bars on real ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.fields import at_border, match, overlaps, ranking, rates, read_truth
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


def test_the_command_on_drawn_fields(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    from benchmarks.fields_command import fields
    from train.synthetic import generate

    generate(tmp_path / "drawn", cells=0, fields=2, patients=2, seed=5)
    arranged = next((tmp_path / "drawn").rglob("annotations.json")).parent
    outcome = CliRunner().invoke(fields, [str(arranged), "--json", "--timed", "0"], catch_exceptions=False)
    document = json.loads(outcome.stdout)
    assert document["fields"] == 2
    assert document["f1"] > 0.9
    assert document["infected"]["found"] <= document["infected"]["cells"]


@pytest.mark.real_data
def test_held_out_real_fields(real_data: Path) -> None:
    """Every fourth of the fields that no constant was set on; limits a little below what was measured on all."""
    pytest.importorskip("cv2")
    from benchmarks.fields import score_field
    from edge_runtime.classifier import Classifier
    from edge_runtime.fields import FieldReader
    from edge_runtime.images import load_image

    held_out = [truth for truth in read_truth(real_data / "iml_fields") if truth.path.name >= "PA171909"][::4]
    reader = FieldReader([Classifier.open()])
    scores = [score_field(truth, reader.read(load_image(truth.path))) for truth in held_out]
    infected = [hit for score in scores for _, hit in score.infected]
    assert rates([score.inner for score in scores]).f1 > 0.90
    assert sum(infected) >= 0.8 * len(infected)
    assert ranking([entry for score in scores for entry in score.scores]) > 0.97
