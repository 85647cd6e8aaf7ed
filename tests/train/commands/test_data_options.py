"""Labelled data by hand, as the commands take them: numbers, folders, copies, patients, and classes the wrong way round."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.cli import run as thinsmear

TINY = Path(__file__).parents[2] / "contract" / "tiny.tflite"  # 8x8 pixels: the redder, the more it is its second class
CARDLESS = ["--input-range", "0..1", "--resamples", "100"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def cells(root: Path, reddish: str, bluish: str, number: int = 4, name: str = "{colour}{n}") -> Path:
    """Noisy cells of two colours in two folders."""
    draw = np.random.default_rng(number)
    for folder, colour, tone in ((reddish, "r", (200, 60, 60)), (bluish, "b", (60, 60, 200))):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for n in range(number):
            pixels = np.clip(np.array(tone) + draw.integers(-50, 50, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / folder / (name.format(colour=colour, n=n) + ".png"))
    return root


@pytest.fixture
def evaluate(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any, str]]:
    """Evaluate the little model on a folder: exit code, document and what stderr says."""

    def call(data: Path, *options: str, labels: str = "Uninfected,Parasitized") -> tuple[int, Any, str]:
        capfd.readouterr()
        code = thinsmear(["evaluate", str(TINY), str(data), *CARDLESS, "--labels", labels, "--json", *options])
        said = capfd.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return call


def test_numbers_are_refused_until_one_is_said_to_be_parasitized(evaluate: Any, tmp_path: Path) -> None:
    data = cells(tmp_path / "data", "0", "1")
    code, document, said = evaluate(data)
    assert (code, document) == (1, None)
    assert "0 (4 images), 1 (4 images)" in said and "--parasitized 0" in said and "Parasitized and Uninfected" in said
    code, document, said = evaluate(data, "--parasitized", "0")
    assert code == 0 and document["metrics"]["auc"]["value"] == 1
    code, document, said = evaluate(data, "--parasitized", "1")
    assert code == 0 and document["metrics"]["auc"]["value"] == 0 and document["predictions"]["exchanged"]
    assert evaluate(data, "--parasitized", "first")[0] == 2


@pytest.mark.parametrize(
    ("reddish", "bluish"),
    [("Parasitized/0", "Uninfected/1"), ("malaria/sick", "malaria/clean"), ("malaria", "no-malaria")],
)
def test_every_folder_counts(reddish: str, bluish: str, evaluate: Any, tmp_path: Path) -> None:
    code, document, said = evaluate(cells(tmp_path / "data", reddish, bluish))
    assert code == 0 and document["cells"] == {"total": 8, "parasitized": 4, "uninfected": 4}
    assert document["metrics"]["auc"]["value"] == 1 and "other files" not in said


def test_folders_that_say_nothing_end_the_command_unless_ignored(evaluate: Any, tmp_path: Path) -> None:
    data = cells(cells(tmp_path / "data", "Parasitized", "Uninfected"), "masks", "more/masks", 3, "m{colour}{n}")
    code, document, said = evaluate(data)
    assert code == 1 and "6 images" in said and "masks (3 images), more/masks (3 images)" in said
    code, document, said = evaluate(data, "--ignore-folders")
    assert code == 0 and document["cells"]["total"] == 8 and document["left_out"]["unlabelled"] == 6
    assert "masks (3 images)" in said and "Left out" in document["data"]


def test_copies_count_once(evaluate: Any, tmp_path: Path) -> None:
    data = cells(tmp_path / "data", "Parasitized", "Uninfected", 3, "C10{n}P6{n}ThinF_IMG_1_cell_{colour}")
    shutil.copytree(data, tmp_path / "copy")
    shutil.move(tmp_path / "copy", data / "cell_images")
    code, document, said = evaluate(data)
    assert code == 0 and document["cells"]["total"] == 6 and document["left_out"]["copies"] == 6
    assert "12 images hold 6 cells" in said and document["data"]["Left out"] == "6 byte-equal copies"


def test_cells_that_come_again_resized_are_reported(evaluate: Any, tmp_path: Path) -> None:
    data = tmp_path / "data"
    draw = np.random.default_rng(1)
    for folder in ("sick", "clean"):
        (data / folder).mkdir(parents=True)
        for n in range(3):
            cell = Image.fromarray(draw.integers(0, 255, (3, 3, 3)).astype(np.uint8)).resize((64, 64))
            cell.save(data / folder / f"{n}.png")
            cell.resize((100, 100)).save(data / folder / f"{n}-again.jpg", quality=90)
    capable = ["evaluate", "default", str(data), "--json", "--resamples", "100", "--out", str(tmp_path / "out")]
    assert thinsmear(capable) == 0
    warnings = json.loads((tmp_path / "out" / "metrics.json").read_text())["warnings"]
    assert any(one.startswith("12 images are nearly the same as another") for one in warnings)


def test_images_without_a_patient_are_named(evaluate: Any, tmp_path: Path) -> None:
    data = cells(tmp_path / "data", "Parasitized", "Uninfected", 3, "C10{n}P6{n}ThinF_IMG_1_cell_{colour}")
    cells(data, "Parasitized", "Parasitized", 1, "Copy of {colour}")
    code, document, _ = evaluate(data)
    assert code == 0 and document["patients"] is None
    assert document["warnings"][0].startswith("2 of 8 images name no patient: Parasitized/Copy of b.png, ")
    code, document, said = evaluate(data, "--skip-unnamed")
    assert code == 0 and document["patients"]["total"] == 3 and document["left_out"]["unnamed"] == 2
    assert "2 of 8 images name no patient" in said


def test_training_names_the_images_without_a_patient(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow")
    data = cells(tmp_path / "data", "Parasitized", "Uninfected", 3, "C10{n}P6{n}ThinF_IMG_1_cell_{colour}")
    cells(data, "Parasitized", "Parasitized", 1, "Copy of {colour}")
    start = ["train", str(data), "--weights", "none", "--arch", "cnn_128", "--size", "32", "--out", str(tmp_path / "x")]
    assert thinsmear(start) == 2
    said = capfd.readouterr().err
    assert "2 of 8 images name no patient: Parasitized/Copy of b.png, Parasitized/Copy of r.png, so a split" in said
    assert "--skip-unnamed" in said and "C10" not in said


def test_labels_the_wrong_way_round_are_said_with_the_command(evaluate: Any, tmp_path: Path) -> None:
    data = cells(tmp_path / "data", "Parasitized", "Uninfected", 6)
    code, document, _ = evaluate(data, labels="Parasitized,Uninfected")
    (message,) = [one for one in document["warnings"] if "wrong way round" in one]
    assert code == 0 and "learnt nothing" not in message and "AUC 0.000; with the classes exchanged 1.000" in message
    assert f"`thinsmear evaluate {TINY} {data} --labels Uninfected,Parasitized --input-range 0..1`" in message
    assert document["predictions"]["exchanged"] and not document["predictions"]["collapsed"]


def test_so_are_numbers_the_wrong_way_round(evaluate: Any, tmp_path: Path) -> None:
    data = cells(tmp_path / "data", "0", "1")
    _, document, _ = evaluate(data, "--parasitized", "1")
    (message,) = [one for one in document["warnings"] if "wrong way round" in one]
    assert "--parasitized 1 --labels Parasitized,Uninfected" in message
