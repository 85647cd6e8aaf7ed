"""ResNet-50 (He et al. 2016, arXiv:1512.03385): the network behind the published patient-level figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture
from train.architectures.layers import with_backbone

if TYPE_CHECKING:
    import keras


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    return with_backbone(keras.applications.ResNet50, size, weights, dropout)


ARCHITECTURE = Architecture(
    name="resnet50",
    summary="23.8 M parameters, about 13 times MobileNetV2's arithmetic; a teacher or a comparison, too slow for a Pi",
    size=128,
    build=_build,
    pretrained=True,
    channels="BGR",
    scale=(1.0, 1.0, 1.0),
    offset=(-103.939, -116.779, -123.68),
)
