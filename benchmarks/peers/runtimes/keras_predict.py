"""Keras ``predict`` on one cell at a time, as most notebooks do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.protocol import About, Job, Peer, TensorPeer

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("tensorflow", "pillow")
THREADS = "intra and inter op parallelism 1"


class KerasPredict(TensorPeer):
    """``model.predict`` builds a data pipeline around every call; that is part of what it costs."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, np.float32)
        self._model = load(job.model)
        import keras

        self.about = About("keras", keras.__version__, THREADS)

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        answer: NDArray[Any] = self._model.predict(tensor, verbose=0)
        return answer


def load(path: str) -> Any:
    """The .keras file, with TensorFlow held to one thread."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    return keras.models.load_model(path, compile=False, safe_mode=True)


def open_peer(job: Job) -> Peer:
    """Load the .keras file."""
    return KerasPredict(job)
