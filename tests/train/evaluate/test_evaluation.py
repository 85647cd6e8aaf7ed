"""The evaluation document, the collapse warning, the curves, and the command on a real (tiny) model file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn import metrics as reference

from edge_runtime.core.card import Card, OperatingPoints, OutputContract
from edge_runtime.core.model_file import pack_model
from edge_runtime.errors import BadData, WrongUsage
from train.commands.evaluate import evaluate as command
from train.metrics.collapse import inspect_predictions
from train.metrics.curves import patient_rows, precision_recall, reliability, roc, thresholds, worst_patients
from train.metrics.evaluation import evaluate
from train.metrics.metrics import METRICS
from train.metrics.patient_sums import sum_by_patient

POINTS = OperatingPoints(review=0.2, count=0.9)


def scores(patients: int = 24, cells: int = 40) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels, logits and patients; the first six patients are healthy."""
    generator = np.random.default_rng(5)
    patient = np.repeat(np.arange(patients), cells)
    labels = ((patient >= 6) & (generator.random(len(patient)) < 0.5)).astype(int)
    logits = 4.0 * labels - 2 + generator.normal(0, 1.5, len(patient))
    return labels, logits, [f"C{i:02d}" for i in patient]


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return evaluate(*scores(), OutputContract(temperature=1.5, bias=0.1), POINTS, replicates=200)


def test_document_is_json_and_survives_the_round_trip(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_every_metric_has_a_value_inside_its_interval(document: dict[str, Any]) -> None:
    for block in ("metrics", "patient_macro"):
        assert list(document[block]) == list(METRICS)
        for name, entry in document[block].items():
            assert entry["low"] <= entry["value"] <= entry["high"], (block, name)
            assert entry["low"] < entry["high"], (block, name)


def test_calibration_is_applied_and_ranking_is_not_changed_by_it(document: dict[str, Any]) -> None:
    labels, logits, _ = scores()
    p = 1 / (1 + np.exp(-(logits / 1.5 + 0.1)))
    assert document["metrics"]["brier"]["value"] == pytest.approx(reference.brier_score_loss(labels, p))
    assert document["metrics"]["auc"]["value"] == pytest.approx(reference.roc_auc_score(labels, logits))
    tn, fp, fn, tp = reference.confusion_matrix(labels, p >= 0.5).ravel()
    assert document["confusion"] == {"tp": tp, "fp": fp, "tn": tn, "fn": fn}


def test_operating_points_are_measured_at_their_thresholds(document: dict[str, Any]) -> None:
    labels, logits, _ = scores()
    p = 1 / (1 + np.exp(-(logits / 1.5 + 0.1)))
    for name, threshold in (("review", 0.2), ("count", 0.9)):
        got = document["operating_points"][name]
        assert got["sensitivity"]["value"] == pytest.approx(np.mean(p[labels == 1] >= threshold))
        assert got["specificity"]["value"] == pytest.approx(np.mean(p[labels == 0] < threshold))


def test_blank_rate_comes_from_healthy_patients_only(document: dict[str, Any]) -> None:
    labels, logits, patients = scores()
    healthy = np.isin(patients, [f"C0{i}" for i in range(6)])
    p = 1 / (1 + np.exp(-(logits / 1.5 + 0.1)))
    assert (document["blank_rate"]["patients"], document["blank_rate"]["cells"]) == (6, 240)
    assert document["blank_rate"]["positives"] == np.sum(p[healthy] >= 0.9)
    assert document["patients"]["healthy"] == 6
    assert not labels[healthy].any()


def test_same_seed_same_document(document: dict[str, Any]) -> None:
    output = OutputContract(temperature=1.5, bias=0.1)
    assert evaluate(*scores(), output, POINTS, replicates=200) == document
    assert evaluate(*scores(), output, POINTS, replicates=200, seed=1) != document


def test_without_patients_images_are_resampled_and_it_warns() -> None:
    labels, logits, _ = scores(patients=8, cells=20)
    got = evaluate(labels, logits, None, OutputContract(), POINTS, replicates=100)
    assert got["interval"]["resampled"] == "images"
    assert got["patients"] is got["patient_macro"] is got["blank_rate"] is None
    assert any("No patient is known" in warning for warning in got["warnings"])


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_gives_nulls_with_reasons_and_no_nan(label: int) -> None:
    got = evaluate(np.full(30, label), np.linspace(-3, 3, 30), list("abc") * 10, OutputContract(), POINTS, 100)
    json.dumps(got, allow_nan=False)
    assert all(math.isfinite(value) for value in numbers(got))
    for name in ("auc", "average_precision", "mcc"):
        assert got["metrics"][name]["value"] is None
        assert got["metrics"][name]["reason"] == f"there are no {('parasitized', 'uninfected')[label]} cells"
    assert got["curves"]["roc"] is None
    assert got["metrics"]["accuracy"]["value"] is not None


def test_one_patient_has_figures_but_no_intervals() -> None:
    labels, logits, _ = scores(patients=8, cells=20)
    got = evaluate(labels, logits, ["A"] * 160, OutputContract(), POINTS, 100)
    assert got["metrics"]["accuracy"]["value"] is not None
    assert got["metrics"]["accuracy"]["low"] is None
    assert "one patient" in got["metrics"]["accuracy"]["reason"]
    assert any("Patients are few (1)" in warning for warning in got["warnings"])


@pytest.mark.parametrize(
    ("labels", "logits", "patients", "error", "words"),
    [
        ([], [], [], WrongUsage, "nothing to evaluate"),
        ([0, 1], [0.1], ["a", "b"], BadData, "2 labels came with 1 logits"),
        ([0, 1], [0.1, 0.2], ["a"], BadData, "every cell needs"),
        ([0, 1], [0.1, math.nan], ["a", "b"], BadData, "not finite"),
    ],
)
def test_refuses_what_cannot_be_measured(
    labels: list[int], logits: list[float], patients: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate(np.array(labels, int), np.array(logits), patients, OutputContract(), POINTS)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (np.full(200, 0.02), "calls 100.0% of the cells uninfected"),
        (np.full(200, 0.98), "calls 100.0% of the cells parasitized"),
        (np.tile([0.3, 0.3, 0.7, 0.7], 50), "hardly better than chance"),
    ],
)
def test_collapse_is_said_in_words_with_causes(p: np.ndarray, words: str) -> None:
    got = inspect_predictions(np.arange(200) % 2, p)
    assert got.collapsed
    assert got.message is not None and words in got.message
    assert "Likely causes: a learning rate too high" in got.message


