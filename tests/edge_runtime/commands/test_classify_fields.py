"""``thinsmear classify --field`` as people and scripts call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cli
from edge_runtime.core import model_file

pytest.importorskip("cv2", reason="whole fields need OpenCV")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` in the temporary folder, with the tiny model as the default: exit code, stdout, stderr."""
    monkeypatch.setattr(model_file, "MODELS", model_path.parent)
    model_path.rename(model_path.with_name("default.tflite"))
    monkeypatch.chdir(model_path.parent)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["classify", "--field", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def field() -> Image.Image:
    """A synthetic field."""
    from train.synthetic import draw_field, make_patient

    return Image.fromarray(draw_field(np.random.default_rng(0), make_patient(0, 0), 640, 480)[0])


def test_a_line_is_the_contract(run: Run, field: Image.Image) -> None:
    field.save("smear.png")
    code, output, error = run("--json", "smear.png")
    assert (code, error) == (0, "")
    (line,) = map(json.loads, output.splitlines())
    assert list(line) == ["source", "cells", "excluded", "quality", "objects", "model"]
    assert {"border", "clump", "white-cell"} <= set(line["excluded"])
    assert {"focus", "saturated", "density", "accepted"} <= set(line["quality"])
    assert len(line["cells"]) > 10
    for cell in line["cells"]:
        x, y, width, height = cell["box"]
        assert 0 <= x < x + width <= field.width and 0 <= y < y + height <= field.height
        assert set(cell) == {"box", "probability", "review", "count"} and 0 <= cell["probability"] <= 1


def test_threads_change_nothing_but_the_time(run: Run, field: Image.Image) -> None:
    for name in ("a.png", "b.png", "c.png"):
        field.save(name)
    one = run("--json", "a.png", "b.png", "c.png")[1]
    assert one == run("--json", "--threads", "2", "a.png", "b.png", "c.png")[1]
    assert one.splitlines()[0] == run("--json", "--threads", "4", "a.png")[1].rstrip("\n")


def test_a_field_that_does_not_count_lists_its_cells_and_is_no_error(run: Run, field: Image.Image) -> None:
    Image.fromarray((np.asarray(field) * 0.15).astype(np.uint8)).save("dark.png")
    code, output, _ = run("dark.png")
    assert code == 0 and "refused: " in output and "0 fields accepted, 1 refused" in output
    document = json.loads(run("--json", "dark.png")[1])
    assert document["quality"]["accepted"] is False and document["quality"]["refused"]


def test_bad_files_are_reported_and_the_rest_goes_on(run: Run, field: Image.Image) -> None:
    Path("bad.png").write_bytes(b"no image")
    field.save("good.png")
    code, output, _ = run("--json", "bad.png", "good.png")
    bad, good = map(json.loads, output.splitlines())
    assert code == 1 and bad["error"]["kind"] == "not-an-image" and good["cells"]


def test_overlay_and_crops(run: Run, field: Image.Image) -> None:
    field.save("smear.png")
    code, output, _ = run("--json", "smear.png", "--overlay", "marked.png", "--crops", "suspected")
    suspected = sum(cell["review"] or cell["count"] for cell in json.loads(output)["cells"])
    with Image.open("marked.png") as marked:
        assert code == 0 and marked.width == field.width and marked.height > field.height  # a legend below
    crops = sorted(Path("suspected").iterdir())
    assert len(crops) == suspected > 0 and crops[0].name == "smear-001.png"


def test_several_fields_go_into_a_folder_each_under_its_own_name(run: Run, field: Image.Image) -> None:
    for folder in ("one", "two", "marked"):
        Path(folder).mkdir()
    field.save("one/smear.png")
    field.save("two/smear.png")
    assert run("one", "two", "--overlay", "marked")[0] == 0
    assert sorted(path.name for path in Path("marked").iterdir()) == ["smear.png", "smear~2.png"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["a.png", "b.png", "--overlay", "o.png"], "2 fields do not fit into the one overlay"),
        (["a.png", "--overlay", "o.jpg"], "must end in .png"),
        (["a.png", "--overlay", "gone/o.png"], "There is no folder"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    code, output, error = run(*arguments)
    assert (code, output) == (2, "") and message in error


def test_overlay_needs_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["classify", "cell.png", "--overlay", "o.png"]) == 2
    assert "go with --field" in capsys.readouterr().err
