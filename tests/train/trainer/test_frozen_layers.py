"""Frozen layers run ahead: the cut is exact, and training behind it is training of the whole network."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from edge_runtime.core.card import InputContract
from train.architectures import find
from train.trainer.augment import PRESETS
from train.trainer.frozen_layers import affordable_views, cache_views, split_model
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained
from train.trainer.two_phase import train_two_phases

CONTRACT = InputContract(height=32, width=32)


def network(name: str = "mobilenet_v2") -> keras.Model:
    keras.utils.set_random_seed(3)
    model = find(name).build(32, 0.35, None, 0.0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(layer.gamma * 2.5)  # or the activations of random weights die out on their way down
    return model


@pytest.fixture(scope="module")
def untouched() -> keras.Model:
    """A network with shortcuts that no test trains."""
    return network()


def cells(count: int) -> tuple[np.ndarray, np.ndarray]:
    targets = np.arange(count, dtype=np.float32) % 2
    pixels = np.random.default_rng(0).integers(100, 200, (count, 32, 32, 3)).astype(np.uint8)
    pixels[targets == 1, 8:20, 8:20] = 30
    return pixels, targets


@pytest.mark.parametrize(
    ("first_trained", "cut"),
    [
        ("head_dense", "head_pool"),
        ("block_15_expand", "block_14_add"),  # the last 20 layers
        ("block_15_depthwise", "block_14_add"),  # within a residual block the addition also needs what came before
        ("block_16_depthwise", "block_16_expand_relu"),  # the last block has no addition
        ("Conv1", None),
    ],
)
def test_the_cut_is_the_last_single_tensor_before_what_learns(
    first_trained: str, cut: str | None, untouched: keras.Model
) -> None:
    parts = split_model(untouched, first_trained)
    if cut is None:
        assert parts is None
        return
    assert parts is not None
    frozen, tail = parts
    assert frozen.layers[-1].name == cut
    images = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(tail(frozen(images)), untouched(images), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "last_layers"),
    [
        ("cnn_128", 4),
        ("cnn_128", 1),  # a layer without weights, so that the head alone learns
        pytest.param("mobilenet_v2", 20, marks=pytest.mark.long),
        pytest.param("mobilenet_v2", 1, marks=pytest.mark.long),
    ],
)
def test_training_behind_the_cut_is_training_of_the_whole(name: str, last_layers: int) -> None:
    pixels, targets = cells(40)
    recipe = Recipe(
        head_epochs=1, epochs=2, last_layers=last_layers, batch=8, dropout=0.0, augmentation=PRESETS["none"]
    )
    trained = []
    for looks in (2, 0):
        training, validation = (
            TrainingSet(pixels, targets, np.arange(32)),
            TrainingSet(pixels, targets, np.arange(32, 40)),
        )
        result = train_two_phases(
            Untrained(network(name), CONTRACT, True), training, validation, replace(recipe, looks=looks)
        )
        trained.append(result)
    for ahead, every_time in zip(trained[0].model.weights, trained[1].model.weights, strict=True):
        np.testing.assert_allclose(ahead, every_time, atol=3e-3)  # activations are kept in half precision
    losses = [[row["val_loss"] for row in result.history if row["phase"] == 2] for result in trained]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-2)


def test_views_differ_and_repeat_with_their_seed() -> None:
    images = TrainingSet(*cells(6), np.arange(6))
    parts = split_model(network("cnn_128"), "conv_4")
    assert parts is not None

    def view(seed: int) -> np.ndarray:
        return cache_views(parts[0], CONTRACT, images, PRESETS["standard"], seed, views=2).features

    first = view(1)
    assert first.shape[:2] == (2, 6) and first.dtype == np.float16
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(first, view(1))
    assert not np.array_equal(first, view(2))


def test_no_more_views_than_memory_holds(untouched: keras.Model) -> None:
    parts = split_model(untouched, "block_16_depthwise")
    assert parts is not None
    assert affordable_views(parts[0], 100, 4) == 4
    assert affordable_views(parts[0], 1_000_000_000, 4) == 0


@pytest.mark.parametrize(
    ("name", "first_trained"),
    [("cnn_128", "conv_4"), pytest.param("mobilenet_v2", "block_15_expand", marks=pytest.mark.long)],
)
def test_the_runtimes_activations_are_tensorflows(
    name: str, first_trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = TrainingSet(*cells(10), np.arange(10))
    split = split_model(network(name), first_trained)
    assert split is not None
    given = (split[0], CONTRACT, images, PRESETS["standard"], 5, 2)
    slow = cache_views(*given)
    monkeypatch.setattr("train.trainer.lite_forward.WORTH_IT", 20)  # two views of ten images
    fast = cache_views(*given)
    assert not np.array_equal(fast.features, slow.features)  # it did go another way ...
    np.testing.assert_allclose(fast.features, slow.features, rtol=2e-3, atol=2e-3)  # ... to what half precision keeps
    np.testing.assert_array_equal(fast.targets, slow.targets)