def test_working_model_and_one_sided_data_are_no_collapse() -> None:
    labels = np.arange(200) % 2
    assert not inspect_predictions(labels, np.where(labels, 0.8, 0.2)).collapsed
    assert not inspect_predictions(np.zeros(200, int), np.full(200, 0.1)).collapsed


@pytest.mark.parametrize(
    ("area", "cells", "exchanged"),
    [(0.0, 2, True), (0.0, 4, True), (0.01, 40, True), (0.3, 400, True), (0.3, 5, False), (0.45, 4000, False),
     (0.5, 400, False), (0.55, 400, False)],
)  # fmt: skip
def test_only_an_auc_far_below_one_half_is_the_wrong_way_round(area: float, cells: int, exchanged: bool) -> None:
    labels = np.arange(2 * cells) % 2
    ranks = np.linspace(0.1, 0.9, cells)
    # the share of (parasitized, uninfected) pairs in the right order is the shift of one ranking against the other
    above = round(area * cells)
    infected = np.concatenate([np.full(above, 0.95), np.full(cells - above, 0.05)])
    p = np.empty(2 * cells)
    p[labels == 1], p[labels == 0] = infected, ranks
    found = inspect_predictions(labels, p, "do this")
    assert found.exchanged == exchanged and found.message is not None
    assert ("wrong way round" in found.message) == ("do this" in found.message) == exchanged
    assert ("learnt nothing" in found.message) != exchanged


def test_histogram_counts_every_cell_once() -> None:
    got = inspect_predictions(np.array([0, 0, 1]), np.array([0.0, 0.049, 1.0]))
    assert got.uninfected[0] == 2
    assert got.parasitized[-1] == 1
    assert sum(got.uninfected) + sum(got.parasitized) == 3


def test_curves_keep_the_area_though_thinned() -> None:
    labels, logits, _ = scores(patients=100, cells=40)
    curve, pr = roc(labels, logits), precision_recall(labels, logits)
    assert curve is not None and pr is not None
    assert len(curve.sensitivity) <= 256 and len(pr.recall) <= 256
    assert np.trapezoid(curve.sensitivity, curve.false_positive_rate) == pytest.approx(
        reference.roc_auc_score(labels, logits), abs=2e-3
    )
    assert (curve.sensitivity[0], curve.sensitivity[-1], pr.recall[-1]) == (0, 1, 1)
    assert np.trapezoid(pr.precision, pr.recall) == pytest.approx(
        reference.average_precision_score(labels, logits), abs=5e-3
    )


def test_reliability_leaves_empty_bins_out() -> None:
    got = reliability(np.array([0, 1, 1]), np.array([0.05, 0.95, 0.97]))
    assert got.cells == (1, 2)
    assert got.observed == (0.0, 1.0)
    assert got.low[1] < 1.0 == got.high[1]


def test_threshold_curve_matches_direct_counts() -> None:
    labels, logits, _ = scores()
    p = 1 / (1 + np.exp(-logits))
    got = thresholds(labels, p)
    for i in (0, 60, 120, 152):
        called = p >= got.threshold[i]
        assert got.sensitivity[i] == pytest.approx(np.mean(called[labels == 1]))
        assert got.specificity[i] == pytest.approx(np.mean(~called[labels == 0]))


