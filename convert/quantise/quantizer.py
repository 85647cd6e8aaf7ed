"""A Keras model to the bytes of a TFLite flatbuffer, by any recipe, without a line on the screen."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convert.graph.edit import compacted
from convert.quantise.activation_ranges import METHODS, ActivationCalibration
from convert.quantise.bias_correction import corrected
from convert.quantise.recipes import QuantisationRecipe
from edge_runtime.core.card import InputContract
from edge_runtime.errors import BadModel, ThinsmearError, WrongUsage
from train.network.silence import silenced

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

_DENSE_SWITCH = "_experimental_disable_per_channel_quantization_for_dense_layers"


class Quantizer:
    """Converts one trained model; what recipes share (the float graph, the calibration runs) is made once.

    Attributes:
        contract: the model's input contract.
    """

    def __init__(
        self, model: keras.Model, contract: InputContract, representative: NDArray[np.float32] | None = None
    ) -> None:
        """Take a model.

        Args:
            model: from float32 [n, H, W, 3], normalised, to the logit [n, 1].
            contract: its input contract.
            representative: float32 [k, H, W, 3], normalised; needed by recipes that are calibrated.
        """
        self.contract = contract
        self._model = model
        self._representative = representative
        self._float: bytes | None = None

    @property
    def float_flatbuffer(self) -> bytes:
        """The model in float32 with a fixed batch of 1, which every other form is made from or measured against."""
        if self._float is None:
            self._float = self._run(self._converter())
        return self._float

    def share(self, other: Quantizer) -> None:
        """Take over the float model of another quantizer of the same network, which takes seconds to make."""
        self._float = self._float or other._float

    def convert(
        self,
        recipe: QuantisationRecipe,
        method: str = "minmax",
        correct_bias: bool = False,
        keep_float: Sequence[str] = (),
    ) -> bytes:
        """Convert by a recipe.

        Args:
            recipe: see :mod:`convert.quantise.recipes`.
            method: how activation ranges are taken, a name of
                :data:`convert.quantise.activation_ranges.METHODS`; int8 activations only.
            correct_bias: shift biases so that mean activations equal the float model's; int8 weights only.
            keep_float: output tensors of operators that stay in float, for mixed recipes.

        Returns:
            the flatbuffer, batch 1.

        Raises:
            WrongUsage: an unknown method, or no representative images for a recipe that needs them.
            ThinsmearError: TensorFlow cannot convert the model.
        """
        if method not in METHODS:
            raise WrongUsage(f"There is no calibration method {method!r}; there are {', '.join(METHODS)}.")
        if recipe.calibrated and self._representative is None:
            raise WrongUsage(f"The recipe {recipe.name} needs calibration images.")
        if recipe.weights == "float32":
            return compacted(self.float_flatbuffer)
        if recipe.activations == "int8":
            converted = self._quantise(method, keep_float)
        else:
            converted = self._run(self._by_weights(recipe))
        if correct_bias and recipe.weights == "int8":
            assert self._representative is not None
            converted = corrected(converted, self.float_flatbuffer, self._representative)
        if recipe.io in ("int8", "uint8"):
            converted = _with_io(converted, recipe.io)
        return compacted(converted)

    @cached_property
    def _calibration(self) -> ActivationCalibration:
        assert self._representative is not None
        return ActivationCalibration(self.float_flatbuffer, self._representative, self.contract)

    def _quantise(self, method: str, keep_float: Sequence[str]) -> bytes:
        annotated = self._calibration.annotated(method)
        with silenced():
            from tensorflow.lite.python.convert import mlir_quantize

            # Float ends for now, so that the same steps serve int8, uint8 and mixed models; _with_io replaces them.
            options: dict[str, Any] = {"fully_quantize": False}
            if keep_float:
                options["denylisted_nodes"] = list(keep_float)
            if "disable_per_channel_for_dense_layers" in inspect.signature(inspect.unwrap(mlir_quantize)).parameters:
                options["disable_per_channel_for_dense_layers"] = True
            try:
                return bytes(mlir_quantize(annotated, **options))
            except Exception as error:  # TensorFlow raises its own and plain ones
                raise _refused(error) from error

    def _by_weights(self, recipe: QuantisationRecipe) -> Any:
        import tensorflow as tf

        converter = self._converter()
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if recipe.activations == "int16":
            images = self._representative
            assert images is not None

            def representative() -> Iterator[list[NDArray[np.float32]]]:
                for i in range(len(images)):
                    yield [images[i : i + 1]]

            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            ]
            converter.inference_input_type = converter.inference_output_type = tf.int16
        if hasattr(converter, _DENSE_SWITCH):
            setattr(converter, _DENSE_SWITCH, True)
        return converter

    def _converter(self) -> Any:
        with silenced():
            import keras
            import tensorflow as tf

            shape = (1, self.contract.height, self.contract.width, 3)
            pixels = keras.Input(batch_shape=shape, dtype="float32", name="pixels")
            static = keras.Model(pixels, self._model(pixels, training=False), name="thinsmear")
            return tf.lite.TFLiteConverter.from_keras_model(static)

    def _run(self, converter: Any) -> bytes:
        with silenced():
            try:
                return bytes(converter.convert())
            except Exception as error:  # TensorFlow raises its own and plain ones
                raise _refused(error) from error


def _with_io(flatbuffer: bytes, io: str) -> bytes:
    """Replace float ends that are only cast to int8 inside; the ends of a mixed model that compute in float stay."""
    from edge_runtime.inspection.graph import read_graph

    graph = read_graph(flatbuffer)
    readers = [operator.name for operator in graph.operators if set(operator.inputs) & set(graph.inputs)]
    writers = [operator.name for operator in graph.operators if set(operator.outputs) & set(graph.outputs)]
    with silenced():
        import tensorflow as tf
        from tensorflow.lite.python.util import modify_model_io_type

        kind = getattr(tf, io)
        first = kind if readers == ["QUANTIZE"] else tf.float32
        last = kind if writers == ["DEQUANTIZE"] else tf.float32
        return bytes(modify_model_io_type(flatbuffer, first, last))


def _refused(error: Exception) -> ThinsmearError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return BadModel(
        f"TensorFlow cannot convert the model: {lines[0] if lines else type(error).__name__}. Try the recipe float32 "
        "to see whether the network or its quantisation is the cause."
    )
