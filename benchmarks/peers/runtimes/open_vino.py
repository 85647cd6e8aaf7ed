"""OpenVINO on the CPU: reads .tflite and .onnx files as they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks.peers.protocol import About, Job, Peer, TensorPeer

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("openvino", "pillow")
_OPTIONS = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}


class OpenVino(TensorPeer):
    """One inference request, one stream, one thread."""

    def __init__(self, job: Job) -> None:
        # OpenVINO reports its use to its makers unless this package is missing; a benchmark reports nothing
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(job.model), "CPU", _OPTIONS)
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)
        self.about = About("openvino", openvino.__version__.partition("-")[0], "INFERENCE_NUM_THREADS=1, NUM_STREAMS=1")
        super().__init__(job, compiled.input(0).element_type.to_dtype())

    def infer(self, tensor: NDArray[Any]) -> NDArray[Any]:
        answer: NDArray[Any] = self._request.infer({0: tensor}, share_inputs=True)[self._output]
        return answer


def open_peer(job: Job) -> Peer:
    """Load the .tflite or .onnx file."""
    return OpenVino(job)