def test_worst_patients_are_not_merely_the_smallest() -> None:
    labels = np.zeros(205, int)
    p = np.zeros(205)
    patients = ["many"] * 200 + ["few"] * 5
    p[:100], p[200:203] = 1, 1
    rows = patient_rows(sum_by_patient(labels, p, patients))
    assert {row.patient: row.errors for row in rows} == {"many": 100, "few": 3}
    assert [row.patient for row in worst_patients(rows)] == ["many", "few"]


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients, one healthy, of grey cells; parasitized ones are darker."""
    root = tmp_path_factory.mktemp("smears")
    generator = np.random.default_rng(0)
    for label, name in ((0, "Uninfected"), (1, "Parasitized")):
        (root / name).mkdir()
        for patient in range(1 + label, 5):
            for cell in range(6):
                tone = int(np.clip((90 if label else 170) + generator.normal(0, 25), 0, 255))
                image = Image.new("RGB", (20, 20), (tone, tone, tone))
                image.putpixel((0, 0), (label, patient, cell))  # no two are one cell
                image.save(root / name / f"C{patient}P{patient}_{cell}.png")
    return root


@pytest.fixture(scope="module")
def darkness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose logit is how dark the image is."""
    keras = pytest.importorskip("keras")
    tensorflow = pytest.importorskip("tensorflow")
    image = keras.Input((16, 16, 3), batch_size=1)
    head = keras.layers.Dense(1)
    model = keras.Model(image, head(keras.layers.GlobalAveragePooling2D()(image)))
    head.set_weights([np.full((3, 1), -5.0), np.array([0.0])])
    flatbuffer = tensorflow.lite.TFLiteConverter.from_keras_model(model).convert()
    card = Card(output=OutputContract(temperature=0.8), points=OperatingPoints(0.3, 0.9), details={"name": "darkness"})
    card = Card(type(card.input)(16, 16), card.output, card.points, card.details)
    path = tmp_path_factory.mktemp("model") / "darkness.tflite"
    path.write_bytes(pack_model(flatbuffer, card))
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_command_evaluates_a_model_file_and_writes_the_report(smears: Path, darkness: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "results"
    arguments = [str(darkness), str(smears), "--json", "--out", str(out), "--resamples", "100", "--threads", "2"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    got = json.loads(result.stdout)
    assert got["cells"] == {"total": 42, "parasitized": 18, "uninfected": 24}
    assert got["patients"]["healthy"] == 1
    assert got["metrics"]["auc"]["value"] > 0.9
    assert got["calibration"]["temperature"] == 0.8
    assert got["model"]["Name"] == "darkness"
    assert any("does not list its patients" in warning for warning in got["warnings"])
    assert json.loads((out / "metrics.json").read_text()) == got
    assert "darkness.tflite" in (out / "report.html").read_text()


def test_command_prints_a_table_for_people(smears: Path, darkness: Path) -> None:
    result = CliRunner().invoke(command, [str(darkness), str(smears), "--resamples", "100"], catch_exceptions=False)
    for words in ("42 cells of 4 patients", "sensitivity at specificity 0.975", "AUC", "review", "For Research Use"):
        assert words in result.stdout, words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "does not know its data"),
        (["{smears}", "--split", "test"], "no test part"),
        (["{smears}", "--labels", "a,b"], "has a card"),
    ],
)
def test_command_refuses_with_a_remedy(arguments: list[str], words: str, smears: Path, darkness: Path) -> None:
    with pytest.raises(WrongUsage, match=words):
        CliRunner().invoke(
            command, [str(darkness), *(a.format(smears=smears) for a in arguments)], catch_exceptions=False
        )


def test_unreadable_images_stop_the_command_unless_skipped(smears: Path, darkness: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for file in smears.rglob("*.png"):
        target = copy / file.relative_to(smears)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    (copy / "Uninfected" / "C1P1_9.png").write_bytes(b"no image")
    arguments = [str(darkness), str(copy), "--json", "--resamples", "100"]
    with pytest.raises(BadData, match="1 of 43 images"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    result = CliRunner().invoke(command, [*arguments, "--skip-bad"], catch_exceptions=False)
    assert json.loads(result.stdout)["cells"]["total"] == 42


def test_layout_with_a_test_folder_is_split_by_it(smears: Path, darkness: Path, tmp_path: Path) -> None:
    for file in smears.rglob("*.png"):
        part = "test" if file.name.startswith(("C1", "C2")) else "train"
        target = tmp_path / "parts" / part / file.relative_to(smears)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    arguments = [str(darkness), str(tmp_path / "parts"), "--json", "--resamples", "100"]
    totals = {}
    for split in ("default", "train", "all"):
        chosen = [] if split == "default" else ["--split", split]
        got = json.loads(CliRunner().invoke(command, arguments + chosen, catch_exceptions=False).stdout)
        totals[split] = got["cells"]["total"]
        assert any("learnt by heart" in warning for warning in got["warnings"]) == (split == "train")
    assert totals == {"default": 18, "train": 24, "all": 42}
