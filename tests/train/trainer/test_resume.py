"""A training that was killed goes on to the same bits; what hits it in mid-write leaves the last good checkpoint."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.cli import run as thinsmear
from edge_runtime.common import files
from train.network.tensorflow_setup import require_tensorflow
from train.runs.run import Run
from train.trainer import checkpoint
from train.trainer.training_set import TrainingSet

require_tensorflow()

ROOT = Path(__file__).resolve().parents[3]

# Determinism is set once a process, so the whole table runs in one of its own. Functions run eagerly there: tracing
# them anew for every training would take most of the time, and the killed command below runs them traced.
_SCRIPT = """
import json
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock
import numpy as np
from train.network.tensorflow_setup import require_tensorflow
require_tensorflow()
import keras
import tensorflow as tf
tf.config.experimental.enable_op_determinism()
tf.config.run_functions_eagerly(True)
from edge_runtime.core.card import InputContract
from train.architectures import find
from train.trainer.training_set import TrainingSet, Untrained
from train.trainer.recipe import Recipe
from train.trainer.two_phase import train_two_phases

class Stopped(Exception):
    pass

def fail_at(call, real):
    calls = [0]
    def wrapped(*arguments, **options):
        calls[0] += 1
        if calls[0] == call:
            raise Stopped
        return real(*arguments, **options)
    return wrapped

def fit(path, recipe):
    keras.utils.set_random_seed(0)
    targets = (np.arange(48) % 2).astype(np.float32)
    pixels = np.random.default_rng(1).integers(100, 200, (48, 32, 32, 3)).astype(np.uint8)
    pixels[targets == 1, 10:20, 10:20] = 20
    model = find("cnn_128").build(32, 1.0, None, 0.2)
    parts = TrainingSet(pixels, targets, np.arange(36)), TrainingSet(pixels, targets, np.arange(36, 48))
    return train_two_phases(Untrained(model, InputContract(32, 32), True), *parts, recipe, path)

folder, places = Path(sys.argv[1]), json.loads(sys.argv[2])
full = Recipe(head_epochs=1, epochs=2, batch=12, seed=4, deterministic=True)
whole = {}
for number, (place, call, last_layers) in enumerate(places):
    recipe = replace(full, last_layers=last_layers)
    if last_layers not in whole:
        whole[last_layers] = fit(folder / f"whole-{last_layers}.npz", recipe)
    path = folder / f"{number}.npz"
    module, _, name = place.partition(":")
    owner = TrainingSet if name == "batch" else sys.modules[module]
    if name.startswith("os."):
        owner, name = owner.os, name[3:]
    stopped = False
    with mock.patch.object(owner, name, fail_at(call, getattr(owner, name))):
        try:
            fit(path, recipe)
        except Stopped:
            stopped = True
    left = sorted(p.name for p in folder.iterdir() if p.name.endswith(".tmp"))
    cut = fit(path, recipe)
    reference = whole[last_layers]
    equal = [np.array_equal(a.numpy(), b.numpy())
             for a, b in zip(reference.model.weights, cut.model.weights, strict=True)]
    epochs = [(row["phase"], row["epoch"], row["loss"], row["val_loss"]) for row in cut.history]
    same = epochs == [(row["phase"], row["epoch"], row["loss"], row["val_loss"]) for row in reference.history]
    print("RESULT", json.dumps([stopped, all(equal), same, left]))
"""

PLACES = (
    ("train.trainer.two_phase:train_head", 1, None),  # before anything is kept
    ("train.trainer.head:note", 1, None),  # in the head phase
    ("train.trainer.checkpoint:write_atomically", 1, None),  # between the phases, before the head is kept
    ("train.trainer.training_set:batch", 1, None),  # between the phases, after it
    ("train.trainer.training_set:batch", 3, None),  # in the first epoch
    ("train.trainer.fine_tuning:keras_logits", 2, None),  # in the validation of the second
    ("edge_runtime.common.files:os.fsync", 3, None),  # with a checkpoint written, but not yet safe on the disk
    ("edge_runtime.common.files:os.replace", 3, None),  # with all of it there, under its passing name
    ("train.trainer.checkpoint:write_atomically", 2, 4),  # with frozen layers that run ahead
)


@pytest.mark.parametrize(
    "places", [pytest.param(PLACES[5:6], id="one"), pytest.param(PLACES, marks=pytest.mark.long, id="all")]
)
def test_wherever_it_stops_it_goes_on_to_the_same_bits(places: tuple[tuple[Any, ...], ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path), json.dumps(places)],
        capture_output=True, text=True, cwd=ROOT, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    # Stopped there, same weights, same history, nothing left lying about.
    assert dict(zip(places, found, strict=True)) == {place: [True, True, True, []] for place in places}


@pytest.fixture(scope="module")
def cells(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of the cells of twelve patients."""
    run = Run.open(run_folder)
    table = tmp_path_factory.mktemp("few") / "cells.csv"
    chosen = sorted(set(run.cells.patients or ()))[:12]
    rows = zip(run.cells.paths, run.cells.labels, run.cells.patients or (), strict=True)
    names = ("Uninfected", "Parasitized")
    lines = [f"{run.cells.root / path},{names[int(label)]},{who}" for path, label, who in rows if who in chosen]
    table.write_text("\n".join(["path,label,patient", *lines]) + "\n")
    return table


