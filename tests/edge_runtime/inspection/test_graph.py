"""The graph of a model file, read without a runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_runtime.core.backends import open_interpreter
from edge_runtime.errors import BadModel
from edge_runtime.inspection.graph import OPERATOR_NAMES, read_graph
from tests.fakes.graphs import with_operator_number

Models = Callable[[str], bytes]


@pytest.mark.parametrize("kind", ["int8", "float32", "softmax"])
def test_input_and_output_agree_with_the_runtime(kind: str, flatbuffer_of: Models) -> None:
    graph, interpreter = read_graph(flatbuffer_of(kind)), open_interpreter(flatbuffer_of(kind))
    for numbers, tensor in ((graph.inputs, interpreter.input), (graph.outputs, interpreter.output)):
        (number,) = numbers
        own = graph.tensors[number]
        assert (own.name, own.shape, own.dtype) == (tensor.name, tensor.shape, str(tensor.dtype))
        assert own.scales == ((pytest.approx(tensor.scale),) if tensor.scale else ())
        assert own.zero_points == ((tensor.zero_point,) if tensor.scale else ())


@pytest.mark.parametrize("kind, last", [("int8", "FULLY_CONNECTED"), ("sigmoid", "LOGISTIC"), ("softmax", "SOFTMAX")])
def test_operators_stand_in_order(kind: str, last: str, flatbuffer_of: Models) -> None:
    operators = read_graph(flatbuffer_of(kind)).operators
    assert "CONV_2D" in [operator.name for operator in operators]
    assert operators[-1].name == last and operators[-1].version >= 1 and not operators[-1].custom


def test_weights_are_measured(flatbuffer_of: Models) -> None:
    graph = read_graph(flatbuffer_of("float32"))
    convolution = next(operator for operator in graph.operators if operator.name == "CONV_2D")
    weights = graph.tensors[convolution.inputs[1]]
    assert weights.shape == (3, 1, 1, 3) and weights.constant_bytes == 9 * 4


def test_operator_names_are_those_of_the_schema() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="the schema comes with LiteRT")
    numbers = {name: value for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    for name, value in numbers.items():
        if value < len(OPERATOR_NAMES):
            assert OPERATOR_NAMES[value] == name
    assert OPERATOR_NAMES[3] == "CONV_2D"


def test_an_operator_of_a_newer_schema_is_named_by_its_number(flatbuffer_of: Models) -> None:
    newer = read_graph(with_operator_number(flatbuffer_of("int8"), "FULLY_CONNECTED", 4321))
    assert [operator.name for operator in newer.operators if not operator.known] == ["UNKNOWN_4321"]
    assert newer.tensors == read_graph(flatbuffer_of("int8")).tensors


def test_no_operator_has_a_negative_number(flatbuffer_of: Models) -> None:
    with pytest.raises(BadModel, match="operator number -7"):
        read_graph(with_operator_number(flatbuffer_of("int8"), "FULLY_CONNECTED", -7))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "no TFLite model"),
        (b"\x1c\0\0\0TFL2" + b"\0" * 40, "no TFLite model"),
        (b"\x1c\0\0\0TFL3", "truncated or corrupt"),
        (b"\xff\xff\xff\xffTFL3" + b"\0" * 40, "truncated or corrupt"),
        (b"\x08\0\0\0TFL3" + b"\0" * 40, "corrupt"),
    ],
)
def test_what_is_no_model(content: bytes, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        read_graph(content)


def test_every_truncation_is_noticed(flatbuffer_of: Models) -> None:
    whole = flatbuffer_of("int8")
    for length in range(8, len(whole) - 64, 7):
        with pytest.raises(BadModel):
            read_graph(whole[:length])


def test_damage_gives_a_graph_or_a_bad_model(flatbuffer_of: Models) -> None:
    whole = flatbuffer_of("int8")
    generator = np.random.default_rng(17)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(whole)
        for spot in generator.integers(8, len(whole), 2):
            damaged[spot] ^= int(generator.integers(1, 256))
        try:
            read_graph(bytes(damaged))
        except BadModel as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 300
