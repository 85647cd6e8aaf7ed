"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): the default, made for small devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture
from train.architectures.layers import with_backbone

if TYPE_CHECKING:
    import keras


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    return with_backbone(keras.applications.MobileNetV2, size, weights, dropout, alpha=alpha)


ARCHITECTURE = Architecture(
    name="mobilenet_v2",
    summary="2.4 M parameters at --alpha 1.0, 0.6 M at 0.35; the most accurate on a Pi; the default",
    size=128,
    build=_build,
    pretrained=True,
    alpha=True,
)