def command(cells: Path, out: Path, *more: str) -> list[str]:
    return ["train", str(cells), "--out", str(out), "--cache", str(cells.parent / "cache"), "--arch", "cnn_128",
            "--size", "32", "--weights", "none", "--epochs", "3", "--batch-size", "32", "-q", *more]  # fmt: skip


def once_there(path: Path, trouble: BaseException, real: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises as soon as the file is there."""

    def wrapped(*arguments: object, **options: object) -> Any:
        if path.is_file():
            raise trouble
        return real(*arguments, **options)

    return wrapped


FULL = OSError(errno.ENOSPC, "No space left on device", "last.npz")


@pytest.mark.parametrize(
    ("owner", "name", "trouble", "code", "sentence"),
    [
        (checkpoint, "write_atomically", FULL, 1, "error: last.npz: No space left on device."),
        (files.os, "fsync", FULL, 1, "error: last.npz: No space left on device."),
        (TrainingSet, "batch", KeyboardInterrupt(), 130, "error: stopped"),
    ],
    ids=["full disk", "full disk in mid-write", "ctrl-c"],
)
def test_trouble_in_the_second_epoch_leaves_the_first_and_one_sentence(
    owner: Any, name: str, trouble: BaseException, code: int, sentence: str, cells: Path, tmp_path: Path, eager: None,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = tmp_path / "run"
    kept = run / "checkpoints" / "last.npz"
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, once_there(kept, trouble, getattr(owner, name)))
        assert thinsmear(command(cells, run)) == code
    assert capfd.readouterr().err.strip().splitlines()[-1] == sentence
    assert checkpoint.load(kept)[1]["epoch"] == 1
    assert [path.name for path in kept.parent.iterdir()] == ["last.npz"] and not Run.open(run).finished
    before = kept.read_bytes()
    assert thinsmear(command(cells, run)) == 2
    assert "already exists and is not empty" in capfd.readouterr().err and kept.read_bytes() == before


@pytest.mark.parametrize("place", ["train.evaluate.measure.keras_logits", "train.evaluate.results.build_report"])
def test_a_run_stopped_while_it_is_scored_goes_on_to_its_report(
    place: str, cells: Path, tmp_path: Path, eager: None, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = tmp_path / "run"

    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, stop)
        assert thinsmear(command(cells, run, "--epochs", "1")) == 130
    assert not (run / "report.html").exists()
    # Figures without its calibration would be taken for its own.
    assert thinsmear(["evaluate", str(run)]) == 2
    assert f"thinsmear train --resume {run}" in capfd.readouterr().err
    assert thinsmear(["train", "--resume", str(run), "-q"]) == 0
    assert {"model.keras", "calibration.json", "scores.csv", "metrics.json", "report.html"} <= {
        path.name for path in run.iterdir()
    }
    assert not list(run.glob("*partial*"))
    assert thinsmear(["train", "--resume", str(run)]) == 2
    assert "has finished" in capfd.readouterr().err


def start(*commands: list[str]) -> subprocess.Popen[bytes]:
    """A process that carries out these commands one after the other; its exit code is the highest of theirs."""
    script = "import sys, json; from edge_runtime.cli import run; sys.exit(max(map(run, json.loads(sys.argv[1]))))"
    return subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(commands)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def assert_same_weights(one: Path, other: Path) -> None:
    weights = [Run.open(path).model().get_weights() for path in (one, other)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.long
def test_a_killed_deterministic_run_ends_bit_equal(cells: Path, tmp_path: Path) -> None:
    options = ("--epochs", "2", "--deterministic")
    cut = start(command(cells, tmp_path / "cut", *options))
    kept = tmp_path / "cut" / "checkpoints" / "last.npz"
    while not kept.is_file() and cut.poll() is None:
        time.sleep(0.01)
    cut.kill()
    assert cut.wait(600) == -signal.SIGKILL and not (tmp_path / "cut" / "model.keras").exists()
    resumed = ["train", "--resume", str(tmp_path / "cut"), "-q"]
    assert start(command(cells, tmp_path / "whole", *options), resumed).wait(1500) == 0
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


def done(out: Path) -> bool:
    """Whether a run is at its end: a process may be killed after that, before it ends itself."""
    return (out / "config.json").is_file() and Run.open(out).finished


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_at_any_time_it_ends_bit_equal(seed: int, cells: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    assert start(command(cells, tmp_path / "whole", "--deterministic")).wait(1500) == 0
    lasted = time.monotonic() - begun
    generator = np.random.default_rng(seed)
    cut, exit_codes = tmp_path / "cut", []
    for _ in range(6):
        resumable = (cut / "config.json").is_file()
        process = start(["train", "--resume", str(cut), "-q"] if resumable else command(cells, cut, "--deterministic"))
        try:
            exit_codes.append(process.wait(generator.uniform(0.2, 1.0) * lasted))
        except subprocess.TimeoutExpired:
            process.send_signal(generator.choice([signal.SIGKILL, signal.SIGINT]))
            exit_codes.append(process.wait(600))
        if done(cut):
            break
    if not done(cut):
        last = ["train", "--resume", str(cut), "-q"] if (cut / "config.json").is_file() else None
        assert start(last or command(cells, cut, "--deterministic")).wait(1500) == 0
    assert set(exit_codes) <= {0, 130, -signal.SIGKILL, -signal.SIGINT} and exit_codes[0] != 0
    assert (cut / "report.html").is_file()
    assert_same_weights(tmp_path / "whole", cut)
