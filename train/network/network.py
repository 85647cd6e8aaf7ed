"""Which network to build, and from which weights."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.core.card import InputContract
from edge_runtime.errors import WrongUsage
from train.architectures import Architecture, find

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Network:
    """Which network to build: family, input size in pixels, width multiplier, starting weights."""

    arch: str = "mobilenet_v2"
    size: int | None = None
    alpha: float = 1.0
    weights: str | None = "imagenet"

    @property
    def family(self) -> Architecture:
        """The family of networks."""
        return find(self.arch)

    @property
    def contract(self) -> InputContract:
        """Its input contract at the size asked for."""
        return self.family.contract(self.size or self.family.size)

    @property
    def pretrained(self) -> bool:
        """Whether training starts from learned weights."""
        return self.family.pretrained and self.weights is not None

    def settled(self) -> Network:
        """The same with the whole path of its weights file, for a run may go on from another folder.

        Raises:
            WrongUsage: no such file, or a network that takes none.
        """
        if self.weights in (None, "imagenet"):
            return self
        if not self.family.pretrained:
            raise WrongUsage(
                f"{self.arch} learns from nothing and takes no weights; leave out --weights {self.weights}."
            )
        if not Path(self.weights).is_file():
            raise WrongUsage(f"There is no weights file {self.weights}.")
        return replace(self, weights=os.path.abspath(self.weights))

    def build(self, dropout: float) -> keras.Model:
        """A fresh model."""
        return self.family.build(self.size or self.family.size, self.alpha, self.weights, dropout)
