"""Two replicas learn what one learns; half precision learns too. TensorFlow's devices are set once a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

_SCRIPT = """
import sys
from dataclasses import replace
import numpy as np
from train.network.tensorflow_setup import require_tensorflow
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
require_tensorflow()
import keras
from edge_runtime.core.card import InputContract
from edge_runtime.errors import WrongUsage
from train.architectures import find
from train.trainer.augment import PRESETS
from train.trainer.training_set import TrainingSet, Untrained
from train.trainer.recipe import Recipe
from train.trainer.replicas import strategy_for
from train.trainer.two_phase import train_two_phases

half = "half" in sys.argv
if half:
    keras.mixed_precision.set_global_policy("mixed_float16")
small = "small" in sys.argv
targets = (np.arange(48) % 2).astype(np.float32)
pixels = np.random.default_rng(1).integers(100, 200, (48, 32, 32, 3)).astype(np.uint8)
pixels[targets == 1, 10:20, 10:20] = 20
recipe = Recipe(head_epochs=1, epochs=2, batch=12, dropout=0.0, augmentation=PRESETS["none"])
if half:
    recipe = replace(recipe, rate=3e-3, epochs=6, batch=6, ema=0.0, warmup=0.0)
if small:
    recipe = replace(recipe, head_epochs=0, epochs=1)
weights, last = [], None
for devices in (["CPU:0"], ["CPU:0", "CPU:1"])[: 1 if half else 2]:
    strategy = strategy_for(devices)
    print("replicas", strategy.num_replicas_in_sync)
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = find("cnn_128").build(32, 1.0, None, 0.0)
        begun = model.get_weights()
        parts = TrainingSet(pixels, targets, np.arange(36)), TrainingSet(pixels, targets, np.arange(36, 48))
        # Frozen normalisation: statistics of half a batch would rightly differ from those of a whole one.
        trained = train_two_phases(Untrained(model, InputContract(32, 32), not half), *parts, recipe)
    weights.append(trained.model.get_weights())
    last = trained.history[-1]
print("auc", last["val_auc"])
if not half:
    with strategy.scope():
        try:
            train_two_phases(Untrained(model, InputContract(32, 32), False), *parts, replace(recipe, jit=True))
        except WrongUsage as error:
            print("refused", int("leave out --jit" in str(error)))
one, both, start = (np.concatenate([w.ravel() for w in some]) for some in (weights[0], weights[-1], begun))
print("difference", np.linalg.norm(one - both) / np.linalg.norm(one - start))
"""


def lines(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=1500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


@pytest.mark.long
@pytest.mark.parametrize("phases", ["small", "both"])
def test_two_replicas_learn_what_one_learns(phases: str) -> None:
    pytest.importorskip("tensorflow")
    found = lines(phases)
    assert found["replicas"] == 2
    # Of what was learnt. Adam steps by the sign of a first gradient, so where that is next to nothing they may differ.
    assert found["difference"] < 0.05
    assert found["refused"] == 1  # XLA with both


@pytest.mark.long
def test_half_precision_learns() -> None:
    pytest.importorskip("tensorflow")
    assert lines("half")["auc"] > 0.9
