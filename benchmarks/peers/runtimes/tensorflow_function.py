"""The Keras network as one compiled TensorFlow graph: the quickest that TensorFlow itself offers for one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.protocol import About, Job, Peer, TensorPeer
from benchmarks.peers.runtimes.keras_predict import THREADS, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("tensorflow", "pillow")


class TensorFlowFunction(TensorPeer):
    """``tf.function`` of the forward pass, traced once for a single cell."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, np.float32)
        model = load(job.model)
        import tensorflow as tf

        shape = (1, job.input.height, job.input.width, 3)
        self._forward = tf.function(
            lambda pixels: model(pixels, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)]
        )
        self._tensor = tf.constant
        self.about = About("tensorflow", tf.__version__, THREADS)

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        answer: NDArray[Any] = self._forward(self._tensor(tensor)).numpy()
        return answer


def open_peer(job: Job) -> Peer:
    """Load the .keras file and trace it."""
    return TensorFlowFunction(job)
