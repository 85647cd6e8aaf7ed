"""A collapse to one class is said while training, with the histogram and likely causes; a sound run is silent."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from edge_runtime.card import InputContract
from train.architectures import find
from train.collapse import histogram_text, inspect_predictions
from train.part import Part
from train.recipe import Recipe
from train.two_phase import train_two_phases

RECIPE = Recipe(epochs=3, batch=12, ema=0.0, warmup=0.0, rate=3e-3, dropout=0.0)


def fit(recipe: Recipe, meaningless: bool = False) -> list[dict[str, object]]:
    keras.utils.set_random_seed(0)
    targets = (np.arange(72) % 2).astype(np.float32)
    pixels = np.random.default_rng(1).integers(100, 200, (72, 32, 32, 3)).astype(np.uint8)
    if not meaningless:
        pixels[targets == 1, 10:20, 10:20] = 20
    model = find("cnn_128").build(32, 1.0, None, recipe.dropout)
    parts = Part(pixels, targets, np.arange(48)), Part(pixels, targets, np.arange(48, 72))
    return train_two_phases(model, InputContract(32, 32), *parts, recipe, False).history


def test_a_learning_rate_far_too_high_is_called_a_collapse(capfd: pytest.CaptureFixture[str]) -> None:
    history = fit(replace(RECIPE, rate=30.0), meaningless=True)
    said = capfd.readouterr().err
    assert "WARNING after epoch" in said and "a learning rate too high" in said
    assert "Cells labelled parasitized/uninfected by P: 0.0-0.2:" in said
    assert all(0 <= row["called"] <= 1 for row in history)  # type: ignore[operator]


def test_a_sound_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    history = fit(replace(RECIPE, epochs=4))
    assert "WARNING" not in capfd.readouterr().err
    assert history[-1]["val_auc"] > 0.95  # type: ignore[operator]


def test_the_histogram_counts_every_cell_once() -> None:
    found = inspect_predictions(np.array([1, 1, 0, 0, 0]), np.array([0.95, 0.15, 0.05, 0.45, 1.0]))
    assert histogram_text(found) == (
        "Cells labelled parasitized/uninfected by P: 0.0-0.2: 1/1, 0.2-0.4: 0/0, 0.4-0.6: 0/1, 0.6-0.8: 0/0, "
        "0.8-1.0: 1/1."
    )
