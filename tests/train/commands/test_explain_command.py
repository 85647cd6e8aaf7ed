"""The command ``thinsmear explain``: what it writes, what it chooses, what it refuses."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge_runtime import cli
from edge_runtime.errors import BadData, ThinsmearError, WrongUsage
from train.commands.explain import explain
from train.data.dataset import Cells
from train.data.tables import write_csv, write_json
from train.explain.choose import LEAST, MOST, WRONG, choose_test_cells, named_images
from train.runs.run import Run, split_hash, write_split

SIZE = 32
TEST_LOGITS = [6.0, 5.0, 0.2, -3.0, -4.0, 0.1, 1.0, 7.0, -6.0, -5.0, -0.3, -2.0]  # 6 parasitized, then 6 uninfected


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(explain, [str(argument) for argument in arguments])


def entries(result: Result) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in result.stdout.splitlines()]


def save_cell(path: Path, seed: int, size: tuple[int, int] = (40, 36)) -> Path:
    """A coloured disc on black."""
    pixels = np.random.default_rng(seed).integers(120, 200, (size[1], size[0], 3), dtype=np.uint8)
    rows, columns = np.mgrid[: size[1], : size[0]]
    pixels[np.hypot(rows - size[1] / 2, columns - size[0] / 2) > 15] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an untrained network, with made-up scores of 12 test cells and 2 training cells."""
    keras = pytest.importorskip("keras")
    from train.architectures import find

    root = tmp_path_factory.mktemp("explained")
    labels = np.array([1] * 6 + [0] * 6 + [1, 0], np.int8)
    folders = ("Uninfected", "Parasitized")
    cells = Cells(root / "cells", tuple(f"{folders[label]}/C{i}P{i}_cell_1.png" for i, label in enumerate(labels)),
                  labels, tuple(f"C{i}P{i}" for i in range(len(labels))))  # fmt: skip
    for i, path in enumerate(cells.paths):
        save_cell(cells.root / path, i)
    parts = np.array(["test"] * 12 + ["train"] * 2)
    architecture = find("cnn_128")
    run = root / "run"
    run.mkdir()
    write_split(run / "split.csv", cells, parts)
    rows = [(p, int(t), "", "test", z) for p, t, z in zip(cells.paths, labels, TEST_LOGITS, strict=False)]
    write_csv(run / "scores.csv", ("path", "label", "patient", "part", "logit"), rows)
    config = {"input": asdict(architecture.contract(SIZE)),
              "data": {"root": str(cells.root), "split_sha256": split_hash(cells, parts)}}  # fmt: skip
    write_json(run / "config.json", config)
    write_json(run / "calibration.json", {"output": {"temperature": 2.0, "bias": 0.25}})
    keras.utils.set_random_seed(0)
    architecture.build(SIZE, 1.0, None, 0.2).save(run / "model.keras")
    return run


def test_a_run_chooses_wrong_doubtful_and_sure_test_cells(run_path: Path) -> None:
    chosen = choose_test_cells(Run.open(run_path), 2)
    numbers = [(int(re.findall(r"C(\d+)P", c.path.name)[0]), c.group, c.truth) for c in chosen]
    assert numbers == [
        (7, WRONG, 0), (4, WRONG, 1),  # the surest mistake of each kind
        (10, LEAST, 0), (5, LEAST, 1),  # log-odds z/2 + 0.25: 0.10 and 0.30
        (0, MOST, 1), (8, MOST, 0),
    ]  # fmt: skip


def test_a_group_takes_what_there_is(run_path: Path) -> None:
    chosen = choose_test_cells(Run.open(run_path), 300)
    assert len({c.path for c in chosen}) == len(chosen) == 12


