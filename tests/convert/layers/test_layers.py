"""Errors per operator: rounding looks like rounding, a broken operator stands out, and the results can be written."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from convert.graph.edit import pack, unpack
from convert.layers.operator_errors import HEALTHY, layer_name, operator_errors
from convert.layers.report import layers_text, write_csv, write_plot
from edge_runtime.errors import BadModel
from edge_runtime.inspection.graph import read_graph


@pytest.fixture(scope="module")
def measured(attempts, int8_attempt):
    reference = attempts.quantizer(None)[0].float_flatbuffer
    return operator_errors(
        int8_attempt.flatbuffer, reference, attempts.trained.run.contract, attempts.trained.pixels[:12]
    )


def test_a_sound_model_has_errors_near_those_of_rounding(measured) -> None:
    ratios = [error.ratio for error in measured if error.operator in ("CONV_2D", "FULLY_CONNECTED")]
    assert len(ratios) == 6
    assert min(ratios) > 0.3 * HEALTHY and max(ratios) < 2 * HEALTHY
    assert all(error.cosine > 0.999 and not error.suspicious for error in measured)


def test_pooling_loses_nothing_of_its_own(measured) -> None:
    pools = [error for error in measured if error.operator == "MAX_POOL_2D"]
    assert pools and all(error.rmse < 1e-6 for error in pools)


def test_the_operator_that_was_broken_stands_out(attempts, int8_attempt) -> None:
    """The bias of the second convolution is spoilt: only its own error grows, those behind inherit it."""
    graph = read_graph(int8_attempt.flatbuffer)
    convolutions = [o for o in graph.operators if o.name == "CONV_2D"]
    model = unpack(int8_attempt.flatbuffer)
    buffer = model.buffers[model.subgraphs[0].tensors[convolutions[1].inputs[2]].buffer]
    spoilt = np.frombuffer(bytes(buffer.data), "<i4") + 4000
    buffer.data = np.frombuffer(spoilt.astype("<i4").tobytes(), np.uint8)
    reference = attempts.quantizer(None)[0].float_flatbuffer
    errors = operator_errors(pack(model), reference, attempts.trained.run.contract, attempts.trained.pixels[:8])
    convolved = [error for error in errors if error.operator == "CONV_2D"]
    assert [error.suspicious for error in convolved] == [False, True, False, False]
    assert convolved[2].snr_so_far < convolved[2].snr - 10


def test_a_float_model_has_no_error(attempts) -> None:
    reference = attempts.quantizer(None)[0].float_flatbuffer
    errors = operator_errors(reference, reference, attempts.trained.run.contract, attempts.trained.pixels[:2])
    assert all(error.ratio is None and error.rmse < 1e-4 for error in errors)
    assert "no step to compare" in layers_text(errors)


def test_another_network_is_refused(attempts, int8_attempt) -> None:
    model = unpack(int8_attempt.flatbuffer)
    model.subgraphs[0].operators = model.subgraphs[0].operators[:3]
    with pytest.raises(BadModel, match="not made from this run"):
        operator_errors(
            pack(model),
            attempts.quantizer(None)[0].float_flatbuffer,
            attempts.trained.run.contract,
            attempts.trained.pixels[:1],
        )


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("thinsmear_1/mobilenetv2_1/block_1_project_BN_1/batchnorm/sub1", "block_1_project_BN_1"),
        ("thinsmear_1/net_1/head_dense_1/Relu;thinsmear_1/net_1/head_dense_1/BiasAdd", "head_dense_1"),
        ("StatefulPartitionedCall_1:0", "StatefulPartitionedCall_1:0"),
    ],
)
def test_layer_names(tensor: str, name: str) -> None:
    assert layer_name(tensor) == name


def test_table_csv_and_picture(measured, tmp_path: Path) -> None:
    write_csv(measured, tmp_path / "layers.csv")
    with (tmp_path / "layers.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["index"]) for row in rows] == [error.index for error in measured]
    assert float(rows[0]["ratio"]) == pytest.approx(measured[0].ratio)
    write_plot(measured, tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")
    text = layers_text(measured)
    assert "No operator is suspicious" in text and "rmse/scale" in text
