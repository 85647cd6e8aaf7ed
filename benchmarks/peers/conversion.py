"""The same network in the peers' formats, each conversion in a process of its own, so that a failure is a reason.

Run as ``python -m benchmarks.peers.conversion``; what to make comes as JSON on stdin.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.process import environment, reason
from edge_runtime.core.card import InputContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 17  # the newest that tf2onnx 1.16 knows, and old enough for every runtime here
_SECONDS = 1800


def convert(what: str, **arguments: Any) -> str | None:
    """Make one file in another process.

    Args:
        what: "keras-to-onnx" (source, target), "tflite-to-onnx" (source, target), or "onnx-to-int8" (source, target,
            images, input), where the images calibrate.

    Returns:
        None when it worked, else why not, in a sentence.
    """
    command = [sys.executable, "-m", "benchmarks.peers.conversion"]
    request = json.dumps({"what": what, **arguments})
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"the conversion {what} took more than {_SECONDS} s"
    return reason(done.stderr, done.returncode) if done.returncode else None


def keras_to_onnx(source: str, target: str) -> None:
    """A .keras network as float32 ONNX for one cell at a time; tf2onnx needs the signature spelled out for Keras 3."""
    import keras
    import tensorflow as tf
    import tf2onnx

    model = keras.models.load_model(source, compile=False, safe_mode=True)
    shape = (1, *model.inputs[0].shape[1:])
    signature = (tf.TensorSpec(shape, tf.float32, name="cell"),)
    tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET, output_path=target)


def tflite_to_onnx(source: str, target: str) -> None:
    """A .tflite network as ONNX with the same weights, and the same quantisation as QDQ pairs."""
    import tf2onnx

    tf2onnx.convert.from_tflite(source, opset=OPSET, output_path=target)


def onnx_to_int8(source: str, target: str, images: Sequence[str], contract: InputContract) -> None:
    """Static quantisation by ONNX Runtime: QDQ, activations unsigned, weights signed and by channel, ranges min to max.

    That is what its documentation recommends for convolutional networks on x86-64 with VNNI; the range is calibrated on
    the same images as this program's own int8 file when the run is given.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = f"{target}.prepared"
    # its symbolic shape inference needs SymPy, and a network of fixed shapes needs no symbols
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        target,
        _Reader(images, contract),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    Path(prepared).unlink()


class _Reader:
    """What ONNX Runtime draws its calibration images from: a dictionary at a time, then None."""

    def __init__(self, images: Sequence[str], contract: InputContract) -> None:
        self._left = self._tensors(images, contract)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next image as the network's input."""
        tensor = next(self._left, None)
        return None if tensor is None else {"cell": tensor}

    @staticmethod
    def _tensors(images: Sequence[str], contract: InputContract) -> Iterator[NDArray[np.float32]]:
        from edge_runtime.core.images import load_image
        from edge_runtime.core.preprocess import normalise, resize

        for image in images:
            yield normalise(resize(load_image(Path(image)), contract), contract)[np.newaxis]


def main() -> None:
    """The other process's part."""
    request = json.load(sys.stdin)
    what, source, target = request["what"], request["source"], request["target"]
    if what == "onnx-to-int8":
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in request["input"].items()}
        onnx_to_int8(source, target, request["images"], InputContract(**values))
    else:
        {"keras-to-onnx": keras_to_onnx, "tflite-to-onnx": tflite_to_onnx}[what](source, target)


if __name__ == "__main__":
    main()
