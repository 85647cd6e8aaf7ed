"""``thinsmear bench models``: cells, rows, paired differences, failures, and what a card tells about its training."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.timing import PRESETS, Preset
from benchmarks.harness.unseen_patients import Judged, overlap
from benchmarks.models.models_section import section
from benchmarks.report.forms import html, markdown
from benchmarks.report.section import section_of
from edge_runtime.cli import run
from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import pack_model
from tests.benchmarks.report.documents import models as saved_models
from tests.conftest import draw_patients
from train.data.reading import Reading
from train.runs.run import patients_hash

SIDE = 16
PATIENTS = 6
# weights of red, green, blue: parasites are dark in all, most of all in green; the other mix all but cancels them
STRONG, WEAK = (0.0, -40.0, 0.0), (-100.0, 53.0, 0.0)


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 drawn cells of six patients."""
    return draw_patients(tmp_path_factory.mktemp("models") / "cells", patients=PATIENTS, each=4)


@pytest.fixture(scope="session")
def networks(cells: Path) -> dict[str, bytes]:
    """Two float networks that look at the mean colour, and know what lies between the halves of the cells."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow", reason="the small models are made with TensorFlow")
    from train.network.silence import silenced

    layers = tensorflow.keras.layers
    colours = np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in sorted(cells.glob("*/*.png"))])
    found = {}
    for name, weights in (("strong", STRONG), ("weak", WEAK)):
        pixels = tensorflow.keras.Input((SIDE, SIDE, 3), batch_size=1)
        dense = layers.Dense(1)
        network = tensorflow.keras.Model(pixels, dense(layers.GlobalAveragePooling2D()(pixels)))
        kernel = np.array(weights, np.float32)[:, None]
        dense.set_weights([kernel, -np.median((colours / 127.5 - 1) @ kernel, axis=0)])
        with silenced():
            found[name] = bytes(tensorflow.lite.TFLiteConverter.from_keras_model(network).convert())
    return found


@pytest.fixture
def model(networks: dict[str, bytes], tmp_path: Path) -> Callable[..., str]:
    """Writes a model file and gives its path."""

    def write(name: str, network: str | None = None, **details: Any) -> str:
        card = Card(input=InputContract(height=SIDE, width=SIDE), details=details)
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(pack_model(networks[network or name], card))
        return str(path)

    return write


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "quick", Preset(min_runs=16, min_seconds=0, warmup=2, cold_starts=1))


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs the command and gives its document."""

    def measured(*words: str, code: int = 0) -> dict[str, Any]:
        assert run(["bench", "models", *words, "--preset", "quick", "--resamples", "200", "--json", "-q"]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return measured


def test_figures_are_those_of_evaluate_and_differences_are_paired(
    model: Callable[..., str], cells: Path, compare: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    strong, weak = model("strong"), model("weak")
    document = compare(strong, strong, weak, "--data", str(cells))
    first, same, other = document["models"]
    assert document["cells"] == {"number": 48, "parasitized": 24, "patients": PATIENTS, "part": "all"}
    assert document["interval"]["resampled"] == "patients" and document["rounds"] == 16
    assert (first["name"], first["input"], first["bytes"]) == ("strong.tflite", [16, 16], Path(strong).stat().st_size)
    assert (first["ratio"], first["ratio_interval"], first["difference"]) == (1.0, None, None)
    assert same["ratio_interval"][0] <= same["ratio"] <= same["ratio_interval"][1] and same["milliseconds"] > 0
    for figure in ("accuracy", "auc"):  # a model is no different from itself, in no resampling
        assert same["difference"][figure] == {"value": 0.0, "low": 0.0, "high": 0.0}

    for path, row in ((strong, first), (weak, other)):
        assert run(["evaluate", path, str(cells), "--resamples", "200", "--json", "-q"]) == 0
        alone = json.loads(capsys.readouterr().out)
        for name in ("accuracy", "auc", "ece"):
            assert row[name] == alone["metrics"][name]
        assert row["sensitivity"].items() <= alone["at_fixed"]["sensitivity"].items()
        assert row["ece_floor"] == alone["ece_floor"]["pooled"]

    auc = other["difference"]["auc"]
    assert first["auc"]["value"] == 1.0 and 0.5 < other["auc"]["value"] < 1.0
    assert auc["value"] == pytest.approx(other["auc"]["value"] - first["auc"]["value"])
    assert auc["low"] < auc["value"] < auc["high"] < 0  # plainly worse
    assert any("Whether strong.tflite and weak.tflite learnt from" in warning for warning in document["warnings"])


def test_the_document_follows_its_schema_and_makes_a_section(
    model: Callable[..., str], cells: Path, compare: Callable[..., dict[str, Any]]
) -> None:
    pytest.importorskip("jsonschema")
    from tests.benchmarks.harness.test_schemas import problems

    document = compare(model("strong"), model("weak"), "--data", str(cells))
    assert problems("models", document) == []
    section = section_of("models", document, "x.json")
    text = markdown(section)
    assert text.count("\n| strong.tflite |") == 1 and "weak.tflite against strong.tflite on the same cells" in text
    pytest.importorskip("matplotlib")
    from benchmarks.report.page import draw

    svg = draw(section)
    assert svg is not None and b"weak.tflite" in svg
    assert "weak.tflite" in html(section, "models-1", svg)


def test_a_model_that_fails_is_a_row_with_its_reason(
    model: Callable[..., str], networks: dict[str, bytes], cells: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "foreign.tflite").write_bytes(networks["weak"])
    damaged = bytearray(Path(model("strong")).read_bytes())
    damaged[200] ^= 0xFF
    (tmp_path / "damaged.tflite").write_bytes(damaged)
    save = tmp_path / "saved.json"
    names = [str(tmp_path / "foreign.tflite"), model("weak"), str(tmp_path / "damaged.tflite")]
    words = ["bench", "models", *names, "--data", str(cells), "--preset", "quick", "--resamples", "100"]
    assert run([*words, "--save", str(save)]) == 1
    shown = capsys.readouterr()
    assert "2 of 3 models could not be measured: foreign.tflite, damaged.tflite." in shown.err
    assert "foreign.tflite has no card; `thinsmear bench peers --peer` takes such files." in shown.out
    assert "does not match its card" in shown.out
    rows = json.loads(save.read_text())["models"]
    assert [row["error"] is None for row in rows] == [False, True, False]
    # without the first there is nothing to compare with
    assert (rows[1]["ratio"], rows[1]["difference"]) == (None, None) and rows[1]["milliseconds"] > 0

    assert run([*words[:2], names[0], *words[5:]]) == 1  # none at all
    assert "Not measured: foreign.tflite" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["strong", "--data", "cells/Parasitized"], "No labelled images under"),
        (
            ["strong", "--data", "one-class.csv"],
            "All 4 cells of one-class.csv are parasitized; a comparison needs both",
        ),
        (["strong", "--data", "no-test.csv"], "no-test.csv names parts, but no image of it is in the test part"),
        (["gone.tflite", "--data", "cells"], "There is no model file gone.tflite"),
        (["unknown", "--data", "cells"], "There is no model 'unknown'"),
        (["strong", "--data", "cells", "--save", "gone/x.json"], "There is no folder"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, model: Callable[..., str], cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells").symlink_to(cells)
    rows = "".join(f"cells/Parasitized/C0P0_cell_{n}.png,parasitized,train\n" for n in range(4))
    (tmp_path / "no-test.csv").write_text("path,label,part\n" + rows)
    (tmp_path / "one-class.csv").write_text("path,label,part\n" + rows.replace("train", ""))
    Path(model("strong")).rename("strong")  # a file may have any name
    assert run(["bench", "models", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_without_patients_cells_are_resampled(
    model: Callable[..., str], cells: Path, tmp_path: Path, compare: Callable[..., dict[str, Any]]
) -> None:
    for number, path in enumerate(sorted(cells.glob("*/*.png"))):
        target = tmp_path / "anonymous" / path.parent.name / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    document = compare(model("strong"), model("weak"), "--data", str(tmp_path / "anonymous"))
    assert (document["interval"]["resampled"], document["cells"]["patients"]) == ("images", None)
    text = "\n".join(section(document).remarks)
    assert "resamplings of cells, as patients are not known, which makes them too narrow" in text
    assert "cells resampled jointly" in text and "No patient is known for these images" in text
    by_first_digit = ("--patients", r"^\d", "--seed", "3")
    named = compare(model("strong"), "--data", str(tmp_path / "anonymous"), *by_first_digit)
    assert named["cells"]["patients"] == 10 and named["interval"]["seed"] == 3


def test_of_data_with_parts_the_test_part_is_taken(
    model: Callable[..., str], cells: Path, tmp_path: Path, compare: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    parts = {patient: ("train", "val", "test")[patient // 2] for patient in range(PATIENTS)}
    (tmp_path / "cells").symlink_to(cells)
    paths = sorted(path.relative_to(cells) for path in cells.glob("*/*.png"))
    lines = [f"cells/{path},{path.parent},{parts[int(path.name[1])]}" for path in paths]
    data = tmp_path / "cells.csv"
    data.write_text("path,label,part\n" + "\n".join(lines) + "\n")
    names = tuple(f"C{n}P{n}" for n in parts)
    split = patients_hash(names, np.array(list(parts.values())))
    own = model("own", "weak", training={"patients_sha256": split})
    document = compare(own, "--data", str(data))
    assert document["cells"] == {"number": 16, "parasitized": 8, "patients": 2, "part": "test"}
    assert document["models"][0]["unseen"] is True
    assert run(["evaluate", own, str(data), "--resamples", "200", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["accuracy"] == document["models"][0]["accuracy"]


def card(cells: Path, images: list[str], patients: int | None, renamed: bool = False, changed: bool = False) -> Card:
    """A card whose quantisation was calibrated on these images, of a model trained on so many patients."""
    files = []
    for path in images:
        content = (cells / path).read_bytes() if not changed else path.encode()
        name = "elsewhere.png" if renamed else path
        files.append({"path": name, "sha256": hashlib.sha256(content).hexdigest()})
    details: dict[str, Any] = {"representative": {"files": files}}
    if patients is not None:
        details["training"] = {"parts": {"train": {"patients": patients}}, "patients_sha256": "0" * 64}
    return Card(details=details)


def image(patient: int, label: str = "Parasitized") -> str:
    return f"{label}/C{patient}P{patient}_cell_0.png"


@pytest.mark.parametrize(
    ("trained", "options", "unseen", "common"),
    [
        ([4, 5], {}, False, ("C4P4", "C5P5")),
        ([1, 4], {"renamed": True}, False, ("C4P4",)),  # the same image under another name
        ([1, 4], {"changed": True}, False, ("C4P4",)),  # another image of the same patient
        ([0, 1], {}, True, ()),
        ([0, 1], {"changed": True}, True, ()),  # images that are not here, of patients with other names
        ([0, 1], {"patients": 3}, None, ()),  # the card does not name all whom it learnt from
        ([0, 1], {"patients": None}, None, ()),
        ([0, 1], {"changed": True, "renamed": True}, None, ()),  # names that name no patient
        ([], {"patients": None}, None, ()),
    ],
)
def test_who_was_seen(
    trained: list[int], options: dict[str, Any], unseen: bool | None, common: tuple[str, ...], cells: Path
) -> None:
    judged = Judged.read(cells, Reading())
    judged = Judged(
        judged.everything,
        judged.cells.subset([i for i, path in enumerate(judged.cells.paths) if "/C4" in path or "/C5" in path]),
        "all",
        None,
    )
    options = {"patients": len(trained), **options}
    found = overlap(card(cells, [image(patient) for patient in trained], **options), judged)
    assert (found.unseen, found.common) == (unseen, common)


@pytest.mark.parametrize("details", [{}, {"representative": None}, {"representative": {"files": [3, {"path": 1}]}},
                                     {"training": 5, "representative": []}])  # fmt: skip
def test_a_card_that_tells_nothing(details: dict[str, Any], cells: Path) -> None:
    assert overlap(Card(details=details), Judged.read(cells, Reading())).unseen is None


def test_who_was_seen_is_said(model: Callable[..., str], cells: Path, compare: Callable[..., dict[str, Any]]) -> None:
    details = card(cells, [image(2), image(3)], 2).details
    document = compare(model("known", "weak", **details), "--data", str(cells))
    assert document["models"][0]["unseen"] is False
    assert (
        "2 of these patients, first C2P2, are by content or by name among those that known.tflite was trained on, so "
        "its figures flatter."
    ) in document["warnings"]


@pytest.mark.parametrize(
    ("accuracy", "auc", "expected"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), "accuracy 0.00 points (0.00 to 0.00), AUC 0.0000 (0.0000 to 0.0000); both intervals hold 0."),
        ((-0.01, -0.02, -0.001), (0.001, -0.001, 0.002), "-1.00 points (-2.00 to -0.10), AUC +0.0010 (-0.0010 to +0.0020);"
         " that of the accuracy does not hold 0."),
        ((0.01, 0.001, 0.02), (-0.1, -0.2, -0.05), "neither interval holds 0."),
        ((-0.00001, None, None), (0.1, None, None), "accuracy 0.00 points, AUC +0.1000."),
    ],
)  # fmt: skip
def test_a_difference_in_words(accuracy: tuple[Any, ...], auc: tuple[Any, ...], expected: str) -> None:
    document = saved_models()
    keys = ("value", "low", "high")
    document["models"][1]["difference"] = {"accuracy": dict(zip(keys, accuracy, strict=True)),
                                           "auc": dict(zip(keys, auc, strict=True))}  # fmt: skip
    assert any(line.startswith("fast against default") and expected in line for line in section(document).remarks)


def test_two_files_of_one_name_keep_their_folders(
    model: Callable[..., str], cells: Path, tmp_path: Path, compare: Callable[..., dict[str, Any]]
) -> None:
    second = tmp_path / "other" / "strong.tflite"
    second.parent.mkdir()
    second.write_bytes(Path(model("weak")).read_bytes())
    document = compare(model("strong"), str(second), "--data", str(cells))
    assert [row["name"] for row in document["models"]] == [str(tmp_path / "strong.tflite"), str(second)]
