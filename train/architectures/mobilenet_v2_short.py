"""The first thirteen blocks of MobileNetV2: a quarter of its weights, and still those that ImageNet taught.

A narrow MobileNetV2 (alpha 0.35) has weights of its own, which are another download; the blocks that are left out here
hold three quarters of the whole network's weights, see a map of 4x4 only, and tell dogs from cats rather than dots from
platelets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from train.architectures import Architecture
from train.architectures.layers import with_backbone

if TYPE_CHECKING:
    import keras

_LAST_LAYER = "block_12_add"  # 96 channels at a sixteenth of the input's size


def _build(size: int, alpha: float, weights: str | Path | None, dropout: float) -> keras.Model:
    import keras

    return with_backbone(keras.applications.MobileNetV2, size, weights, dropout, last_layer=_LAST_LAYER, alpha=alpha)


ARCHITECTURE = Architecture(
    name="mobilenet_v2_short",
    summary="0.6 M parameters, a quarter of mobilenet_v2's time, starts from its weights; made the model `fast`",
    size=64,
    build=_build,
    pretrained=True,
    alpha=True,
)
