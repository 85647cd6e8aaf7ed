"""ONNX Runtime on the CPU: a float network, or one quantised in the QDQ form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.protocol import About, Job, Peer, TensorPeer

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("onnxruntime", "pillow")
_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}


class OnnxRuntime(TensorPeer):
    """One session, graph optimisations on (the default), one thread."""

    def __init__(self, job: Job) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(job.model, options, providers=["CPUExecutionProvider"])
        taken = self._session.get_inputs()[0]
        self._name = taken.name
        self.about = About("onnxruntime", onnxruntime.__version__, "intra_op_num_threads=1, inter_op_num_threads=1")
        super().__init__(job, _TYPES[taken.type])

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        answer: NDArray[Any] = self._session.run(None, {self._name: tensor})[0]
        return answer


def open_peer(job: Job) -> Peer:
    """Load the .onnx file."""
    return OnnxRuntime(job)
