"""``thinsmear bench latency`` on a small model, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.bare import Bare, bare_script
from benchmarks.harness.surroundings import Readers
from benchmarks.harness.timing import PRESETS, Preset
from benchmarks.latency.coldstart import ColdStart, Started, measure_cold_starts
from benchmarks.latency.latency import STAGES, measure_latency, runtime_of
from benchmarks.latency.picture import SIDE, cell_png
from benchmarks.latency.throughput import measure_throughput
from edge_runtime.cli import run
from edge_runtime.core.backends.edgetpu import library_name
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.images import load_image
from edge_runtime.core.model_file import read_model_file
from edge_runtime.errors import ThinsmearError

SHORT = Preset(min_runs=12, min_seconds=0, warmup=2, cold_starts=1)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cell.png"
    path.write_bytes(cell_png())
    return path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every preset short; the verdict then judges against the short one."""
    for name in PRESETS:
        monkeypatch.setitem(PRESETS, name, SHORT)
    monkeypatch.setattr("benchmarks.latency.validity.STEADY_WITHIN", 1e9)  # a busy test machine is not what is tested


@pytest.fixture
def no_cold_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the processes where their times do not matter."""
    started = ColdStart((Started(200.0, 50.0),), (Started(100.0, 40.0),))
    monkeypatch.setattr("benchmarks.latency.one_model.measure_cold_starts", lambda *rest: started)


def test_the_picture_is_always_the_same_cell() -> None:
    pixels = load_image(cell_png())
    assert cell_png() == cell_png()
    assert pixels.shape == (SIDE, SIDE, 3)
    assert not pixels[0, 0].any() and pixels[SIDE // 2, SIDE // 2].all()


def test_parts_and_wholes_fit_together(small_model: Path, image: Path) -> None:
    model = read_model_file(small_model)
    runtime_of(model)
    readings = iter([0, 0x40000])
    readers = Readers(throttled=lambda: next(readings), temperature=lambda: 51.5, power=lambda: None)
    latency = measure_latency(model, image, 1, SHORT, readers=readers)
    runs = {summary.num_runs for summary in (latency.file, latency.array, latency.bare, latency.bare_file)}
    assert runs == {SHORT.min_runs}
    assert {name: part.num_runs for name, part in latency.stages.items()} == dict.fromkeys(STAGES, SHORT.min_runs)
    assert 0 < sum(part.avg_ms for part in latency.stages.values()) <= latency.file.avg_ms
    assert latency.inference.min_ms > 0 and latency.warmup_first_ms > 0 and latency.init_ms > 0
    assert latency.file_ratio == latency.file.median_ms / latency.bare_file.median_ms
    broken = [condition.name for condition in latency.validity.conditions if condition.met is False]
    assert "Not throttled" in broken and "Same answer as the bare interpreter" not in broken
    document = latency.to_json()
    assert document["temperature"] == {"before": 51.5, "after": 51.5, "highest": 51.5}
    assert document["throttled"]["flags_after"] == ["throttled since boot"]
    assert document["energy"] is None and document["minutes"] == []  # no power reading, no two minutes


def test_the_bare_interpreter_gives_the_answer_of_its_tensor(small_model: Path, image: Path) -> None:
    model = read_model_file(small_model)
    bare = Bare(runtime_of(model)[0], model.flatbuffer, 1)
    tensor = np.full((1, 16, 16, 3), 0.25, np.float32)
    assert np.array_equal(bare.run(tensor), bare.run_file(image, (16, 16), tensor))
    assert bare.run(tensor).shape == (1, 1)


def test_json_has_the_keys_others_read(
    small_model: Path, short: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "latency.json"
    arguments = ["bench", "latency", str(small_model), "--threads", "1", "--json", "-q", "--save", str(saved)]
    assert run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(saved.read_text())
    assert document["result"] == "VALID"
    assert {"board", "os", "kernel", "python", "governor", "throttled"} <= set(document["machine"])
    (entry,) = document["models"]
    assert entry["model"] == read_model_file(small_model).id
    assert entry["cold_start"]["ratio"] > 0
    assert entry["units"]["edgetpu"] == 0 and entry["units"]["cpu"] > 0
    assert entry["pools"] == []  # one thread was asked for
    (measured,) = entry["threads"]
    assert {"init_ms", "warmup_first_ms", "avg_ms", "min_ms", "max_ms", "median_ms", "std_ms", "p5_ms", "p50_ms",
            "p90_ms", "p95_ms", "p99_ms", "num_runs", "p50_interval_ms", "p90_interval_ms", "p95_interval_ms",
            "p99_interval_ms"} == set(measured["latency"])  # fmt: skip
    assert measured["latency"]["p99_ms"] is None
    low, high = measured["latency"]["p50_interval_ms"]
    assert low <= measured["latency"]["p50_ms"] <= high
    assert document["schema"] == {"name": "thinsmear-bench-latency", "version": 1}
    assert document["command"] == f"thinsmear bench latency {small_model} --threads 1"
    assert set(measured["stages"]) == set(STAGES)


def test_pools_are_measured_against_one_interpreter(small_model: Path) -> None:
    classifier = Classifier(read_model_file(small_model))
    image = np.zeros((classifier.contract.height, classifier.contract.width, 3), np.uint8)
    one, two = measure_throughput(classifier, image, (2,), SHORT)
    assert (one.interpreters, two.interpreters) == (1, 2)
    assert (one.ratio, one.ceiling) == (1.0, 1.0)  # each against itself
    assert two.ratio > 0 and two.ceiling > 0
    assert two.to_json() == {"interpreters": 2, "cells_per_second": two.cells_per_second, "ratio": two.ratio,
                             "ceiling": two.ceiling}  # fmt: skip


def test_the_bare_script_for_an_edge_tpu_names_its_library() -> None:
    script = bare_script("ai_edge_litert", edgetpu=True)
    compile(script, "bare", "exec")
    assert f'load_delegate("{library_name()}")' in script and "delegate" not in bare_script("ai_edge_litert")


def test_more_threads_than_processors_is_invalid_and_exits_4(
    small_model: Path,
    short: None,
    no_cold_starts: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("benchmarks.latency.latency.available_processors", lambda: 1)
    assert run(["bench", "latency", str(small_model), "--threads", "2"]) == 4
    shown = capsys.readouterr()
    assert "Result is : INVALID\n" in shown.out and "  Threads fit the processors : No (2 on 1)" in shown.out
    assert "p99 is withheld below 1,000 runs" in shown.out
    assert shown.err.startswith("error: The result is INVALID (Threads fit the processors: No)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.tflite"], "There is no model file no.tflite"),
        (["--threads", "0"], "outside 1..256"),
        (["--threads", "1,two"], "no list of whole numbers"),
        (["--preset", "eternal"], "eternal"),
        (["--save", "/no/such/folder/x.json"], "no folder /no/such/folder"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "latency", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_model_without_a_card_is_refused(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(read_model_file(small_model).flatbuffer)
    assert run(["bench", "latency", str(bare)]) == 2
    assert "has no card" in capsys.readouterr().err


def test_cold_start_peak_is_not_that_of_this_process(small_model: Path, image: Path) -> None:
    model = read_model_file(small_model)
    ballast = np.ones(400 << 17)  # 400 MiB that a process forked from this one would be charged with
    cold = measure_cold_starts(small_model, image, runtime_of(model)[0], 1)
    assert ballast.any()
    for started in (*cold.classify, *cold.bare):
        assert started.milliseconds > 1
        assert started.peak_mib is None or 5 < started.peak_mib < 350


def test_a_cold_start_that_fails_says_why(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ThinsmearError, match=r"ended with code 2: .*no model file .*gone\.tflite"):
        measure_cold_starts(tmp_path / "gone.tflite", image, "ai_edge_litert", 1)


def test_a_run_is_compared_with_a_saved_one(
    small_model: Path, short: None, no_cold_starts: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, table = tmp_path / "latency.json", tmp_path / "reference.csv"
    arguments = ["bench", "latency", str(small_model), "--threads", "1", "-q", "--json"]
    assert run([*arguments, "--save", str(saved)]) == 0
    assert run([*arguments, "--save", str(table)]) == 0
    capsys.readouterr()
    assert run([*arguments, "--compare", str(table), "--tolerance", "10"]) == 0
    compared = json.loads(capsys.readouterr().out)["compared"]
    assert compared["within"] and [one["figure"] for one in compared["figures"]] == ["infer_ms", "file_ms"]
    assert all(0 < one["ratio"] == one["milliseconds"] / one["reference"] for one in compared["figures"])

    document = json.loads(saved.read_text())
    for part in ("latency", "file"):
        document["models"][0]["threads"][0][part]["median_ms"] /= 1000  # as if it had been far quicker
    saved.write_text(json.dumps(document))
    assert run([*arguments, "--compare", str(saved)]) == 1
    shown = capsys.readouterr()
    assert not json.loads(shown.out)["compared"]["within"]
    assert "times its reference" in shown.err and "1.10 is allowed" in shown.err


def test_nothing_to_compare_with_is_said_before_measuring(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.latency.one_model.measure_latency", lambda *rest: pytest.fail("measured"))
    assert run(["bench", "latency", str(small_model), "--compare", "shipped"]) == 2
    assert "shipped has no row of" in capsys.readouterr().err


def test_what_is_not_valid_becomes_no_reference(
    small_model: Path, short: None, no_cold_starts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.latency.latency.available_processors", lambda: 1)
    table = tmp_path / "reference.csv"
    assert run(["bench", "latency", str(small_model), "--threads", "2", "-q", "--save", str(table)]) == 4
    assert not table.exists()
