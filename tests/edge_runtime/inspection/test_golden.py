"""Golden vectors prove a machine, and notice when it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.core.archive import pack
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import InputContract
from edge_runtime.core.model_file import read_model_file
from edge_runtime.errors import BadModel
from edge_runtime.inspection.golden import (
    Golden,
    check_golden,
    golden_of,
    make_golden,
    read_golden,
    write_golden,
)

Models = Callable[[str], bytes]
CONTRACT = InputContract(16, 16)
IMAGES = np.random.default_rng(2).integers(0, 256, (2, 30, 20, 3), dtype=np.uint8)


@pytest.fixture(params=["int8", "float32"])
def proof(request: pytest.FixtureRequest, flatbuffer_of: Models) -> tuple[object, Golden]:
    interpreter = open_interpreter(flatbuffer_of(request.param))
    return interpreter, make_golden(interpreter, CONTRACT, IMAGES)


def test_this_machine_agrees_with_itself(proof: tuple) -> None:
    check = check_golden(proof[0], CONTRACT, proof[1])
    assert check.passed and check.inputs_equal and check.output_distance == 0 and check.images == 2


def test_one_input_value_off_is_noticed(proof: tuple) -> None:
    inputs = proof[1].inputs.copy()
    inputs[1, 3, 4, 2] += 1
    check = check_golden(proof[0], CONTRACT, replace(proof[1], inputs=inputs))
    assert not check.passed and not check.inputs_equal and check.changed_values >= 1


@pytest.mark.parametrize("steps, passed", [(1, True), (2, True), (3, False)])
def test_quantised_outputs_may_be_two_steps_apart(steps: int, passed: bool, flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("int8"))
    golden = make_golden(interpreter, CONTRACT, IMAGES)
    check = check_golden(interpreter, CONTRACT, replace(golden, outputs=golden.outputs - np.int8(steps)))
    assert check.output_distance == steps and check.passed is passed


@pytest.mark.parametrize("shift, passed", [(0.0005, True), (0.01, False), (np.nan, False), (np.inf, False)])
def test_real_outputs_may_be_a_thousandth_apart(shift: float, passed: bool, flatbuffer_of: Models) -> None:
    interpreter = open_interpreter(flatbuffer_of("float32"))
    golden = make_golden(interpreter, CONTRACT, IMAGES)
    shifted = replace(golden, outputs=golden.outputs + np.float32(shift))
    assert check_golden(interpreter, CONTRACT, shifted).passed is passed


def test_another_models_vectors_are_refused(flatbuffer_of: Models) -> None:
    golden = make_golden(open_interpreter(flatbuffer_of("float32")), CONTRACT, IMAGES)
    with pytest.raises(BadModel, match="golden inputs are float32"):
        check_golden(open_interpreter(flatbuffer_of("int8")), CONTRACT, golden)


def test_vectors_survive_the_file(proof: tuple) -> None:
    back = read_golden(write_golden(proof[1]))
    for name in ("images", "inputs", "outputs"):
        assert np.array_equal(getattr(back, name), getattr(proof[1], name))
        assert getattr(back, name).dtype == getattr(proof[1], name).dtype


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def broken(images: bytes) -> bytes:
    good = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1), }", b"\0")
    return pack({"images.npy": images, "inputs.npy": good, "outputs.npy": good})


@pytest.mark.parametrize(
    "npz",
    [
        b"",
        b"PK\x03\x04 but no archive",
        pack({"images.npy": b""}),
        broken(b""),
        broken(b"\x93NUMPY\x07\x00"),
        broken(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04K\x01.")),
        broken(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }", b"\0")),
        broken(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 1, 3), }", b"\0\0\0")),
        broken(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 1, 3), }", b"\0\0\0")),
        broken(npy("__import__('os').abort()")),
        broken(npy("[" * 5000)),
    ],
    ids=range(11),
)
def test_damaged_vectors(npz: bytes) -> None:
    with pytest.raises(BadModel):
        read_golden(npz)


@pytest.mark.parametrize(
    "changes",
    [
        {"images": IMAGES.astype(np.float32)},
        {"images": IMAGES[..., :2]},
        {"images": IMAGES[:0]},
        {"images": np.concatenate([IMAGES] * 3)},
        {"inputs": np.zeros((1, 16, 16, 3), np.uint8)},
        {"outputs": np.zeros((3, 1), np.int8)},
    ],
)
def test_vectors_must_fit_together(changes: dict[str, np.ndarray]) -> None:
    good = {"images": IMAGES, "inputs": np.zeros((2, 16, 16, 3), np.uint8), "outputs": np.zeros((2, 1), np.int8)}
    Golden(**good)
    with pytest.raises(BadModel):
        Golden(**{**good, **changes})


def test_damage_in_the_file_shows_when_the_vectors_are_asked_for(packed: bytes, tmp_path: Path) -> None:
    damaged = bytearray(packed)
    damaged[packed.rfind(b"golden.npz", 0, packed.rfind(b"PK\x01\x02") - 200) + 400] ^= 255
    path = tmp_path / "m.tflite"
    path.write_bytes(damaged)
    model = read_model_file(path)
    with pytest.raises(BadModel, match=r"golden\.npz is damaged"):
        golden_of(model)
