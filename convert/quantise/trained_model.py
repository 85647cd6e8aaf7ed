"""What a conversion starts from: a finished run, its network in float32 and the pixels of its images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.quantise.representative import choose
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage
from train.data.cache import default_cache, load_pixels
from train.runs.run import Run

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainedModel:
    """A finished run; its network and its pixels are read when first asked for.

    Attributes:
        run: the run.
    """

    run: Run

    @cached_property
    def network(self) -> keras.Model:
        """From float32 [n, H, W, 3], normalised, to the logit [n, 1]; float32 also when trained in half precision."""
        return in_float32(self.run.model())

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [n, H, W, 3] of all images of the run.

        Raises:
            BadData: the images are not those the run was trained on.
        """
        try:
            changed = self.run.cells.fingerprint != self.run.config["data"]["fingerprint"]
        except BadData as error:
            raise BadData(f"{error} If the run's images have moved, say where they are with --data.") from error
        if changed:
            raise BadData(
                f"The images under {self.run.cells.root} are not those {self.run.path} was trained on (their "
                "fingerprint differs); give the original folder with --data."
            )
        cache = self.run.config.get("cache")
        folder = Path(cache) if cache is not None and os.access(cache, os.W_OK) else default_cache()
        return load_pixels(self.run.cells, self.run.contract, folder)

    def test_images(self, size: int, seed: int) -> NDArray[np.uint8]:
        """uint8 [k, H, W, 3] of so many test images, of both classes and all patients alike."""
        cells = self.run.cells
        return self.pixels[choose(cells.labels, cells.patients, self.run.parts, size, seed, part="test")]


def open_trained_model(run: Path, data: Path | None) -> TrainedModel:
    """A run's model, with TensorFlow up.

    Args:
        data: where the run's images lie now, when they have moved.

    Raises:
        WrongUsage: no run, or its training has not finished.
        BadData: the run is damaged.
        EnvironmentLacks: no TensorFlow.
    """
    from train.network.tensorflow_setup import require_tensorflow

    opened = Run.open(run, data)
    if not opened.finished:
        raise WrongUsage(f"{printable(run)} holds no model yet; continue with `thinsmear train --resume`.")
    require_tensorflow()
    return TrainedModel(opened)


def in_float32(model: keras.Model) -> keras.Model:
    """The same network with every layer computing in float32."""
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    import keras

    copy = keras.Model.from_config(_without_half(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _without_half(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return {**value, "config": {**value["config"], "name": "float32"}}
        return {key: _without_half(item) for key, item in value.items()}
    return [_without_half(item) for item in value] if isinstance(value, (list, tuple)) else value
