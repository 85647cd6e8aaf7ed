"""The classic two-phase recipe, once as tutorials write it and once our way, on the same cells in one run.

The recipe: a frozen ImageNet MobileNetV2 at 128x128 with a head of Dense(128) and Dropout, Adam at 1e-3; then its last
20 layers too, Adam at 1e-4; flips; batches of 32. Tutorials feed it from an image generator that decodes, resizes and
flips file after file every epoch, and pass every image through the whole network every epoch.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.console import note
from train.data.dataset import Cells

if TYPE_CHECKING:
    import keras

    from train.network.network import Network
    from train.trainer.recipe import Recipe

LAST_LAYERS = 20


@dataclass(frozen=True)
class Timed:
    """One training: name, seconds from files to the trained model, AUC and accuracy on the test patients."""

    name: str
    seconds: float
    test_auc: float | None
    test_accuracy: float


def classic_recipe(head_epochs: int, epochs: int, seed: int) -> Recipe:
    """The recipe both ways follow."""
    from train.trainer.augment import PRESETS
    from train.trainer.recipe import Recipe

    return Recipe(
        head_epochs=head_epochs,
        epochs=epochs,
        rate=1e-4,
        warmup=0.0,
        last_layers=LAST_LAYERS,
        looks=min(2, epochs),  # of the four that a cell mirrored in two directions has: the aim is an AUC, not the best
        weight_decay=0.0,
        label_smoothing=0.0,
        ema=0.0,
        patience=epochs,
        seed=seed,
        augmentation=PRESETS["flips"],
    )


def compare(
    cells: Cells, parts: np.ndarray, network: Network, recipe: Recipe, work: Path, recommended: Recipe | None = None
) -> list[Timed]:
    """Train both ways, and the recommended recipe if asked to.

    Args:
        cells: labelled cells.
        parts: str [n], "train", "val" or "test"; the generator's way needs no "val".
        network: which network, with its starting weights.
        recipe: see :func:`classic_recipe`.
        work: an empty folder for caches and links.
        recommended: timed as well, from files to model.

    Returns:
        The generator's way first.
    """
    results = [
        _timed("image generator, every layer every epoch", _by_generator, cells, parts, network, recipe, work),
        _timed("thinsmear, same recipe", _our_way, cells, parts, network, recipe, work / "cache"),
    ]
    if recommended is not None:
        results.append(
            _timed("thinsmear, recommended recipe", _our_way, cells, parts, network, recommended, work / "cache2")
        )
    return results


def _timed(name: str, train: Any, cells: Cells, parts: np.ndarray, network: Network, *rest: Any) -> Timed:
    from train.data.cache import load_pixels
    from train.metrics.metrics import auc
    from train.network.keras_logits import keras_logits

    note(f"{name} ...")
    started = time.monotonic()
    model = train(cells, parts, network, *rest)
    seconds = time.monotonic() - started
    test = cells.subset(np.flatnonzero(parts == "test"))
    logits = keras_logits(model, network.contract, load_pixels(test, network.contract, None))
    timed = Timed(name, round(seconds, 1), auc(test.labels, logits), float(((logits > 0) == (test.labels == 1)).mean()))
    note(f"{name}: {timed.seconds:.0f} s")
    return timed


def _our_way(cells: Cells, parts: np.ndarray, network: Network, recipe: Recipe, cache: Path) -> keras.Model:
    import keras

    from train.data.cache import load_pixels
    from train.trainer.training_set import TrainingSet, Untrained
    from train.trainer.two_phase import train_two_phases

    keras.utils.set_random_seed(recipe.seed)
    used = cells.subset(np.flatnonzero(parts != "test"))
    used_parts = parts[parts != "test"]
    pixels = load_pixels(used, network.contract, cache)
    targets = used.labels.astype(np.float32)
    training, validation = (
        TrainingSet(pixels, targets, np.flatnonzero(used_parts == part)) for part in ("train", "val")
    )
    fresh = Untrained(network.build(recipe.dropout), network.contract, True)
    return train_two_phases(fresh, training, validation, recipe).model


def _by_generator(cells: Cells, parts: np.ndarray, network: Network, recipe: Recipe, work: Path) -> keras.Model:
    import keras
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    from train.trainer.frozen_layers import choose_trainable

    keras.utils.set_random_seed(recipe.seed)
    contract = network.contract
    for i in np.flatnonzero(parts == "train"):
        # the generator passes over endings it does not know (.webp), but reads what is behind the name
        link = work / "train" / str(int(cells.labels[i])) / f"{i}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(Path(cells.root, cells.paths[i]).absolute(), link)
    generator = ImageDataGenerator(
        horizontal_flip=recipe.augmentation.flips,
        vertical_flip=recipe.augmentation.flips,
        preprocessing_function=lambda pixels: pixels * np.array(contract.scale) + np.array(contract.offset),
    )
    with contextlib.redirect_stdout(sys.stderr):  # the generator prints what it found
        flow = generator.flow_from_directory(
            str(work / "train"),
            target_size=(contract.height, contract.width),
            class_mode="binary",
            batch_size=recipe.batch,
            seed=recipe.seed,
        )
    model = network.build(recipe.dropout)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    for layer in model.layers:
        layer.trainable = layer.name.startswith("head")
    model.compile(keras.optimizers.Adam(recipe.head_rate), loss)
    model.fit(flow, epochs=recipe.head_epochs, verbose=0)
    choose_trainable(model, recipe.last_layers, pretrained=True)
    model.compile(keras.optimizers.Adam(recipe.rate), loss)
    model.fit(flow, epochs=recipe.epochs, verbose=0)
    return model


def document(results: list[Timed], network: Network, recipe: Recipe, counts: dict[str, int]) -> dict[str, Any]:
    """The comparison as JSON; ``speedup`` is the ratio of the first two."""
    return {
        "benchmark": "training",
        "network": asdict(network),
        "recipe": asdict(recipe),
        "cells": counts,
        "results": [asdict(result) for result in results],
        "speedup": round(results[0].seconds / results[1].seconds, 2),
    }


def patients_apart(cells: Cells, seed: int) -> np.ndarray:
    """Parts of the usual split by patient."""
    from train.data.splits import split_cells

    return split_cells(cells, seed=seed).parts


def shortened(cells: Cells, parts: np.ndarray, most: int, seed: int) -> tuple[Cells, np.ndarray]:
    """A random part of the cells, for a quick look."""
    if len(cells) <= most:
        return cells, parts
    rows = np.sort(np.random.default_rng(seed).permutation(len(cells))[:most])
    return cells.subset(rows), parts[rows]


def usual_recipe(seed: int) -> Recipe:
    """What ``thinsmear train`` does when nothing else is asked for."""
    from train.trainer.recipe import Recipe

    return replace(Recipe(), seed=seed)
