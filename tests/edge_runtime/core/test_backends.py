"""Interpreters behind one small protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from edge_runtime.core.backends import BACKENDS, open_interpreter
from edge_runtime.errors import BadModel, EnvironmentLacks, WrongUsage

Models = Callable[[str], bytes]


def test_tensors_are_described(flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("int8"))
    assert interpreter.input.shape == (1, 16, 16, 3) and interpreter.input.dtype == np.uint8
    assert interpreter.input.scale == pytest.approx(2 / 255, rel=0.01) and interpreter.input.zero_point in (127, 128)
    assert interpreter.output.shape == (1, 1) and interpreter.output.dtype == np.int8
    assert interpreter.version[0].isdigit()


def test_float_tensors_have_no_scale(flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("float32"))
    assert (interpreter.input.scale, interpreter.input.zero_point) == (0.0, 0)


@pytest.mark.parametrize("package", BACKENDS)
def test_each_installed_back_end_gives_the_same(package: str, flatbuffer_of: Models) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    batch = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    expected = open_interpreter(flatbuffer_of("int8")).run(batch)
    interpreter = open_interpreter(flatbuffer_of("int8"), prefer=package)
    assert interpreter.name == package
    assert np.abs(interpreter.run(batch).astype(int) - expected).max() <= 1


def test_results_are_copies_and_read_only_input_is_fine(flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("float32"))
    red = np.broadcast_to(np.float32([1, 0, -1]), (1, 16, 16, 3))
    first = interpreter.run(red)
    kept = first.copy()
    interpreter.run(-red)
    assert np.array_equal(first, kept) and first[0, 0] == pytest.approx(8)


def test_bytes_behind_the_flatbuffer_do_not_matter(flatbuffer_of: Models) -> None:
    batch = np.full((1, 16, 16, 3), 50, np.uint8)
    plain, longer = (open_interpreter(flatbuffer_of("int8") + extra).run(batch) for extra in (b"", b"PK" * 99))
    assert np.array_equal(plain, longer)


def test_a_batch_can_be_resized(flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("float32"))
    interpreter.resize(3)
    assert interpreter.input.shape == (3, 16, 16, 3) and interpreter.output.shape == (3, 1)
    colours = np.float32([[1, 0, -1], [0, 0, 0], [-1, 0, 1]])[:, None, None, :]
    batch = np.ascontiguousarray(np.broadcast_to(colours, (3, 16, 16, 3)))
    np.testing.assert_allclose(interpreter.run(batch)[:, 0], [8, 0, -8], atol=1e-4)


@pytest.mark.parametrize(
    "batch", [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32), np.zeros(5, np.uint8)]
)
def test_a_batch_of_the_wrong_kind_is_an_error(batch: np.ndarray, flatbuffer_of: Models) -> None:
    with pytest.raises(BadModel, match="cannot run"):
        open_interpreter(flatbuffer_of("int8")).run(batch)


@pytest.mark.parametrize("content", [b"TFL3", b"\x1c\0\0\0TFL3", b"no model at all"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(BadModel):
        open_interpreter(content)


def test_wrong_names_and_numbers(flatbuffer_of: Models) -> None:
    with pytest.raises(WrongUsage, match="known are ai_edge_litert"):
        open_interpreter(flatbuffer_of("int8"), prefer="onnx")
    with pytest.raises(WrongUsage, match="0; it must be 1 or more"):
        open_interpreter(flatbuffer_of("int8"), threads=0)


def test_without_a_runtime_the_cure_is_named(flatbuffer_of: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    flatbuffer = flatbuffer_of("int8")
    for name in list(sys.modules):
        if name.startswith("edge_runtime.core.backends."):
            monkeypatch.delitem(sys.modules, name)
    for package in BACKENDS:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentLacks, match="pip install ai-edge-litert"):
        open_interpreter(flatbuffer)


def test_the_runtimes_notes_stay_off_stderr(flatbuffer_of: Models, capfd: pytest.CaptureFixture[str]) -> None:
    open_interpreter(flatbuffer_of("int8"))
    assert capfd.readouterr().err == ""
