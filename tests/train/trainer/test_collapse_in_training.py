"""A collapse to one class is said while training, with the histogram and likely causes; a sound run is silent."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from edge_runtime.core.card import InputContract
from train.architectures import find
from train.metrics.collapse import collapses_of, histogram_text, inspect_predictions, training_warning
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained
from train.trainer.two_phase import train_two_phases

# Enough steps for the moving averages of batch normalisation to settle.
RECIPE = Recipe(epochs=6, batch=6, ema=0.0, warmup=0.0, rate=3e-3, dropout=0.0, patience=6)
MIXED = np.arange(20) % 2


def fit(recipe: Recipe) -> list[dict[str, object]]:
    """Train a small network on cells with and without a dark square."""
    keras.utils.set_random_seed(0)
    targets = (np.arange(72) % 2).astype(np.float32)
    pixels = np.random.default_rng(1).integers(100, 200, (72, 32, 32, 3)).astype(np.uint8)
    pixels[targets == 1, 10:20, 10:20] = 20
    model = find("cnn_128").build(32, 1.0, None, recipe.dropout)
    parts = TrainingSet(pixels, targets, np.arange(48)), TrainingSet(pixels, targets, np.arange(48, 72))
    return train_two_phases(Untrained(model, InputContract(32, 32), False), *parts, recipe).history


def test_a_learning_rate_far_too_high_is_called_a_collapse(capfd: pytest.CaptureFixture[str]) -> None:
    history = fit(replace(RECIPE, rate=30.0, epochs=2, batch=24))
    said = capfd.readouterr().err
    assert history[-1]["called"] in (0.0, 1.0) and history[-1]["collapsed"] == 1
    assert "WARNING after epoch 2: The model calls 100.0% of the cells" in said
    assert "it has collapsed to one class" in said and "a learning rate too high" in said
    assert "Cells labelled parasitized/uninfected by P: 0.0-0.2:" in said
    assert "epoch 2" in collapses_of(history)[0]


def test_the_same_cells_at_a_sound_rate_are_learnt_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    history = fit(RECIPE)
    assert "WARNING" not in capfd.readouterr().err
    assert history[-1]["val_auc"] > 0.95 and 0.4 <= history[-1]["called"] <= 0.6  # type: ignore[operator]
    assert collapses_of(history) == () and all(row["collapsed"] == 0 for row in history)


@pytest.mark.parametrize(
    ("probabilities", "area", "epoch", "epochs", "words"),
    [
        (np.full(20, 0.9), 0.5, 1, 6, None),  # the first of several epochs
        (np.full(20, 0.9), 0.5, 1, 1, "calls 100.0% of the cells parasitized"),  # the only one
        (np.full(20, 0.1), 0.5, 2, 6, "calls 100.0% of the cells uninfected"),
        (0.9 + MIXED / 20, 1.0, 3, 6, None),  # ranks well: moving averages may settle yet
        (0.9 + MIXED / 20, 1.0, 4, 6, "ranks them well all the same"),
        (np.full(20, 0.9), float("nan"), 2, 6, "collapsed to one class"),
        (np.linspace(0.2, 0.8, 20), 0.53, 2, 6, "hardly better than chance"),
        (0.1 + 0.8 * MIXED, 1.0, 6, 6, None),
    ],
)
def test_what_is_said_and_when(
    probabilities: np.ndarray, area: float, epoch: int, epochs: int, words: str | None
) -> None:
    said = training_warning(inspect_predictions(MIXED, probabilities), area, epoch, epochs)
    assert said is None if words is None else said is not None and words in said


def test_the_history_remembers_the_epochs() -> None:
    rows = [{"epoch": "1", "collapsed": ""}, {"epoch": "2", "collapsed": "1"}, {"epoch": 3, "collapsed": 1}]
    assert "after epoch 2, 3;" in collapses_of(rows)[0]
    assert collapses_of([{"epoch": 1, "collapsed": 0}, {"epoch": 1}]) == ()


def test_the_histogram_counts_every_cell_once() -> None:
    found = inspect_predictions(np.array([1, 1, 0, 0, 0]), np.array([0.95, 0.15, 0.05, 0.45, 1.0]))
    assert histogram_text(found) == (
        "Cells labelled parasitized/uninfected by P: 0.0-0.2: 1/1, 0.2-0.4: 0/0, 0.4-0.6: 0/1, 0.6-0.8: 0/0, "
        "0.8-1.0: 1/1."
    )
