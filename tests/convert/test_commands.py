"""The commands from end to end on a small run: publish, reject, keep as inconclusive, check, lint, layers."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.gate.attempts import Attempts, ConversionSettings
from convert.gate.ladder import climb
from convert.gate.limits import FAILED, Limits
from convert.quantise.activation_ranges import ActivationCalibration
from convert.quantise.quantizer import Quantizer
from convert.quantise.recipes import find
from edge_runtime.cli import run
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.model_file import read_model_file
from edge_runtime.core.preprocess import lookup_table, normalise, to_tensor
from edge_runtime.inspection.golden import check_golden, golden_of
from edge_runtime.inspection.graph import read_graph

SMALL = ("--calibration-size", "60")


@pytest.fixture(scope="module")
def model(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    order = ["convert", str(run_folder), "--out", str(path), *SMALL, "--name", "tiny", "--species", "none (drawn)"]
    assert run(order) == 0
    return path


def test_the_card_tells_what_was_done(model: Path, run_folder: Path) -> None:
    details = read_model_file(model).card.details
    assert (details["name"], details["recipe"], details["gate"]) == ("tiny", "int8", "passed")
    assert details["architecture"] == "cnn_128"
    assert details["training"]["species"] == "none (drawn)"
    config = json.loads((run_folder / "config.json").read_text())
    for key in ("split_sha256", "patients_sha256", "parts", "split_seed"):
        assert details["training"][key] == config["data"][key]
    assert details["metrics"]["part"] == "test"
    assert 0.9 < details["metrics"]["accuracy"]["value"] <= 1
    assert details["drift"]["verdict"]["name"] == "passed"
    assert details["blank_rate"]["cells"] == sum(details["blank_rate"]["per_patient"]["cells"]) > 0
    assert details["capture"] is None  # 14 healthy cells a patient are too few to tell a depth of 2 %
    assert details["quantisation"]["attempts"][0]["agreement"] > 0.99


def test_the_card_carries_the_capture_curve_of_held_out_patients(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_runtime.inspection.capture import capture_of
    from train.runs.run import Run

    monkeypatch.setattr("train.metrics.capture.LEAST_HEALTHY", 10)
    path = tmp_path / "model.tflite"
    assert run(["convert", str(run_folder), "--out", str(path), *SMALL]) == 0
    curve = capture_of(read_model_file(path).card.details, None)
    trained = Run.open(run_folder)
    assert curve is not None and curve.source.value == "model-card"
    assert len(curve.found) == len({trained.cells.patients[i] for i in trained.indices("val", "test")})
    assert curve.share(0.1) > 0.8


def test_calibration_images_are_on_record_and_from_training_patients_only(model: Path, run_folder: Path) -> None:
    from train.runs.run import Run

    record = read_model_file(model).card.details["representative"]
    run = Run.open(run_folder)
    training = {
        hashlib.sha256((run.cells.root / path).read_bytes()).hexdigest()
        for path, part in zip(run.cells.paths, run.parts, strict=True)
        if part == "train"
    }
    assert record["size"] == len(record["files"]) == 60
    assert {entry["sha256"] for entry in record["files"]} <= training
    assert all(list(entry) == ["sha256"] for entry in record["files"])  # a file's name may tell whose it is


def test_no_patient_or_image_of_the_gate_travels_with_the_model(model: Path) -> None:
    drift = read_model_file(model).card.details["drift"]
    assert "per_patient" not in drift
    assert isinstance(drift["flipped"], int)


def test_the_golden_vectors_hold_and_calibration_is_the_models_own(model: Path) -> None:
    file = read_model_file(model)
    assert check_golden(open_interpreter(file.flatbuffer), file.card.input, golden_of(file)).passed
    assert file.card.output.temperature != 1.0
    assert 0 < file.card.points.review <= file.card.points.count < 1


def test_classify_takes_the_file(model: Path, run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cell = run_folder.parent / "cells" / "Parasitized" / "C1P1_cell_0.png"
    assert run(["classify", "--model", str(model), str(cell), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["label"] == "Parasitized"


def test_a_failed_gate_publishes_nothing(
    run_folder: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An older model of that name stays; the rejected one lies beside it and says so on its card."""
    out = tmp_path / "model.tflite"
    shutil.copy(model, out)
    order = ["convert", str(run_folder), "--out", str(out), *SMALL, "--no-ladder", "--limit-probability", "0", "--json"]
    assert run(order) == 1
    captured = capfd.readouterr()
    document = json.loads(captured.out)
    assert document["published"] is False
    assert document["gate"]["verdict"]["name"] == "failed"
    assert "largest change of a probability" in captured.err
    rejected = tmp_path / "model.tflite.rejected"
    assert str(rejected) in captured.err
    assert read_model_file(rejected).card.details["gate"] == "failed"
    assert out.read_bytes() == model.read_bytes()


