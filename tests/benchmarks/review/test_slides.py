"""Pseudo slides: where a run of fields ends, which cells are whose, and that no field is read twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.annotations import Truth
from benchmarks.review import field_scores
from benchmarks.review.field_scores import FieldScores, read_scores, slides_of
from benchmarks.review.slides import (
    INFECTED,
    ReviewSlide,
    grouped,
    patient_slides,
    require_slides,
    runs,
)
from edge_runtime.errors import NotConclusive, WrongUsage


def images(*numbers: int) -> list[Path]:
    return [Path(f"PA{number}.JPG") for number in numbers]


@pytest.mark.parametrize(
    ("paths", "sizes"),
    [
        (images(*range(100, 127, 3)), [9]),
        (images(*range(100, 160, 3)), [10, 10]),
        (images(*range(100, 115, 3), *range(200, 218, 3)), [5, 6]),  # never over a gap
        (images(100, *range(110, 134, 3), *range(300, 327, 3)), [9, 9]),  # a short block joins the nearer one
        (images(*range(100, 127, 3), 180, 200), [11]),
        ([Path("a.png"), Path("b.png")], [2]),
        ([], []),
    ],
)
def test_runs_of_neighbours(paths: list[Path], sizes: list[int]) -> None:
    found = runs(paths)
    assert [len(group) for group in found] == sizes
    assert [place for group in found for place in group] == list(range(len(paths)))


def test_slides_by_what_their_names_hold() -> None:
    paths = [Path(name) for name in ("s1_a.png", "s2_a.png", "s1_b.png")]
    assert grouped(paths, r"s(\d)_") == grouped(paths, r"s\d") == [[0, 2], [1]]
    with pytest.raises(WrongUsage, match="finds no slide"):
        grouped(paths, r"s(2)")
    with pytest.raises(WrongUsage, match="no regular expression"):
        grouped(paths, "(")


BOXES = np.array([[10 + 30 * i, 10, 20, 20] for i in range(5)], float)
PLACES = [box.tolist() for box in BOXES]


def field(types: tuple[str, ...], p: list[float], accepted: bool = True, boxes: int = 5) -> tuple[Truth, FieldScores]:
    """Annotated boxes in a row, and what the device found of them from the left."""
    truth = Truth(Path("a.png"), BOXES[: len(types)], types)
    return truth, FieldScores((200, 40), BOXES[:boxes], np.array(p), accepted)


def test_the_annotation_is_the_reviewer() -> None:
    truth, scores = field(("ring", "red blood cell", "difficult", "gametocyte"), [0.9, 0.2, 0.8, 0.7, 0.3])
    (slide,) = slides_of([truth], [scores], [[0]])
    assert (slide.infected.tolist(), slide.kinds) == ([0.9, 0.7], ("ring", "gametocyte"))
    assert slide.healthy.tolist() == [0.2, 0.3]  # the last box is not annotated: nobody saw a parasite in it
    assert slide.unseen == 0


def test_cells_that_the_device_did_not_box_are_told() -> None:
    truth, scores = field(("ring", "red blood cell", "ring", "schizont"), [0.9, 0.1, 0.8], boxes=3)
    (slide,) = slides_of([truth], [scores], [[0]])
    assert (len(slide.infected), slide.unseen) == (2, 1)


def test_refused_fields_and_slides_without_a_kind_are_left_out() -> None:
    good, refused = field(("ring", "red blood cell"), [0.9, 0.1], boxes=2), field(("ring",) * 5, [0.5] * 5, False)
    healthy = field(("red blood cell",), [0.1], boxes=1)
    truths, scores = zip(good, refused, healthy, strict=True)
    (slide,) = slides_of(truths, scores, [[0, 1], [2]])
    assert slide.infected.tolist() == [0.9]


def test_patients_with_enough_cells_are_slides() -> None:
    scores = [("A", 1, 0.9)] * 10 + [("A", 0, 0.1)] * 50 + [("B", 1, 0.9)] * 10 + [("B", 0, 0.1)] * 49
    (slide,) = patient_slides(scores)
    assert (len(slide.infected), len(slide.healthy), set(slide.kinds)) == (10, 50, {INFECTED})
    with pytest.raises(NotConclusive, match="3 slides or more"):
        require_slides([slide])


def test_depths_are_of_the_slides_own_healthy_cells() -> None:
    slide = ReviewSlide(np.array([0.9, 0.5, 0.05]), (INFECTED,) * 3, np.array([0.8, 0.5, 0.1, 0.1]))
    assert slide.depths.tolist() == [0.0, 0.375, 1.0]


def test_a_field_is_read_once_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    from edge_runtime.core.classifier import Classifier

    (tmp_path / "a.png").write_bytes(b"picture")
    truth = Truth(tmp_path / "a.png", BOXES, ("ring",) * 5)
    made = field((), [0.1, 0.2, 0.3, 0.4, 0.5])[1]
    calls = []
    monkeypatch.setattr(field_scores, "_read", lambda path, reader: calls.append(path) or made)
    default, fast = Classifier.open(), Classifier.open("fast")
    for classifier in (default, default, fast):
        (found,) = read_scores([truth], classifier, tmp_path)
        assert found.probabilities.tolist() == made.probabilities.tolist()
        assert (found.size, found.accepted, found.boxes.tolist()) == (made.size, True, PLACES)
    assert len(calls) == 2
    for kept in tmp_path.glob("field-scores/*"):
        kept.write_bytes(b"damaged")
    read_scores([truth], default, tmp_path)
    (tmp_path / "a.png").write_bytes(b"another")
    read_scores([truth], default, tmp_path)
    assert len(calls) == 4
