"""Phase 1: the head of a pretrained network learns on features that its frozen backbone gave once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.card import InputContract
from edge_runtime.console import note
from train.part import Part
from train.recipe import Recipe
from train.trunk import look_at

if TYPE_CHECKING:
    import keras


def train_head(model: keras.Model, contract: InputContract, part: Part, recipe: Recipe) -> list[dict[str, Any]]:
    """Phase 1: only the head learns, from features computed once.

    The features are those of one augmented look at every image: the head is only to become sensible before the
    backbone is let loose, so a fresh look each epoch would not pay for its forward pass.
    """
    import keras

    trunk = keras.Model(model.input, model.get_layer("head_pool").output)
    trainable = [layer for layer in model.layers if layer.name.startswith("head") and layer.name != "head_pool"]
    features_in = keras.Input(trunk.output.shape[1:])
    x = features_in
    for layer in trainable:
        x = layer(x)
    head = keras.Model(features_in, x)

    started = time.monotonic()
    looks = look_at(trunk, contract, part.pixels, part.targets, part.rows, recipe.augmentation, recipe.seed)
    features, targets = looks.batch(0, np.arange(len(part.rows)))
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    head.compile(keras.optimizers.Adam(recipe.head_rate), loss)
    rows = []
    for epoch in range(recipe.head_epochs):
        order = np.random.default_rng((recipe.seed, 1, epoch)).permutation(len(features))
        keras.utils.set_random_seed(recipe.seed + epoch)
        fitted = head.fit(features[order], targets[order], batch_size=recipe.batch, shuffle=False, verbose=0)
        rows.append(
            {"phase": 1, "epoch": epoch + 1, "loss": float(fitted.history["loss"][0]), "val_loss": None,
             "val_auc": None, "called": None, "rate": recipe.head_rate, "seconds": round(time.monotonic() - started, 2)}
        )  # fmt: skip
        note(f"head {epoch + 1}/{recipe.head_epochs}: loss {rows[-1]['loss']:.4f}, {rows[-1]['seconds']:.0f} s")
        started = time.monotonic()
    return rows
