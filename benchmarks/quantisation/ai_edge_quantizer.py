"""The other way to an int8 file: ai-edge-quantizer, on the same float model and the same calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convert.gate.attempts import Attempts
from train.network.silence import silenced

if TYPE_CHECKING:
    from convert.quantise.representative import Representative

ALGORITHMS = {"aeq-minmax": "min_max_uniform_quantize", "aeq-octav": "OCTAV", "aeq-mse": "MSE"}


def available() -> bool:
    """Whether ai-edge-quantizer is installed."""
    import importlib.util

    return importlib.util.find_spec("ai_edge_quantizer") is not None


def by_ai_edge_quantizer(attempts: Attempts, algorithm: str, size: int) -> tuple[bytes, Representative | None]:
    """Static int8 weights and activations, with the algorithm of one of :data:`ALGORITHMS`.

    Returns:
        the flatbuffer (float at its two ends, which is what that quantizer makes) and the calibration images.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    from edge_runtime.core.preprocess import normalise

    ours, representative = attempts.quantizer(size)
    assert representative is not None
    images = normalise(attempts.trained.pixels[representative.indices], attempts.trained.run.contract)
    with silenced():
        signatures: dict[str, Any] = Interpreter(model_content=ours.float_flatbuffer).get_signature_list()
        key, signature = next(iter(signatures.items()))
        made = quantizer.Quantizer(ours.float_flatbuffer, recipe.static_wi8_ai8(algorithm_key=ALGORITHMS[algorithm]))
        samples = {key: [{signature["inputs"][0]: image[None]} for image in images]}
        result = made.quantize(made.calibrate(samples, num_threads=1))
    return bytes(result.quantized_model), representative
