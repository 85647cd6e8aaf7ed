"""Lint rules on graphs made by hand: each rule, the place it names and the cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from convert.lint.cpu import check_cpu
from convert.lint.edgetpu import check_edgetpu
from convert.lint.findings import LintFinding
from convert.lint.lint import lint
from edge_runtime.core.card import InputContract
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.graph import Graph, Operator, Tensor

pytest.importorskip("ai_edge_litert")


def tensor(name: str, shape: tuple[int, ...], dtype: str = "int8", constant: int = 0, scales: int = 1) -> Tensor:
    points = (0.01,) * scales if dtype in ("int8", "uint8") else ()
    return Tensor(name, shape, shape, dtype, points, (0,) * len(points), constant)


def of_one(name: str, given: Tensor, made: Tensor, version: int = 1, custom: bool = False) -> Graph:
    """A graph of one operator, between two tensors."""
    return Graph((Operator(name, version, custom, (0,), (1,)),), (given, made), (0,), (1,), 1, "")


def of_lstm() -> Graph:
    """As Keras's LSTM layer becomes in int8: sequences of 28 rows, a cell state of 16 bits."""
    tensors = (tensor("rows", (1, 28, 28)), tensor("state", (1, 20), "int16"), tensor("out", (1, 28, 20)))
    return Graph((Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", 3, False, (0, 1), (2,)),), tensors, (0,), (2,), 1, "")


@pytest.mark.parametrize(
    ("graph", "rules"),
    [
        (of_lstm(), []),
        (of_one("TILE", tensor("x", (1, 1, 1, 256)), tensor("y", (1, 32, 64, 256)), 2), []),
        (of_one("RESIZE_BILINEAR", tensor("x", (1, 1, 1, 256)), tensor("y", (1, 33, 33, 256)), 3), []),
        (of_one("RESIZE_BILINEAR", tensor("x", (1, 64, 64, 3)), tensor("y", (1, 128, 128, 3)), 3), []),
        (
            of_one("RESIZE_BILINEAR", tensor("x", (1, 33, 33, 21)), tensor("y", (1, 513, 513, 21)), 3),
            [("error", "resize-size")],
        ),
        (
            of_one("RESIZE_BILINEAR", tensor("x", (1, 256, 256, 32)), tensor("y", (1, 512, 512, 32)), 3),
            [("error", "resize-size")],
        ),
        (
            of_one("RESIZE_NEAREST_NEIGHBOR", tensor("x", (1, 128, 128, 8)), tensor("y", (1, 256, 256, 8)), 3),
            [("warning", "resize-size")],
        ),
        (
            of_one("TFLite_Detection_PostProcess", tensor("x", (1, 10, 4)), tensor("y", (1, 10, 4)), custom=True),
            [("warning", "operator")],
        ),
        (of_one("Nobody_Knows_It", tensor("x", (1, 8)), tensor("y", (1, 8)), custom=True), [("error", "operator")]),
        (of_one("EXP", tensor("x", (1, 8)), tensor("y", (1, 8)), 2), [("error", "operator")]),
    ],
)
def test_what_compiled_pairs_show_of_the_edge_tpu(graph: Graph, rules: list[tuple[str, str]]) -> None:
    assert [(finding.severity, finding.rule) for finding in check_edgetpu(graph)] == rules


@pytest.mark.parametrize(
    ("name", "rules"),
    [("TFLite_Detection_PostProcess", []), ("Mfcc", []), ("MatrixDeterminant", ["custom-operator"])],
)
def test_custom_operators_that_every_runtime_brings_are_no_plug_ins(name: str, rules: list[str]) -> None:
    graph = of_one(name, tensor("x", (1, 10, 4), "float32"), tensor("y", (1, 10, 4), "float32"), custom=True)
    assert [finding.rule for finding in check_cpu(graph)] == rules


def classifier(kind: str = "int8") -> Graph:
    """Pixels, one convolution, one dense layer: what an Edge TPU takes when everything is int8."""
    return Graph(
        operators=(
            Operator("CONV_2D", 3, False, (0, 1, 2), (3,)),
            Operator("FULLY_CONNECTED", 4, False, (3, 4, 5), (6,)),
        ),
        tensors=(
            tensor("pixels", (1, 8, 8, 3), kind),
            tensor("a/net/conv_1/kernel", (4, 3, 3, 3), kind, 108, scales=4),
            tensor("a/net/conv_1/bias", (4,), "int32" if kind == "int8" else kind, 16),
            tensor("a/net/conv_1/out", (1, 8, 8, 4), kind),
            tensor("a/net/dense_1/kernel", (1, 256), kind, 256),
            tensor("a/net/dense_1/bias", (1,), "int32" if kind == "int8" else kind, 4),
            tensor("logit", (1, 1), kind),
        ),
        inputs=(0,),
        outputs=(6,),
        subgraphs=1,
        description="",
    )


def with_tensor(graph: Graph, number: int, **changes: object) -> Graph:
    tensors = list(graph.tensors)
    tensors[number] = replace(tensors[number], **changes)
    return replace(graph, tensors=tuple(tensors))


def with_operator(graph: Graph, index: int, **changes: object) -> Graph:
    operators = list(graph.operators)
    operators[index] = replace(operators[index], **changes)
    return replace(graph, operators=tuple(operators))


def rules(findings: Iterable[LintFinding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_a_full_int8_classifier_has_no_finding() -> None:
    assert list(check_edgetpu(classifier())) == []
    assert list(check_cpu(classifier())) == []


@pytest.mark.parametrize(
    ("graph", "rule", "place"),
    [
        (classifier("float32"), "full-int8", "tensor 0 pixels"),
        (replace(classifier(), subgraphs=2), "subgraphs", "model"),
        (with_tensor(classifier(), 0, signature=(-1, 8, 8, 3)), "static-shape", "tensor 0 pixels"),
        (with_tensor(classifier(), 0, shape=(4, 8, 8, 3), signature=(4, 8, 8, 3)), "batch-1", "tensor 0 pixels"),
        (with_operator(classifier(), 0, version=6), "operator-version", "operator 0 CONV_2D a/net/conv_1/out"),
        (with_operator(classifier(), 1, name="HARD_SWISH"), "operator", "operator 1 HARD_SWISH logit"),
        (with_operator(classifier(), 1, name="TFLite_Detection_PostProcess", custom=True), "operator",
         "operator 1 TFLite_Detection_PostProcess logit"),
        (with_tensor(classifier(), 3, shape=(2, 8, 8, 4)), "three-dimensions", "operator 0 CONV_2D a/net/conv_1/out"),
        (with_tensor(classifier(), 4, scales=(0.1,) * 8), "dense-scale", "tensor 4 a/net/dense_1/kernel"),
        (with_tensor(classifier(), 1, constant_bytes=9 << 20), "on-chip-memory", "model"),
        (with_tensor(classifier(), 3, dtype="int16"), "full-int8", "operator 0 CONV_2D a/net/conv_1/out"),
    ],
)  # fmt: skip
def test_what_an_edge_tpu_does_not_take(graph: Graph, rule: str, place: str) -> None:
    found = [finding for finding in check_edgetpu(graph) if finding.rule == rule]
    assert found and found[0].place == place
    assert found[0].cure


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (classifier("float32"), set()),
        (with_operator(classifier(), 1, name="TOPK_V2"), {"fallback"}),
        (with_operator(classifier(), 1, name="Mystery", custom=True), {"custom-operator"}),
        (with_tensor(with_tensor(classifier(), 0, dtype="int16"), 3, dtype="int16"), {"fallback"}),
        (with_operator(with_tensor(classifier("float32"), 1, dtype="int8"), 0, name="DEPTHWISE_CONV_2D"), {"fallback"}),
        (with_tensor(classifier("float32"), 1, dtype="int8"), set()),
    ],
)
def test_what_falls_back_on_a_cpu(graph: Graph, expected: set[str]) -> None:
    assert rules(check_cpu(graph)) == expected


@pytest.mark.parametrize(("check", "rule"), [(check_cpu, "unknown-operator"), (check_edgetpu, "operator")])
def test_an_operator_that_is_not_known_is_an_error(check: Callable[[Graph], Iterable[LintFinding]], rule: str) -> None:
    (found,) = check(with_operator(classifier(), 1, name="UNKNOWN_4321", version=1))
    assert (found.severity, found.rule) == ("error", rule)
    assert "operator 1 UNKNOWN_4321" in found.place


def test_an_unknown_target_and_a_foreign_file_are_refused() -> None:
    with pytest.raises(WrongUsage, match="there are cpu, edgetpu"):
        lint(b"", "fpga")
    with pytest.raises(BadModel):
        lint(b"\x89PNG not a model", "cpu")


def test_the_int8_file_of_a_run_suits_both_targets(attempts, int8_attempt) -> None:
    for target in ("cpu", "edgetpu"):
        assert lint(int8_attempt.flatbuffer, target, attempts.trained.run.contract).findings == ()


def test_a_float_file_is_told_apart(attempts) -> None:
    found = lint(attempts.quantizer(None)[0].float_flatbuffer, "edgetpu")
    assert rules(found.findings) == {"full-int8"}


def test_an_input_whose_table_is_not_the_identity_is_named(attempts, int8_attempt) -> None:
    narrow = InputContract(height=32, width=32, scale=(1 / 110,) * 3)
    (finding,) = lint(int8_attempt.flatbuffer, "cpu", narrow).findings
    assert (finding.severity, finding.rule) == ("warning", "input-table")
    assert "raw pixels" in finding.message
