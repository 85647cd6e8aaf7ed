"""Converting: every recipe keeps the logits, ranges and biases come out right, and files are as small as they can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.gate.attempts import ConversionSettings
from convert.graph.edit import compacted, pack, unpack
from convert.graph.operators import pair_operators
from convert.quantise.activation_ranges import METHODS, ActivationCalibration
from convert.quantise.bias_correction import corrected
from convert.quantise.quantizer import Quantizer
from convert.quantise.recipes import RECIPES, find
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import LABELS, Card, InputContract
from edge_runtime.core.model_file import ModelFile
from edge_runtime.core.preprocess import normalise
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.graph import read_graph


def device_logits(attempts, flatbuffer: bytes) -> np.ndarray:
    """What a converted model says to the held-out cells."""
    card = Card(input=attempts.trained.run.contract)
    return attempts.gate.held_out.logits(ModelFile(Path("made.tflite"), flatbuffer, card, LABELS, "0" * 64))


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [("minmax", -10.0, 10.0), ("percentile", -1.1, 1.1), ("mse", -7.0, 7.0)],
)
def test_ranges_of_a_distribution_with_far_outliers(method: str, low: float, high: float) -> None:
    """A million values within 1, a few at 10: which ones count is the method's business."""
    edges = np.linspace(-10, 10, 2049)
    counts = np.where(np.abs((edges[:-1] + edges[1:]) / 2) < 1, 5000, 0)
    counts[[0, -1]] = 5
    found = METHODS[method](counts, edges)
    assert low <= found[0] <= -0.95
    assert 0.95 <= found[1] <= high


def test_the_input_range_is_that_of_all_pixels_whatever_the_images(attempts) -> None:
    quantizer, _ = attempts.quantizer(None)
    grey = np.zeros((2, 32, 32, 3), np.float32)
    calibration = ActivationCalibration(quantizer.float_flatbuffer, grey, attempts.trained.run.contract)
    ranges = calibration.ranges("minmax")
    assert ranges[read_graph(quantizer.float_flatbuffer).inputs[0]] == pytest.approx((-1.0, 1.0))
    assert all(low <= 0 <= high for low, high in ranges.values())


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "int8-mixed"])
def test_every_recipe_gives_nearly_the_float_logits(attempts, name: str) -> None:
    recipe = find(name)
    quantizer, _ = attempts.quantizer(60 if recipe.calibrated else None)
    flatbuffer = quantizer.convert(recipe)
    graph = read_graph(flatbuffer)
    ends = {graph.tensors[number].dtype for number in (*graph.inputs, *graph.outputs)}
    assert ends == {recipe.io}
    assert graph.tensors[graph.inputs[0]].signature == (1, 32, 32, 3)
    wanted = attempts.gate.held_out.reference.logits
    logits = device_logits(attempts, flatbuffer)
    tolerance = 1e-3 if recipe.weights == "float32" else 0.05 * np.ptp(wanted)
    assert np.abs(logits - wanted).max() < tolerance


def test_the_uint8_input_is_nearly_the_pixel_and_dense_weights_have_one_scale(int8_attempt) -> None:
    graph = read_graph(int8_attempt.flatbuffer)
    tensor = graph.tensors[graph.inputs[0]]
    assert tensor.dtype == "uint8"
    assert tensor.scales[0] == pytest.approx(1 / 127.5, rel=1e-6)
    dense = [graph.tensors[o.inputs[1]] for o in graph.operators if o.name == "FULLY_CONNECTED"]
    assert [len(weights.scales) for weights in dense] == [1, 1]


def test_operators_named_stay_in_float(attempts) -> None:
    quantizer, _ = attempts.quantizer(60)
    original = read_graph(quantizer.float_flatbuffer)
    name = original.tensors[original.operators[2].outputs[0]].name
    graph = read_graph(quantizer.convert(find("int8-mixed"), keep_float=(name,)))
    pairs = {theirs: ours for ours, theirs in pair_operators(graph, original)}
    kinds = [graph.tensors[graph.operators[pairs[i]].outputs[0]].dtype for i in (0, 2, 4)]
    assert kinds == ["int8", "float32", "int8"]
    assert graph.tensors[graph.inputs[0]].dtype == "uint8"


def test_bias_correction_brings_channel_means_back(attempts) -> None:
    quantizer, representative = attempts.quantizer(60)
    real = normalise(attempts.trained.pixels[representative.indices], attempts.trained.run.contract)

    def shift(correct: bool) -> float:
        flatbuffer = quantizer.convert(find("int8"), correct_bias=correct)
        logits = device_logits(attempts, flatbuffer)
        return abs(float(np.mean(logits - attempts.gate.held_out.reference.logits)))

    assert len(real) == 60
    assert shift(correct=True) <= shift(correct=False)


def test_bias_correction_refuses_another_model(attempts, int8_attempt) -> None:
    quantizer, _ = attempts.quantizer(60)
    with pytest.raises(BadModel, match="not made from this run"):
        corrected(_without_last_operator(int8_attempt.flatbuffer), quantizer.float_flatbuffer, np.zeros((1, 32, 32, 3)))


def _without_last_operator(flatbuffer: bytes) -> bytes:
    model = unpack(flatbuffer)
    model.subgraphs[0].operators = model.subgraphs[0].operators[:-2]
    return pack(model)


def test_a_compacted_file_says_the_same_in_less(attempts, int8_attempt) -> None:
    plain = pack(unpack(int8_attempt.flatbuffer))
    small = compacted(plain)
    assert len(small) < len(plain) - 1500
    assert read_graph(small) == read_graph(plain)
    before, after = open_interpreter(plain), open_interpreter(small)
    pixels = np.ascontiguousarray(attempts.trained.pixels[:1])
    assert np.array_equal(before.run(pixels), after.run(pixels))


def test_the_same_order_gives_the_same_bytes(attempts, int8_attempt) -> None:
    quantizer, _ = attempts.quantizer(120)
    assert quantizer.convert(find("int8"), correct_bias=True) == int8_attempt.flatbuffer


def test_half_precision_runs_are_converted_in_float32() -> None:
    keras = pytest.importorskip("keras")
    from convert.quantise.trained_model import in_float32

    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        pixels = keras.Input((8, 8, 3))
        hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(pixels))
        half = keras.Model(pixels, keras.layers.Dense(1, dtype="float32")(hidden))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    whole = in_float32(half)
    assert {layer.compute_dtype for layer in whole.layers} == {"float32"}
    assert all(np.array_equal(a, b) for a, b in zip(half.get_weights(), whole.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("recipe", "method", "message"),
    [("int8", "minmax", "needs calibration"), ("float32", "entropy", "there are minmax")],
)
def test_wrong_orders(recipe: str, method: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        Quantizer(None, InputContract()).convert(find(recipe), method)


def test_settings_put_on_the_card_what_applies() -> None:
    assert ConversionSettings(find("float16")).to_json() == {"recipe": "float16"}
    assert ConversionSettings(find("int8"), "mse", 90).to_json() == {
        "recipe": "int8", "calibration_size": 90, "bias_correction": True, "calibration_method": "mse",
    }  # fmt: skip
