"""The floor: the TFLite runtime called directly with tensors that were made before, as short as such a loop can be."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.harness.bare import Bare
from benchmarks.peers.protocol import About, Answer, Job, Peer, TensorPeer
from edge_runtime.core.backends import BACKENDS
from edge_runtime.core.model_file import read_model_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("ai-edge-litert", "pillow")


class LiteRTLoop(TensorPeer):
    """Pillow's resize, then set_tensor, invoke, get_tensor.

    The resized pixels are dropped and a tensor made beforehand is run, because mapping pixels to the tensor's own
    scale is a program's work and not part of the floor.
    """

    def __init__(self, job: Job, backend: str) -> None:
        self._bare = Bare(backend, read_model_file(job.model).flatbuffer, 1)
        super().__init__(job, self._bare.input["dtype"])
        self._tensors: list[NDArray[Any]] = []
        self.about = About(backend, metadata.version(backend.replace("_", "-")), "num_threads=1")

    def take(self, images: Sequence[NDArray[np.uint8]]) -> None:
        super().take(images)
        self._tensors = [self.prepare(image) for image in images]

    def answer(self, number: int) -> Answer:
        size = (self.job.input.width, self.job.input.height)
        image = self.images[number]
        if (image.shape[1], image.shape[0]) != size:
            np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        return self.timed(self._tensors[number])

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        return self._bare.run(tensor)


def open_peer(job: Job) -> Peer:
    """Load the model into the back end that this program would use."""
    return LiteRTLoop(job, next(name for name in BACKENDS if find_spec(name) is not None))
