"""VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556): large and slow, for comparison with older work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture
from train.architectures.layers import with_backbone

if TYPE_CHECKING:
    import keras


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    return with_backbone(keras.applications.VGG16, size, weights, dropout)


ARCHITECTURE = Architecture(
    name="vgg16",
    summary="14.8 M parameters, about 50 times MobileNetV2's arithmetic; only to compare with older papers",
    size=128,
    build=_build,
    pretrained=True,
    # Its ImageNet weights expect BGR minus the ImageNet mean, unscaled.
    channels="BGR",
    scale=(1.0, 1.0, 1.0),
    offset=(-103.939, -116.779, -123.68),
)
