"""The 224x224 network of many tutorials: Conv 32/64/128 with pooling, Flatten, Dense(128), Dropout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture

if TYPE_CHECKING:
    import keras


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    inputs = keras.Input((size, size, 3), name="pixels")
    x = inputs
    for stage, filters in enumerate((32, 64, 128), start=1):
        x = keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv_{stage}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool_{stage}")(x)
    x = keras.layers.Flatten(name="head_flatten")(x)
    x = keras.layers.Dense(128, activation="relu", name="head_dense")(x)
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(1, dtype="float32", name="head_logit")(x), name="cnn_224")


ARCHITECTURE = Architecture(
    name="cnn_224",
    summary="11.2 M parameters; a tutorial classic that can collapse to one class, for comparison",
    size=224,
    build=_build,
)
