"""A plain convolutional network for 128x128 with batch normalisation: small, trained from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture
from train.architectures.layers import head

if TYPE_CHECKING:
    import keras


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    inputs = keras.Input((size, size, 3), name="pixels")
    x = inputs
    for stage, filters in enumerate((16, 32, 64, 96), start=1):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{stage}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"bn_{stage}")(x)
        x = keras.layers.ReLU(name=f"relu_{stage}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool_{stage}")(x)
    return keras.Model(inputs, head(x, dropout, units=64), name="cnn_128")


ARCHITECTURE = Architecture(
    name="cnn_128",
    summary="0.09 M parameters, trained from nothing in minutes; for demonstrations and very small devices",
    size=128,
    build=_build,
)
