"""Make the tiny models that lie beside this file, so that the device's tests need no TensorFlow.

    python -m tests.assets.make_models

Each calls a cell parasitized when it is redder than blue: logit = 4 (red - blue), colours in -1..1, 16x16 pixels. Kinds:
"int8" and "float32" (one logit), "sigmoid" (one probability), "softmax" and "logits" (blue, red). "custom" only holds a
custom operator, MatrixDeterminant, whose name is as long as that of what the Edge TPU compiler leaves.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
KINDS = ("int8", "float32", "sigmoid", "softmax", "logits")
SIDE = 16


def convert(kind: str) -> bytes:
    """The flatbuffer of a kind; needs TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    layers = tensorflow.keras.layers
    pixels = tensorflow.keras.Input((SIDE, SIDE, 3), batch_size=1)
    colour = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="copy")(pixels))
    units, activation = {"sigmoid": (1, "sigmoid"), "softmax": (2, "softmax"), "logits": (2, None)}.get(kind, (1, None))
    model = tensorflow.keras.Model(pixels, layers.Dense(units, activation=activation, name="decide")(colour))
    model.get_layer("copy").set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3), np.zeros(3, np.float32)])
    redder = np.array([[4.0], [0.0], [-4.0]], np.float32)
    kernel = redder if units == 1 else np.concatenate([-redder / 2, redder / 2], axis=1)
    model.get_layer("decide").set_weights([kernel, np.zeros(units, np.float32)])
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
    if kind == "int8":
        generator = np.random.default_rng(0)
        plain = [np.full((1, SIDE, SIDE, 3), value, np.float32) for value in (-1, 1)]
        colours = [np.tile(generator.uniform(-1, 1, (1, 1, 1, 3)), (1, SIDE, SIDE, 1)) for _ in range(40)]
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x.astype(np.float32)] for x in plain + colours)
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tensorflow.uint8
        converter.inference_output_type = tensorflow.int8
    return _converted(converter)


def convert_custom() -> bytes:
    """The flatbuffer with the custom operator; needs TensorFlow."""
    import tensorflow

    @tensorflow.function(input_signature=[tensorflow.TensorSpec((1, SIDE, SIDE, 3), tensorflow.float32)])
    def determinant(x: Any) -> Any:
        return tensorflow.linalg.det(x[:, :2, :2, 0])[:, None]

    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([determinant.get_concrete_function()])
    converter.allow_custom_ops = True
    return _converted(converter)


def _converted(converter: Any) -> bytes:
    from train.network.silence import silenced

    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter warns of what is meant
        return bytes(converter.convert())


def read(kind: str) -> bytes:
    """The committed flatbuffer of a kind."""
    return (FOLDER / f"{kind}.tflite").read_bytes()


if __name__ == "__main__":
    for name in KINDS:
        (FOLDER / f"{name}.tflite").write_bytes(convert(name))
    (FOLDER / "custom.tflite").write_bytes(convert_custom())
