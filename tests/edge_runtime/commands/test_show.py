"""``thinsmear show``: the card, the graph, the golden vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import cli
from edge_runtime.core.model_file import pack_model, read_model_file
from edge_runtime.inspection.golden import golden_of, write_golden
from tests.fakes.graphs import with_operator_number

Models = Callable[[str], bytes]


def test_the_card_and_the_graph_for_people(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", str(model_path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["labels", "Uninfected,", "Parasitized"] in rows
    assert ["operating_points.count", "0.9"] in rows
    assert ["name", "tiny"] in rows
    assert ["notice", "For", "Research", "Use", "Only.", "Not", "for", "use", "in", "diagnostic", "procedures."] in rows
    assert any(row[:1] == ["CONV_2D"] and row[2:] == ["1"] for row in rows)
    assert any(row[:3] == ["size", "of", "golden.npz"] for row in rows)


def test_every_tensor_on_request(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["show", str(model_path)])
    short = capsys.readouterr().out
    cli.run(["show", str(model_path), "--tensors"])
    assert len(capsys.readouterr().out.splitlines()) > len(short.splitlines()) + 5


def test_json(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", str(model_path), "--json", "--golden"]) == 0
    document = json.loads(capsys.readouterr().out)
    model = read_model_file(model_path)
    assert document["model"] == model.id and document["sha256"] == model.sha256
    assert document["card"]["operating_points"] == {"review": 0.2, "count": 0.9}
    assert document["sizes"]["flatbuffer"] == len(model.flatbuffer)
    assert document["inputs"][0]["shape"] == [1, 16, 16, 3] and document["outputs"][0]["dtype"] == "int8"
    assert sum(operator["count"] for operator in document["operators"]) >= 3
    assert document["golden"] == {
        "images": 2, "inputs_equal": True, "changed_values": 0,
        "output_distance": 0.0, "output_limit": 2, "passed": True,
    }  # fmt: skip


def test_golden_vectors_that_are_met(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", str(model_path), "--golden"]) == 0
    output = capsys.readouterr().out
    assert "bit-equal" in output and "golden vectors  met" in output


def test_an_operator_that_is_not_known_has_its_number(
    flatbuffer_of: Callable[[str], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "newer.tflite"
    path.write_bytes(with_operator_number(flatbuffer_of("int8"), "FULLY_CONNECTED", 4321))
    assert cli.run(["show", str(path)]) == 0
    assert "UNKNOWN_4321" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["inputs", "outputs"])
def test_golden_vectors_that_are_not_met(what: str, model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = read_model_file(model_path)
    golden = golden_of(model)
    assert golden is not None and model.card is not None
    changed = getattr(golden, what).astype(np.int16) // 2
    golden = replace(golden, **{what: changed.astype(getattr(golden, what).dtype)})
    model_path.write_bytes(pack_model(model.flatbuffer, model.card, write_golden(golden)))
    assert cli.run(["show", str(model_path), "--golden"]) == 1
    captured = capsys.readouterr()
    assert "NOT met" in captured.out and captured.err.startswith("error: This machine does not compute")


def test_a_file_without_golden_vectors_proves_nothing(
    flatbuffer_of: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("softmax"))
    assert cli.run(["show", str(path), "--golden"]) == 4
    assert "holds no golden vectors" in capsys.readouterr().err


def test_models_of_other_makers_are_shown_too(
    flatbuffer_of: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("softmax"))
    assert cli.run(["show", str(path)]) == 0
    output = capsys.readouterr().out
    assert "SOFTMAX" in output and "No card" in output


@pytest.mark.parametrize("content", [b"", b"no model", b"\x1c\0\0\0TFL3"])
def test_what_is_no_model_is_one_sentence(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    assert cli.run(["show", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