def test_too_few_cells_keep_the_model_and_say_so(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.tflite"
    assert run(["convert", str(run_folder), "--out", str(out), *SMALL, "--limit-bound", "0.0001"]) == 4
    assert read_model_file(out).card.details["gate"] == "inconclusive"


def test_the_ladder_is_climbed_in_order(run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    impossible = ["--limit-probability", "0", "--target", "edgetpu", "--json"]
    assert run(["convert", str(run_folder), "--out", str(tmp_path / "m.tflite"), *SMALL, *impossible]) == 1
    captured = capfd.readouterr()
    attempts = json.loads(captured.out)["attempts"]
    assert [(a["calibration_size"], a["calibration_method"]) for a in attempts[:2]] == [(60, "minmax"), (240, "minmax")]
    assert [a["calibration_method"] for a in attempts[2:]] == ["mse", "percentile"]
    assert {a["recipe"] for a in attempts} == {"int8"}
    assert "What is left for an Edge TPU" in captured.err
    assert "next: 240 calibration images" in captured.err


def test_on_a_cpu_the_ladder_ends_in_a_mixed_model(attempts) -> None:
    strict = Attempts(attempts.trained, replace(attempts.gate, limits=Limits(probability=0.0)))
    outcome = climb(strict, ConversionSettings(find("int8"), "percentile", size=800), "cpu")
    mixed = [attempt.settings for attempt in outcome.tried if attempt.settings.recipe.name == "int8-mixed"]
    assert [len(settings.keep_float) for settings in mixed] == [4, 7]  # the tiny network has no more than seven
    assert "float16" in outcome.advice


def test_check_repeats_the_gate(model: Path, run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(model), "--against", str(run_folder)]) == 0
    text = capfd.readouterr().out
    assert "Gate passed" in text and "McNemar" in text
    assert run(["check", str(model), "--against", str(run_folder), "--limit-probability", "0", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["gate"]["verdict"]["name"] == "failed"


def test_lint_and_layers_commands(
    model: Path, run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", str(model), "--target", "edgetpu", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["findings"] == []
    order = ["layers", str(model), "--against", str(run_folder), "--images", "6", "--csv", str(tmp_path / "l.csv")]
    assert run([*order, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["images"] == 6
    assert (tmp_path / "l.csv").is_file()


def test_lint_of_a_foreign_float_file_fails_for_an_edge_tpu(
    attempts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(attempts.quantizer(None)[0].float_flatbuffer)
    assert run(["lint", str(path)]) == 0
    assert run(["lint", str(path), "--target", "edgetpu"]) == 1
    captured = capfd.readouterr()
    assert "Cure: convert with --recipe int8" in captured.out
    assert "--all lists them" in captured.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["convert", "nowhere", "--out", "m.tflite"], 2, "not a run directory"),
        (["convert", "RUN", "--out", "no/such/folder/m.tflite"], 2, "There is no folder"),
        (["convert", "RUN", "--out", "m.tflite", "--recipe", "float16", "--target", "edgetpu"], 2, "does not run on"),
        (["convert", "RUN", "--out", "m.tflite", "--edgetpu", "--target", "cpu"], 2, "leave --target cpu out"),
        (["convert", "RUN", "--out", "m.tflite", "--limit-accuracy", "7"], 2, "0<=x<=1"),
        (["check", "no.tflite", "--against", "RUN"], 2, "There is no model"),
    ],
)
def test_wrong_orders_end_in_a_sentence(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([str(run_folder) if word == "RUN" else word for word in arguments]) == code
    assert message in capfd.readouterr().err


def test_without_a_compiler_nothing_is_converted(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run(["convert", str(run_folder), "--out", str(tmp_path / "m.tflite"), "--edgetpu"]) == 3
    assert "edgetpu_compiler" in capfd.readouterr().err


def test_recipes_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "--list-recipes"]) == 0
    assert "int16x8" in capfd.readouterr().out


def test_moved_images_are_asked_for(run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    order = ["convert", str(run_folder), "--out", str(tmp_path / "m.tflite"), "--data", str(tmp_path)]
    assert run(order) == 1
    assert "--data" in capfd.readouterr().err


@pytest.mark.parametrize("broken", ["calibrated on noise", "calibrated in the wrong range"])
def test_a_broken_conversion_is_caught(attempts, broken: str) -> None:
    generator = np.random.default_rng(0)
    if broken == "calibrated on noise":
        images = generator.integers(120, 136, (60, 32, 32, 3)).astype(np.float32) / 127.5 - 1
    else:
        images = attempts.trained.pixels[:60].astype(np.float32) * 40
    flatbuffer = Quantizer(attempts.trained.network, attempts.trained.run.contract, images).convert(find("int8"))
    attempt = attempts.judge(ConversionSettings(find("int8")), flatbuffer, None)
    assert attempt.failed and attempt.drift.decision.name == FAILED


def test_raw_pixels_flip_decisions_that_the_table_keeps(attempts) -> None:
    """A plain calibration without a pixel of 255 gives a scale near 0.0077 and zero point near 130."""
    quantizer, representative = attempts.quantizer(60)
    real = normalise(attempts.trained.pixels[representative.indices], attempts.trained.run.contract)
    calibration = ActivationCalibration(quantizer.float_flatbuffer, real, attempts.trained.run.contract)
    calibration._input = (-1.0, 0.92)
    quantizer_of_it = Quantizer(attempts.trained.network, attempts.trained.run.contract, real)
    quantizer_of_it.share(quantizer)
    quantizer_of_it.__dict__["_calibration"] = calibration
    flatbuffer = quantizer_of_it.convert(find("int8"))
    tensor = read_graph(flatbuffer).tensors[0]
    assert tensor.scales[0] < 0.0077 and tensor.zero_points[0] >= 130

    infected = attempts.trained.pixels[np.flatnonzero(attempts.trained.run.cells.labels == 1)[:40]].astype(float)
    healthy = attempts.trained.pixels[np.flatnonzero(attempts.trained.run.cells.labels == 0)[:40]].astype(float)
    shares = np.linspace(0, 1, 41)[:, None, None, None]
    between = np.concatenate([a * (1 - shares) + b * shares for a, b in zip(infected, healthy, strict=True)])
    pixels = between.astype(np.uint8)
    interpreter = open_interpreter(flatbuffer)
    info, contract = interpreter.input, attempts.trained.run.contract
    table = lookup_table(contract, info.dtype, info.scale, info.zero_point)

    def decisions(tensors: np.ndarray) -> np.ndarray:
        return np.array([int(interpreter.run(t[None]).item()) > interpreter.output.zero_point for t in tensors])

    wanted = attempts.trained.network.predict(normalise(pixels, contract), verbose=0)[:, 0] > 0
    flipped_raw = int((decisions(pixels) != wanted).sum())
    flipped_table = int((decisions(to_tensor(pixels, table, contract)) != wanted).sum())
    assert flipped_raw > 2 * flipped_table
    assert flipped_raw > 10
