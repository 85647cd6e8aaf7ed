"""First-layer feature maps: what the network's first filters make of a cell (edges, stains, dots)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import normalise
from edge_runtime.errors import WrongUsage
from train.explain.gradcam import is_rectified, layers_with_maps

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray


class FirstMaps:
    """The maps behind the activation function of a network's first convolution.

    Attributes:
        layer: name of the layer they come from.
    """

    def __init__(self, model: keras.Model, contract: InputContract) -> None:
        """Find the layer.

        Raises:
            WrongUsage: the network has no convolution.
        """
        import keras

        layers = list(layers_with_maps(model).values())
        first = next((i for i, layer in enumerate(layers) if isinstance(layer, keras.layers.Conv2D)), None)
        if first is None:
            raise WrongUsage("This network has no convolution, so there are no feature maps; use another --method.")
        chosen = next((layer for layer in layers[first:] if is_rectified(layer)), layers[first])
        self.layer: str = chosen.name
        self._contract = contract
        self._maps = keras.Model(model.inputs[0], chosen.output)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 [rows, columns, channels] for one image, uint8 [h, w, 3] RGB at the model's size."""
        maps = self._maps(normalise(pixels[np.newaxis], self._contract), training=False)
        return np.asarray(maps, np.float32)[0]
