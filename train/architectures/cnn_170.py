"""The 170x170 network of many tutorials: two convolutions with pooling, Dense(128)."""

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
    for stage, filters in enumerate((32, 64), start=1):
        x = keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv_{stage}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool_{stage}")(x)
    x = keras.layers.Flatten(name="head_flatten")(x)
    x = keras.layers.Dense(128, activation="relu", name="head_dense")(x)
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(1, dtype="float32", name="head_logit")(x), name="cnn_170")


ARCHITECTURE = Architecture(
    name="cnn_170",
    summary="13.8 M parameters, nearly all in one dense layer; a tutorial classic, for comparison",
    size=170,
    build=_build,
)
