"""``thinsmear bench peers``: contracts, cells, rows, reasons; a 44x44 classifier of another maker; real processes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.peers.cells import choose_cells
from benchmarks.peers.footprint import closure, installed_bytes
from benchmarks.peers.lineup import NEEDS_KERAS, Contender
from benchmarks.peers.other_makers import Foreign, as_one_file, pair_up
from benchmarks.peers.process import First, PeerFailed, PeerProcess, environment, reason
from benchmarks.peers.protocol import KINDS, About, Job, Quantisation, TensorPeer, packages_of
from benchmarks.peers.rounds import AMOUNTS, BLOCK, Amount, PeerResult, measure
from edge_runtime.cli import run
from edge_runtime.core.card import InputContract, OutputContract
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import read_model_file
from edge_runtime.errors import WrongUsage
from tests.conftest import draw_cell, draw_patients
from train.network.silence import silenced

SHORT = Amount(rounds=2, starts=1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawn cells of three patients."""
    return draw_patients(tmp_path_factory.mktemp("peers") / "cells", patients=3, each=4)


@pytest.fixture(scope="session")
def other_maker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the shape of the 44x44 one of a well-known phone app: RGB/255, softmax of two, infected first.

    Its weights are set by hand: it looks for pixels whose blue is far above their green, the drawn parasite's colour.
    """
    tensorflow = pytest.importorskip("tensorflow", reason="the other maker's model is made with TensorFlow")
    layers = tensorflow.keras.layers
    pixels = tensorflow.keras.Input((44, 44, 3), batch_size=1)
    spots = layers.Conv2D(4, 1, activation="relu", name="spots")(pixels)
    classes = layers.Dense(2, activation="softmax", name="classes")(layers.GlobalAveragePooling2D()(spots))
    network = tensorflow.keras.Model(pixels, classes)
    colours = np.zeros((1, 1, 3, 4), np.float32)
    colours[0, 0, :, 0] = (0, -1, 1)
    network.get_layer("spots").set_weights([colours, np.array([-0.25, 0, 0, 0], np.float32)])
    weights = np.zeros((4, 2), np.float32)
    weights[0, 0] = 4000
    network.get_layer("classes").set_weights([weights, np.array([-4, 0], np.float32)])
    path = tmp_path_factory.mktemp("other") / "phone.tflite"
    with silenced():
        path.write_bytes(bytes(tensorflow.lite.TFLiteConverter.from_keras_model(network).convert()))
    return path


def job(kind: str = "litert", **changes: Any) -> Job:
    given = {"model": "m.tflite", "images": ("a.png",), "input": InputContract(8, 8), "output": OutputContract()}
    return Job(kind, **{**given, **changes})


def test_a_job_survives_the_way_to_its_process() -> None:
    known = Quantisation(0.007, 128, 0.1, 3)
    for one in (job(), job(quantisation=known, cpu=1, output=OutputContract("probability", 1))):
        assert Job.from_json(json.loads(json.dumps(one.to_json()))) == one


class Echo(TensorPeer):
    """A runtime that answers what it is told to."""

    about = About("echo", "1", "one")

    def __init__(self, job: Job, raw: np.ndarray, dtype: Any = np.float32) -> None:
        super().__init__(job, dtype)
        self.raw = raw

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        self.seen = tensor
        return self.raw


@pytest.mark.parametrize(
    ("raw", "output", "quantisation", "expected"),
    [
        ([[0.0]], OutputContract(), None, 0.5),
        ([[2.0]], OutputContract(temperature=2.0, bias=-1.0), None, 0.5),
        ([[0.9, 0.1]], OutputContract("probability", 0), None, 0.9),
        ([[0.9, 0.1]], OutputContract("probability", 1), None, 0.1),
        ([[0.9]], OutputContract("probability", complement=True), None, 0.1),
        ([[13]], OutputContract(), Quantisation(1 / 127.5, 128, 0.5, 13), 0.5),
        ([[15]], OutputContract(), Quantisation(1 / 127.5, 128, 0.5, 13), 1 / (1 + math.exp(-1))),
    ],
)
def test_answers_become_probabilities(
    raw: list[list[float]], output: OutputContract, quantisation: Quantisation | None, expected: float
) -> None:
    dtype = np.float32 if quantisation is None else np.uint8
    peer = Echo(job(output=output, quantisation=quantisation), np.array(raw, dtype), dtype)
    peer.take([np.full((8, 8, 3), 255, np.uint8)])
    answer = peer.answer(0)
    assert answer.probability == pytest.approx(expected, abs=1e-6) and answer.nanoseconds > 0
    assert peer.seen.shape == (1, 8, 8, 3) and peer.seen.dtype == dtype
    assert np.allclose(peer.seen, 1.0) if quantisation is None else (peer.seen == 255).all()


@pytest.mark.parametrize(
    ("paths", "inputs", "positives", "expected"),
    [
        ("", ("rgb/255",), (1,), []),
        ("a", ("rgb/255",), (0,), [("a", "rgb/255", 0)]),
        ("ab", ("rgb",), (0,), [("a", "rgb", 0), ("b", "rgb", 0)]),
        ("ab", ("rgb", "bgr"), (0, 1), [("a", "rgb", 0), ("b", "bgr", 1)]),
        ("abc", ("rgb", "bgr"), (0,), None),
        ("a", ("rgb",), (0, 1), None),
    ],
)
def test_contracts_are_given_once_or_for_each(
    paths: str, inputs: tuple[str, ...], positives: tuple[int, ...], expected: list[tuple[str, str, int]] | None
) -> None:
    files = tuple(map(Path, paths))
    if expected is None:
        with pytest.raises(WrongUsage, match="give one for all or one for each"):
            pair_up(files, inputs, positives)
    else:
        assert [(str(one.path), one.input, one.positive) for one in pair_up(files, inputs, positives)] == expected


def test_another_makers_model_is_read_by_its_contract(other_maker: Path, tmp_path: Path) -> None:
    path, card = as_one_file(Foreign(other_maker, "rgb/255", 0), tmp_path / "p.tflite")
    assert (card.input.height, card.input.scale[0]) == (44, 1 / 255)
    assert (card.output.kind, card.output.index) == ("probability", 0)
    classifier = Classifier(read_model_file(path))
    generator = np.random.default_rng(1)
    scores = {infected: classifier.classify(draw_cell(generator, infected)).probability for infected in (True, False)}
    assert scores[True] > 0.9 and scores[False] < 0.1

    other_way, _ = as_one_file(Foreign(other_maker, "bgr/255", 1), tmp_path / "q.tflite")
    assert Classifier(read_model_file(other_way)).contract.channels == "BGR"
    again, own_card = as_one_file(Foreign(path, "rgb", 1), tmp_path / "r.tflite")
    assert (again, own_card.input, own_card.output) == (path, card.input, card.output)  # its own card counts
    with pytest.raises(WrongUsage, match="has 2 classes; --peer-positive is 2"):
        as_one_file(Foreign(other_maker, "rgb/255", 2), tmp_path / "s.tflite")


def test_cells_of_a_folder(data: Path) -> None:
    chosen = choose_cells(data, None, 10, seed=3)
    assert len(chosen.files) == 10 and chosen.labels is not None and chosen.patients in (2, 3)
    assert [("Parasitized" in file) == bool(label) for file, label in zip(chosen.files, chosen.labels, strict=True)]
    assert not set(chosen.files) & set(chosen.calibration) and len(chosen.calibration) == 14
    assert choose_cells(data, None, 10, seed=3).files == chosen.files != choose_cells(data, None, 10, seed=4).files


def test_images_without_labels(data: Path) -> None:
    (data / "Parasitized" / "broken.png").write_bytes(b"no image")
    try:
        chosen = choose_cells(data / "Parasitized" / "..", None, 100, seed=0)
        plain = choose_cells_of_a_plain_folder(data)
    finally:
        (data / "Parasitized" / "broken.png").unlink()
    assert chosen.labels is not None and len(chosen.files) == 24
    assert plain.labels is None and len(plain.files) == 12  # the broken one is left out


def choose_cells_of_a_plain_folder(data: Path) -> Any:
    folder = data.parent / "plain"
    folder.mkdir(exist_ok=True)
    for path in (data / "Parasitized").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return choose_cells(folder, None, 100, seed=0)


def test_a_runs_training_patients_are_left_out(run_folder: Path) -> None:
    from train.runs.run import Run

    opened = Run.open(run_folder)
    test = {str(opened.cells.root / opened.cells.paths[i]) for i in opened.indices("test")}
    train = {str(opened.cells.root / opened.cells.paths[i]) for i in opened.indices("train")}
    for source in (None, opened.cells.root):  # the run's own cells, or its data given again
        chosen = choose_cells(source, opened, 1000, seed=0, calibration=50)
        assert set(chosen.files) == test and chosen.origin == "test patients of the run"
        assert set(chosen.calibration) <= train and len(chosen.calibration) == 50


def test_training_images_that_have_moved_still_calibrate(run_folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from train.runs.run import Run

    opened = Run.open(run_folder)
    root = opened.cells.root
    moved = replace(opened, cells=replace(opened.cells, root=tmp_path / "gone"))
    chosen = choose_cells(root, moved, 5, seed=0, calibration=40)
    assert len(chosen.calibration) == 40 and all(file.startswith(str(root)) for file in chosen.calibration)


def test_nothing_to_classify(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="--data, or give a --run"):
        choose_cells(None, None, 10, seed=0)
    with pytest.raises(WrongUsage, match="no image in"):
        choose_cells(tmp_path, None, 10, seed=0)


class Scripted:
    """Stands in for a peer's process: its cells take as long as their number says, its answers are given."""

    log: ClassVar[list[str]] = []

    def __init__(self, job: Job) -> None:
        self.kind, _, self.plan = job.model.partition(":")
        if self.plan == "no start":
            raise PeerFailed("it is not installed")
        self.first = First(100.0, 50.0, 0.5, {"runtime": self.kind, "version": "1", "threads": "one"})

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        self.log.append(f"{self.kind} ends")

    def load(self) -> None:
        self.log.append(f"{self.kind} loads")

    def time(self, cells: Sequence[int]) -> tuple[list[float], list[tuple[int, int]]]:
        scoring = isinstance(cells, range)
        self.log.append(f"{self.kind} {'scores' if scoring else 'times'}")
        if self.plan == "crash" and not scoring:
            raise PeerFailed("it crashed")
        factor = 2 if self.kind == "slow" else 1
        return [0.9 if cell % 2 == 0 else 0.2 for cell in cells], [(factor * 4_000_000, factor * 3_000_000)] * len(
            cells
        )


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Measures scripted peers: this program, a slow one, and those with a plan."""
    monkeypatch.setattr("benchmarks.peers.rounds.PeerProcess", Scripted)
    monkeypatch.chdir(tmp_path)
    Scripted.log.clear()

    def made(labels: list[int] | None, *plans: str) -> list[PeerResult]:
        contenders = []
        for name in ("own", "slow", *(f"third:{plan}" for plan in plans)):
            Path(name).write_bytes(b"12345")
            one = job("litert", model=name, images=tuple("abcd"))
            contenders.append(Contender("thinsmear" if name == "own" else name, "int8", "", one))
        contenders.append(Contender("absent", "float32", "", None, NEEDS_KERAS))
        return measure(contenders, None if labels is None else np.array(labels), SHORT)

    return made


def test_a_row_for_each_peer(rows: Any) -> None:
    own, slow, absent = rows([1, 0, 1, 1])
    assert (own.ratio, slow.ratio) == (1.0, 2.0)
    assert (slow.cell.p50_ms, slow.infer.p50_ms, slow.cell.num_runs) == (8.0, 6.0, SHORT.rounds * BLOCK)
    assert (slow.accuracy, slow.auc, slow.agreement) == (0.75, pytest.approx(5 / 6), 1.0)
    assert (slow.start_ms, slow.peak_mib, slow.model_bytes) == (100.0, 50.0, 5)
    assert absent.error == NEEDS_KERAS and absent.cell is None
    assert "numpy" in slow.packages and slow.installed_bytes > 1_000_000


def test_peers_take_turns_and_all_end(rows: Any) -> None:
    rows([1, 0, 1, 1])
    timed = [line for line in Scripted.log if line.endswith("times")]
    assert timed == ["own times", "slow times", "slow times", "own times"]  # each is first in turn
    assert sum(line.endswith("ends") for line in Scripted.log) == 2 * (SHORT.starts + 1)


@pytest.mark.parametrize(("labels", "accuracy"), [([1, 1, 1, 1], 0.5), (None, None)])
def test_one_class_or_no_labels(rows: Any, labels: list[int] | None, accuracy: float | None) -> None:
    own = rows(labels)[0]
    assert (own.accuracy, own.auc, own.agreement) == (accuracy, None, 1.0)
    assert own.to_json()["auc"] is None and json.dumps(own.to_json(), allow_nan=False)


@pytest.mark.parametrize(("plan", "error"), [("no start", "it is not installed"), ("crash", "it crashed")])
def test_a_failure_is_a_row(rows: Any, plan: str, error: str) -> None:
    own, _, third, _ = rows([1, 0, 1, 1], plan)
    assert own.error is None and own.ratio == 1.0
    assert (third.error, third.cell, third.ratio) == (error, None, None)


@pytest.mark.parametrize(
    ("complaints", "code", "expected"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'onnxruntime'\n", 1, 'onnxruntime is missing: pip install "thinsmear[peers]"'),
        ("ModuleNotFoundError: No module named 'tensorflow.keras'", 1, 'pip install "thinsmear[host]"'),
        ("warning\nRuntimeError: bad model\n\n", 1, "RuntimeError: bad model"),
        ("", 3, "its process ended with code 3"),
        ("", -11, "its process was ended by signal 11"),
        ("terminate called\n", -6, "its process was ended by signal 6 (terminate called)"),
    ],
)  # fmt: skip
def test_reasons(complaints: str, code: int, expected: str) -> None:
    assert expected in reason(complaints, code)


def test_one_thread_for_libraries_that_read_it_from_the_environment() -> None:
    found = environment()
    assert {found[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"1"}
    assert found["CUDA_VISIBLE_DEVICES"] == "-1"


def test_what_a_runtime_weighs() -> None:
    names = closure(["pillow", "ai_edge_litert", "no-such-package"])
    assert {"pillow", "ai-edge-litert", "numpy"} <= set(names) and "no-such-package" not in names
    assert installed_bytes(["pillow"]) < installed_bytes(names) < 2**30
    assert 1_000_000 < installed_bytes(["thinsmear"]) < 50_000_000  # what a device needs of it, models included
    assert all(packages_of(kind) for kind in KINDS)


def test_a_model_that_does_not_load_is_a_reason(tmp_path: Path, data: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model at all")
    cell = next((data / "Parasitized").iterdir())
    with pytest.raises(PeerFailed, match=r"broken\.tflite is no TFLite model"):
        PeerProcess(job("litert", model=str(broken), images=(str(cell),)))


def test_the_command(
    small_model: Path, other_maker: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(AMOUNTS, "quick", SHORT)
    monkeypatch.setenv("HOME", str(tmp_path))
    saved = tmp_path / "peers.json"
    arguments = ["bench", "peers", str(small_model), "--data", str(data), "--preset", "quick", "--most", "12", "-q"]
    peer = ["--peer", str(other_maker), "--peer-positive", "0"]
    assert run([*arguments, *peer, "--json", "--save", str(saved)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(saved.read_text())
    assert document["cells"]["number"] == 12 and f"--peer {other_maker} --peer-positive 0" in document["command"]
    found = {(row["name"], row["precision"]): row for row in document["rows"]}
    own, floor, phone = (found[key, "float32"] for key in ("thinsmear", "LiteRT, bare loop", "phone.tflite"))
    assert own["ratio"] == 1.0 and floor["agreement"] == 1.0 and own["version"] == floor["version"]
    assert phone["accuracy"] == 1.0 and "44x44" in phone["source"]
    assert own["start_ms"] > 50 and (own["peak_mib"] is None or 20 < own["peak_mib"] < 200)
    assert found["Keras predict", "float32"]["error"] == NEEDS_KERAS
    assert not (tmp_path / "intel").exists()  # where OpenVINO keeps the identity that its reports carry
    vino = found["OpenVINO", "float32"]
    assert (
        (vino["error"] is None and vino["agreement"] == 1.0) if find_spec("openvino") else "openvino" in vino["error"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--data, or give a --run"),
        (["--data", "gone"], "does not exist"),
        (["--run", "gone"], "gone is not a run directory"),
        (["--data", ".", "--keras", "k", "--run", "r"], "Give --run or --keras"),
        (["--data", ".", "--peer", "a", "--peer-input", "hsv"], "hsv"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], small_model: Path) -> None:
    assert run(["bench", "peers", str(small_model), *arguments]) == 2
    assert message in capsys.readouterr().err


def skip_without(*packages: str) -> None:
    """Skip where a runtime is missing, without importing any: OpenVINO reports each import to its makers."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        pytest.skip(f'{", ".join(missing)} come with pip install "thinsmear[peers]"')


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_runtimes_agree(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip_without("onnxruntime", "onnx", "tf2onnx", "openvino")
    model = tmp_path / "model.tflite"
    assert run(["convert", str(run_folder), "--out", str(model), "-q"]) in (0, 4)
    capsys.readouterr()
    assert run(["bench", "peers", str(model), "--run", str(run_folder), "--preset", "quick", "--json", "-q"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 9 and [row["error"] for row in rows] == [None] * 9
    assert all(row["agreement"] >= 0.97 for row in rows)
    by_name = {(row["name"], row["precision"]): row for row in rows}
    assert by_name["LiteRT, bare loop", "int8"]["agreement"] == 1.0  # the same kernels, the same tensors
    floats = [row["auc"] for row in rows if row["precision"] == "float32"]
    assert max(floats) - min(floats) < 1e-3


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_without_the_float_network_the_file_itself_is_converted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip_without("onnxruntime", "onnx", "tf2onnx")
    assert run(["bench", "peers", "default", "--data", str(data), "--preset", "quick", "--json", "-q"]) == 0
    rows = {(row["name"], row["precision"]): row for row in json.loads(capsys.readouterr().out)["rows"]}
    converted = rows["ONNX Runtime", "int8"]
    assert converted["error"] is None and converted["source"] == "the .tflite file, through tf2onnx"
    assert converted["agreement"] >= 0.9
