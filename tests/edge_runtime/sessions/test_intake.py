"""The one way into a session: what is recorded of a picture, and which fields it is judged against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.core.classifier import CellResult
from edge_runtime.core.encoding import write_png
from edge_runtime.sessions import FieldRecord, StoreProblem
from edge_runtime.sessions.intake import FROM_FILE, Intake, Taken, from_camera
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, store_in

pytest.importorskip("cv2", reason="whole fields need OpenCV")

from edge_runtime.fields import FieldResult, segment
from edge_runtime.fields.quality import measure_quality


def picture(seed: int, noise: int = 0) -> np.ndarray:
    """A thin film of 20 round cells at places that follow from the seed: uint8 [480, 640, 3]."""
    rows, columns = np.mgrid[:480, :640].astype(np.float32)
    places = np.random.default_rng(seed)
    cover = np.zeros((480, 640), np.float32)
    for i in range(20):
        x, y = 64 + 128 * (i % 5) + places.integers(-20, 20), 60 + 120 * (i // 5) + places.integers(-15, 15)
        cover += np.clip(30 - np.hypot(rows - y, columns - x) + 0.5, 0, 1)
    glass = (225 - (rows + columns) / 50)[..., None]
    pixels = glass + np.minimum(cover, 1)[..., None] * (np.array([190, 120, 140]) - glass)
    pixels += np.random.default_rng(noise).normal(0, 2, pixels.shape)
    return np.asarray(pixels.clip(0, 255).astype(np.uint8))


def read(pixels: np.ndarray) -> FieldResult:
    """A field with made-up verdicts, in NumPy's numbers."""
    found = segment(pixels)
    verdicts = tuple(
        CellResult("x", np.float32(i / 40), np.bool_(i > 4), np.bool_(i > 18), 0.0)  # type: ignore[arg-type]
        for i in range(len(found.cells))
    )
    return FieldResult(found, verdicts, measure_quality(pixels, found))


def take(intake: Intake, pixels: np.ndarray) -> Taken:
    return intake.take(pixels, read(pixels), write_png(pixels), FROM_FILE)


def refused(taken: Taken) -> list[str]:
    return [reason["kind"] for reason in taken.record.quality.get("refused", [])]


def test_a_record_holds_what_the_contracts_line_holds() -> None:
    result = read(picture(1))
    record, line = FieldRecord.of(result), result.to_json()
    assert [
        {"box": list(cell.box or ()), "probability": cell.probability, "review": cell.review, "count": cell.count}
        for cell in record.cells
    ] == line["cells"]
    assert (record.kind, record.excluded, record.quality) == ("field", line["excluded"], line["quality"])
    values = {type(value) for cell in record.cells for value in (*(cell.box or ()), cell.probability, cell.count)}
    assert values == {int, float, bool}  # NumPy's own would be stored as blobs


def test_a_record_of_one_cell_has_no_box() -> None:
    record = FieldRecord.of(CellResult("Parasitized", 0.95, True, True, 3.0))
    assert (record.kind, record.cells[0].box, record.cells[0].probability) == ("cell", None, 0.95)
    assert record.accepted and not record.quality and not record.excluded


def test_fields_of_another_process_are_recalled(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store, store_in(tmp_path / "s") as other:
        session = store.new_session(PLAN)
        mine, theirs = Intake(store, session, MODEL), Intake(other, session, MODEL)
        assert not refused(take(mine, picture(1)))
        assert refused(take(theirs, picture(1, noise=1))) == ["repeat"]
        assert not refused(take(theirs, picture(2)))
        assert refused(take(mine, picture(2, noise=1))) == ["repeat"]
        assert store.totals(session).refused == 2  # kept, and in no count


def test_the_same_file_again_is_not_added_and_a_new_one_still_counts(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        intake = Intake(store, store.new_session(PLAN), MODEL)
        first, again, last = (take(intake, picture(seed)) for seed in (1, 1, 2))
        assert (again.added.number, again.added.repeat) == (first.added.number, True)
        assert (last.added.number, refused(last)) == (2, [])


def test_what_could_not_be_stored_is_no_earlier_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_in(tmp_path / "s") as store:
        intake = Intake(store, store.new_session(PLAN), MODEL)

        def fail(*_: Any) -> None:
            raise StoreProblem("The disk is full.")

        with monkeypatch.context() as full, pytest.raises(StoreProblem):
            full.setattr(store, "add_field", fail)
            take(intake, picture(1))
        assert not refused(take(intake, picture(1)))


def test_keeping_what_was_judged_before_judges_no_more(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        intake, pixels = Intake(store, store.new_session(PLAN), MODEL), picture(1)
        result = read(pixels)
        result = replace(result, quality=intake.judge(pixels, result.quality))
        kept = intake.keep(pixels, result, write_png(pixels), FROM_FILE)
        assert kept.record.accepted and kept.record.quality["relative_focus"] == 1.0


@pytest.mark.parametrize(
    ("spec", "source"), [("v4l2:0", "v4l2:0"), ("replay:Jane Doe", "replay"), ("REPLAY:x", "replay")]
)
def test_a_record_names_no_folder(spec: str, source: str) -> None:
    camera = from_camera(spec, np.zeros((3, 4, 3), np.uint8), {"gain": 2.0})
    assert camera == {"source": source, "width": 4, "height": 3, "gain": 2.0}
