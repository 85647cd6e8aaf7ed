"""A training that was killed goes on to the same bits; what hits it in mid-write leaves the last good checkpoint."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.card import InputContract
from edge_runtime.cli import run as thinsmear
from train.architectures import find
from train.fine_tuning import FineTuning
from train.part import Part
from train.recipe import Recipe
from train.run import Run
from train.tensorflow_setup import require_tensorflow
from train.two_phase import Trained, train_two_phases

require_tensorflow()

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32
RECIPE = Recipe(head_epochs=1, epochs=3, batch=12, seed=4)


def fit(checkpoint: Path) -> Trained:
    """Train a small network with a frozen phase 1 on cells with and without a dark square."""
    import keras

    keras.utils.set_random_seed(0)
    targets = (np.arange(48) % 2).astype(np.float32)
    pixels = np.random.default_rng(1).integers(100, 200, (48, SIZE, SIZE, 3)).astype(np.uint8)
    pixels[targets == 1, 10:20, 10:20] = 20
    model = find("cnn_128").build(SIZE, 1.0, None, 0.2)
    parts = Part(pixels, targets, np.arange(36)), Part(pixels, targets, np.arange(36, 48))
    return train_two_phases(model, InputContract(SIZE, SIZE), *parts, RECIPE, True, checkpoint)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return fit(tmp_path_factory.mktemp("whole") / "last.npz")


class Stopped(Exception):
    """Stands for whatever ends the process."""


def fail_at(call: int, real):  # type: ignore[no-untyped-def]
    """The function, which raises at its n-th call (from 1) before or instead of doing its work."""
    calls = [0]

    def wrapped(*arguments, **options):  # type: ignore[no-untyped-def]
        calls[0] += 1
        if calls[0] == call:
            raise Stopped
        return real(*arguments, **options)

    return wrapped


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("train.two_phase.train_head", 1),  # before anything is kept
        ("train.part.Part.batch", 3),  # in the first epoch (the head phase asks for none)
        ("train.part.Part.batch", 5),  # in the second
        ("train.checkpoint.write_atomically", 2),  # while the first epoch is being kept
        ("train.checkpoint.write_atomically", 3),
    ],
)
def test_wherever_it_stops_it_goes_on_to_the_same_weights(
    place: str, call: int, uninterrupted: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = place.rsplit(".", 1)
    owner = Part if module == "train.part.Part" else sys.modules[module]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail_at(call, getattr(owner, name)))
        with pytest.raises(Stopped):
            fit(tmp_path / "last.npz")
    resumed = fit(tmp_path / "last.npz")
    for whole, cut in zip(uninterrupted.model.weights, resumed.model.weights, strict=True):
        np.testing.assert_allclose(cut.numpy(), whole.numpy(), atol=1e-5)
    assert [row["epoch"] for row in resumed.history] == [row["epoch"] for row in uninterrupted.history]


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tmp_path / "last.npz"

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(checkpoint))

    with monkeypatch.context() as patched:
        patched.setattr("train.fine_tuning.FineTuning.run_epoch", fail_at(2, FineTuning.run_epoch))
        with pytest.raises(Stopped):
            fit(checkpoint)
    good = checkpoint.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("edge_runtime.files.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            fit(checkpoint)
    assert checkpoint.read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def command(data: Path, out: Path, cache: Path) -> list[str]:
    return [sys.executable, "-m", "edge_runtime", "train", str(data), "--out", str(out), "--cache", str(cache),
            "--arch", "cnn_128", "--size", "32", "--weights", "none", "--epochs", "3", "--batch-size", "16",
            "--deterministic", "-q"]  # fmt: skip


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    "signum", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)], ids=["kill", "ctrl-c"]
)
def test_deterministic_runs_are_bit_equal_after_a_kill(signum: int, run_folder: Path, tmp_path: Path) -> None:
    config = Run.open(run_folder).config
    data, cache = Path(config["data"]["root"]), Path(config["cache"])
    whole = start(command(data, tmp_path / "whole", cache))
    assert whole.wait(300) == 0, whole.stderr and whole.stderr.read()
    cut = start(command(data, tmp_path / "cut", cache))
    checkpoint = tmp_path / "cut" / "checkpoints" / "last.npz"
    while not checkpoint.is_file() and cut.poll() is None:
        time.sleep(0.01)
    cut.send_signal(signum)
    cut.wait(60)
    assert cut.stderr is not None
    assert cut.returncode == (-signal.SIGKILL if signum == signal.SIGKILL else 130), cut.stderr.read()
    assert not (tmp_path / "cut" / "model.keras").exists()
    assert thinsmear(["train", "--resume", str(tmp_path / "cut"), "-q"]) == 0
    weights = [Run.open(tmp_path / name).model().get_weights() for name in ("whole", "cut")]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