def test_a_run_explains_itself(run_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "why"
    result = invoke(run_path, "--out", out, "--count", 1, "--json")
    assert result.exit_code == 0, result.output
    documents = entries(result)
    assert [d["group"] for d in documents] == [WRONG, LEAST, MOST]
    for document in documents:
        assert set(document["inside"]) == {"gradcam", "saliency", "occlusion"}
        assert all(value is None or 0 <= value <= 1 for value in document["inside"].values())
        assert 0.3 < document["cell_area"] < 0.7
        assert document["true_label"] == Path(document["path"]).parent.name and document["part"] == "test"
        assert document["probability"] == pytest.approx(1 / (1 + np.exp(-(document["logit"] / 2 + 0.25))))
        for name in document["files"].values():
            with Image.open(out / name) as picture:
                picture.load()
    assert {p.name for p in out.iterdir()} == {"index.html", "contact_sheet.png", "pictures"}
    page = (out / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert not [link for link in links if not link.startswith(("data:", "#")) and not (out / link).is_file()]
    assert "For Research Use Only" in page and "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("method, files", [("gradcam", 1), ("saliency", 1), ("occlusion", 1), ("features", 2)])
def test_one_method_alone(method: str, files: int, run_path: Path, tmp_path: Path) -> None:
    cell = Run.open(run_path).cells.root / "Parasitized" / "C12P12_cell_1.png"
    result = invoke(run_path, cell, "--out", tmp_path / "out", "--method", method, "--json")
    (document,) = entries(result)
    assert (document["true_label"], document["part"]) == ("Parasitized", "train")
    assert set(document["inside"]) == {method} - {"features"}
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == files


def test_a_model_file_by_occlusion_only(tmp_path: Path) -> None:
    cell = save_cell(tmp_path / "cells" / "Uninfected" / "näme with space.png", 3)
    result = invoke("default", cell.parent, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "by occlusion only" in result.stderr and "occlusion inside" in result.stdout
    assert "by occlusion only" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1


def test_bad_images_are_skipped_and_said(tmp_path: Path) -> None:
    good = save_cell(tmp_path / "cells" / "b.png", 1)
    (good.parent / "a.png").write_bytes(b"no image")
    (good.parent / "c.png").write_bytes(good.read_bytes()[:200])
    (good.parent / "d.png").symlink_to("nowhere.png")
    (good.parent / "notes.txt").write_text("other")
    result = invoke("default", good.parent, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    kinds = [(Path(d["path"]).name, d.get("error", {}).get("kind")) for d in entries(result)]
    assert kinds == [
        ("a.png", "not-an-image"), ("b.png", None), ("c.png", "truncated-image"), ("d.png", "unreadable-file")
    ]  # fmt: skip
    assert "1 other files" in result.stderr
    assert (tmp_path / "out" / "index.html").is_file()


def test_nothing_readable_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    result = invoke("default", tmp_path / "a.png", "--out", tmp_path / "out")
    assert isinstance(result.exception, BadData) and "None of the 1 images" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["default"], "name images"),
        (["default", "CELL", "--method", "gradcam"], "no gradients"),
        (["default", "CELL", "--method", "features"], "no gradients"),
        (["default", "CELL", "--layer", "relu_1"], "belong to a RUN"),
        (["default", "-"], "standard input"),
        (["default", "EMPTY"], "no image"),
        (["nosuch.tflite", "CELL"], "no model file"),
        (["RUN", "CELL", "--layer", "nosuch"], "relu_4"),
        (["RUN", "CELL", "--labels", "a,b"], "leave --labels"),
        (["EMPTY", "CELL"], "not a run directory"),
        (
            ["RUN", "--method", "features", "--layer", "relu_1", "--fill", "grey"],
            "--fill has no meaning for --method fe",
        ),
        (["RUN", "--method", "occlusion", "--layer", "relu_1"], "--layer has no meaning for --method occlusion"),
        (["default", "CELL", "--count", "3"], "--count has no meaning beside IMAGES"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    names = {"CELL": save_cell(tmp_path / "cell.png", 0), "EMPTY": tmp_path / "empty", "RUN": run_path}
    result = invoke(*(names.get(argument, argument) for argument in arguments), "--out", tmp_path / "out")
    assert isinstance(result.exception, WrongUsage) and words in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["file", "full"])
def test_nothing_is_overwritten(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    else:
        save_cell(out / "mine.png", 0)
    result = invoke("default", save_cell(tmp_path / "cell.png", 0), "--out", out)
    assert isinstance(result.exception, WrongUsage) and "new or an empty folder" in str(result.exception)


@pytest.mark.parametrize(
    "scores, kind",
    [
        (None, WrongUsage),
        ("path,logit\n", BadData),
        ("nonsense\n1\n", BadData),
        ("path,logit\n{first},nan\n", BadData),
        ("path,logit\n{first},high\n", BadData),
    ],
)
def test_damaged_scores(scores: str | None, kind: type[ThinsmearError], run_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "split.csv", "calibration.json"):
        (run / name).write_bytes((run_path / name).read_bytes())
    if scores is not None:
        with (run / "split.csv").open(newline="") as stream:
            paths = [row["path"] for row in csv.DictReader(stream)]
        rest = "".join(f"{path},1.0\n" for path in paths[1:]) if "{first}" in scores else ""
        (run / "scores.csv").write_text(scores.format(first=paths[0]) + rest)
    with pytest.raises(kind):
        choose_test_cells(Run.open(run), 2)


def test_too_many_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.explain.choose.MOST_IMAGES", 1)
    cells = [str(save_cell(tmp_path / name, 0)) for name in ("a.png", "b.png")]
    with pytest.raises(WrongUsage, match="up to 1"):
        named_images(cells, None)


def test_the_root_command_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", "--help"]) == 0
    assert "RUN|MODEL [IMAGES]..." in capsys.readouterr().out
