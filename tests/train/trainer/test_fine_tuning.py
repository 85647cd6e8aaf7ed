"""Phase 2 step by step, on a network small enough to train at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.core.card import InputContract
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained

pytest.importorskip("tensorflow")


def fresh() -> Untrained:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, name="head_logit")]
    return Untrained(keras.Sequential(layers), InputContract(8, 8), False)


@pytest.fixture
def parts() -> tuple[TrainingSet, TrainingSet]:
    targets = (np.arange(12) % 2).astype(np.float32)
    pixels = np.random.default_rng(1).integers(0, 255, (12, 8, 8, 3)).astype(np.uint8)
    return TrainingSet(pixels, targets, np.arange(8)), TrainingSet(pixels, targets, np.arange(8, 12))


def test_the_rate_rises_from_the_first_step_to_its_peak_and_falls(parts: tuple[TrainingSet, TrainingSet]) -> None:
    from train.trainer.fine_tuning import FineTuning

    trainer = FineTuning(fresh(), Recipe(epochs=20, batch=8, rate=1.0, warmup=0.2), *parts)
    rates = []
    for step in range(20):
        trainer.optimizer.iterations.assign(step)
        rates.append(float(trainer.optimizer.learning_rate))
    assert rates[0] == pytest.approx(1 / 4) and rates[4] == pytest.approx(1)
    assert rates[:5] == sorted(rates[:5]) and rates[4:] == sorted(rates[4:], reverse=True)


@pytest.mark.parametrize("seed", [0, 4_294_968, 2**31 - 1])  # from the second on, a thousand times it exceeds 32 bits
def test_a_single_step_learns_with_any_seed(seed: int, parts: tuple[TrainingSet, TrainingSet]) -> None:
    from train.trainer.two_phase import train_two_phases

    network = fresh()
    before = network.model.get_weights()
    train_two_phases(network, *parts, Recipe(epochs=1, batch=8, seed=seed, ema=0.0))
    assert not np.array_equal(before[0], network.model.get_weights()[0])


def test_a_stop_between_checkpoint_and_history_loses_no_row(
    parts: tuple[TrainingSet, TrainingSet], tmp_path: Path
) -> None:
    from train.trainer.two_phase import train_two_phases

    def stop(history: list[dict[str, Any]]) -> None:
        raise KeyboardInterrupt

    recipe = Recipe(epochs=1, batch=8)
    told: list[list[dict[str, Any]]] = []
    with pytest.raises(KeyboardInterrupt):
        train_two_phases(fresh(), *parts, recipe, tmp_path / "last.npz", stop)
    trained = train_two_phases(fresh(), *parts, recipe, tmp_path / "last.npz", told.append)
    assert told == [trained.history] and len(trained.history) == 1
