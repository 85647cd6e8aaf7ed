"""Network families: each is one small file that registers an :class:`Architecture`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.core.card import InputContract
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    import keras

NAMES = ("mobilenet_v2", "mobilenet_v2_short", "vgg16", "resnet50", "cnn_128", "cnn_170", "cnn_224")


@dataclass(frozen=True)
class Architecture:
    """One family of networks.

    Attributes:
        name: what ``--arch`` takes.
        summary: size, cost and when to choose it, one line.
        size: default height and width of the input, pixels.
        build: ``build(size, alpha, weights, dropout)`` returns a Keras model from normalised float32
            [n, size, size, 3] to the logit [n, 1]; layers of the head have names that start with ``head``.
        pretrained: whether ImageNet weights exist for it, so that phase 1 (frozen backbone) makes sense.
        alpha: whether the width multiplier applies.
        channels, scale, offset: the normalisation its pretrained weights expect (see InputContract).
    """

    name: str
    summary: str
    size: int
    build: Callable[[int, float, str | Path | None, float], keras.Model]
    pretrained: bool = False
    alpha: bool = False
    channels: str = "RGB"
    scale: tuple[float, float, float] = (1 / 127.5,) * 3
    offset: tuple[float, float, float] = (-1.0,) * 3

    def contract(self, size: int) -> InputContract:
        """The input contract of this family at ``size`` pixels."""
        return InputContract(height=size, width=size, channels=self.channels, scale=self.scale, offset=self.offset)


def find(name: str) -> Architecture:
    """The family of that name.

    Raises:
        WrongUsage: no such family.
    """
    if name not in NAMES:
        raise WrongUsage(f'Unknown architecture "{name}"; there are {", ".join(NAMES)}.')
    module = importlib.import_module(f"train.architectures.{name}")
    return module.ARCHITECTURE  # type: ignore[no-any-return]
