"""The Edge TPU compiler: its log read as it is, a stand-in executable in its place, and what makes a result unfit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from convert.edgetpu_compiler import MAPPED, compile_model, parse_log, require_compiler
from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import pack_model, read_model_file
from edge_runtime.errors import BadModel, EnvironmentLacks, GateFailed
from edge_runtime.inspection.golden import Golden, golden_of, write_golden

# In the form in which compiler 16 prints it with -s.
LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 612 ms.

Input model: model.tflite
Input size: 2.53MiB
Output model: model_edgetpu.tflite
Output size: 3.03MiB
On-chip memory used for caching model parameters: 2.61MiB
On-chip memory remaining for caching model parameters: 5.09MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 67
Operation log: model_edgetpu.log

Operator                       Count      Status

QUANTIZE                       2          Mapped to Edge TPU
CONV_2D                        35         Mapped to Edge TPU
ADD                            10         Mapped to Edge TPU
DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
MEAN                           1          Mapped to Edge TPU
FULLY_CONNECTED                2          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""
NOTHING_MAPPED = """Edge TPU Compiler version 15.0.340273435

Model compiled successfully in 17 ms.

On-chip memory used for caching model parameters: 0.00B
On-chip memory remaining for caching model parameters: 0.00B
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 0
Total number of operations: 2

Operator                       Count      Status

CONV_2D                        1          Operation is working on an unsupported data type
custom-thing                   1          Operation not supported
"""
REFUSED = """Edge TPU Compiler version 16.0.384591198
ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version of this builtin might be supported.

ERROR: Registration failed.

Invalid model: model.tflite
Model could not be parsed
"""


def test_a_good_log_is_read_completely() -> None:
    log = parse_log(LOG)
    assert (log.version, log.subgraphs, log.mapped, log.on_cpu) == ("16.0.384591198", 1, 67, 0)
    assert (log.on_chip, log.remaining, log.off_chip) == (round(2.61 * 2**20), round(5.09 * 2**20), 0)
    assert log.rows[1].operator == "CONV_2D" and log.rows[1].status == MAPPED
    assert log.summary == "Compute units: Edge TPU (67) | CPU (0) | Total (67)"
    assert list(log.problems()) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (NOTHING_MAPPED, "not one operator was mapped"),
        (LOG.replace("MEAN                           1          Mapped to Edge TPU",
                     "MEAN                           1          More than one subgraph is not supported"),
         "1 MEAN run on the CPU (More than one subgraph is not supported)"),
        (LOG.replace("uncached model parameters: 0.00B", "uncached model parameters: 1.22MiB"), "1,279,263 bytes"),
        (LOG.replace("subgraphs: 1", "subgraphs: 3"), "cut into 3 parts"),
    ],
)  # fmt: skip
def test_what_the_compiler_calls_a_success_may_be_unfit(text: str, problem: str) -> None:
    assert any(problem in found for found in parse_log(text).problems())


@pytest.mark.parametrize(("text", "message"), [(REFUSED, "version '6'"), ("", "it said nothing")])
def test_a_refusal_passes_the_reason_on(text: str, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        parse_log(text)


@pytest.fixture
def model(tmp_path: Path):
    """A model file with card and golden vectors; the flatbuffer is only carried, never run."""
    images = np.zeros((1, 4, 4, 3), np.uint8)
    golden = Golden(images, images, np.zeros((1, 1), np.uint8))
    path = tmp_path / "model.tflite"
    card = Card(InputContract(4, 4), details={"name": "x"})
    path.write_bytes(pack_model(b"\0\0\0\0TFL3 flatbuffer", card, write_golden(golden)))
    return read_model_file(path)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, log: str, writes: bool = True) -> None:
    """An executable of the compiler's name that takes its options and prints a log."""
    folder.mkdir()
    (folder / "log.txt").write_text(log)
    make = 'printf "\\0\\0\\0\\0TFL3 compiled" > "$3/model_edgetpu.tflite"' if writes else "true"
    script = folder / "edgetpu_compiler"
    script.write_text(f'#!/bin/sh\n[ "$1 $2" = "-s -o" ] && [ -f "$4" ] || exit 9\n{make}\ncat "{folder}/log.txt"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_card_goes_with_the_compiled_model(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, LOG)
    out = tmp_path / "model_edgetpu.tflite"
    assert compile_model(model.flatbuffer, model.card, write_golden(golden_of(model)), out).mapped == 67
    compiled = read_model_file(out)
    assert compiled.flatbuffer == b"\0\0\0\0TFL3 compiled"
    assert compiled.card.details["name"] == "x"
    assert compiled.card.details["edgetpu"]["mapped"] == 67
    assert compiled.card.details["before_compilation_sha256"] == model.card.details["flatbuffer_sha256"]
    assert golden_of(compiled) is not None


@pytest.mark.parametrize(
    ("log", "writes", "error"),
    [(NOTHING_MAPPED, True, GateFailed), (REFUSED, False, BadModel), (LOG, False, BadModel)],
)
def test_an_unfit_result_is_not_written(
    model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, writes: bool, error: type[Exception]
) -> None:
    stand_in(tmp_path / "bin", monkeypatch, log, writes)
    with pytest.raises(error):
        compile_model(model.flatbuffer, model.card, write_golden(golden_of(model)), tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


def test_without_the_compiler_the_sentence_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentLacks, match="apt-get install edgetpu-compiler") as caught:
        require_compiler()
    assert caught.value.exit_code == 3
