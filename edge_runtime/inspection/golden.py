"""Golden vectors: images with the exact tensors they led to, by which a device proves that it computes the same."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.core.archive import Archive, pack
from edge_runtime.core.card import InputContract
from edge_runtime.core.model_file import GOLDEN_ENTRY, ModelFile
from edge_runtime.core.preprocess import lookup_table, resize, to_tensor
from edge_runtime.errors import BadModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.backends import Interpreter

MAX_IMAGES = 4
OUTPUT_STEPS = 2
FLOAT_TOLERANCE = 1e-3
_MAX_BYTES = 128 << 20  # of all vectors, unpacked
_MAX_ENTRY_BYTES = 64 << 20
_ARRAYS = ("images", "inputs", "outputs")


@dataclass(frozen=True)
class Golden:
    """Images and what became of them.

    Attributes:
        images: uint8 [k, h, w, 3], 1 to 4 synthetic images; a size other than the model's proves the resizing as well.
        inputs: [k, H, W, 3], the model's input tensors, of the tensor's type.
        outputs: [k, ...], the model's raw output tensors.
    """

    images: NDArray[np.uint8]
    inputs: NDArray[Any]
    outputs: NDArray[Any]

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            found = f"{self.images.dtype} {self.images.shape}"
            raise BadModel(f"The golden images are {found}; they must be uint8 [k, h, w, 3].")
        if not 1 <= count <= MAX_IMAGES or self.images.size == 0:
            raise BadModel(f"There are {count} golden images; there must be 1 to {MAX_IMAGES}, none of them empty.")
        if self.inputs.ndim != 4 or len(self.inputs) != count or self.outputs.ndim < 1 or len(self.outputs) != count:
            raise BadModel(f"{count} golden images have {len(self.inputs)} inputs and {len(self.outputs)} outputs.")


@dataclass(frozen=True)
class GoldenCheck:
    """The outcome on this machine.

    Attributes:
        images: how many were checked.
        inputs_equal: preprocessing gave bit-equal tensors.
        changed_values: input values that differ, over all images.
        output_distance: largest distance of an output value, in quantisation steps (integers) or as a real number.
        output_limit: what is allowed.
    """

    images: int
    inputs_equal: bool
    changed_values: int
    output_distance: float
    output_limit: float

    @property
    def passed(self) -> bool:
        return self.inputs_equal and self.output_distance <= self.output_limit


def golden_of(file: ModelFile) -> Golden | None:
    """The golden vectors of a model file, unpacked anew with each call; None when it has no card or no vectors.

    Raises:
        BadModel: they are damaged or too large.
    """
    if file.card is None or file.archive is None or GOLDEN_ENTRY not in file.archive.sizes:
        return None
    return read_golden(file.archive.read(GOLDEN_ENTRY, _MAX_BYTES))


def make_golden(interpreter: Interpreter, contract: InputContract, images: NDArray[np.uint8]) -> Golden:
    """Run uint8 [k, h, w, 3] through this machine's preprocessing and ``interpreter`` and keep what comes out."""
    inputs = _inputs(interpreter, contract, images)
    outputs = np.concatenate([interpreter.run(tensor[np.newaxis]) for tensor in inputs])
    return Golden(images, inputs, outputs)


def check_golden(interpreter: Interpreter, contract: InputContract, golden: Golden) -> GoldenCheck:
    """Compute golden vectors anew and compare: inputs bit for bit, outputs within two quantisation steps.

    Outputs are computed from the stored inputs, so the two findings are independent. Real-valued outputs may differ
    by 0.001, or by a thousandth of their size where they are above 1.
    """
    inputs = _inputs(interpreter, contract, golden.images)
    same_kind = inputs.shape == golden.inputs.shape and inputs.dtype == golden.inputs.dtype
    if not same_kind or golden.inputs.shape[1:] != interpreter.input.shape[1:]:
        raise BadModel(
            f"The golden inputs are {golden.inputs.dtype} {golden.inputs.shape}, "
            f"but the model takes {interpreter.input.dtype} {interpreter.input.shape}; convert it again."
        )
    outputs = np.concatenate([interpreter.run(tensor[np.newaxis]) for tensor in golden.inputs])
    if outputs.shape != golden.outputs.shape or outputs.dtype != golden.outputs.dtype:
        raise BadModel(
            f"The golden outputs are {golden.outputs.dtype} {golden.outputs.shape}, "
            f"but the model gives {outputs.dtype} {outputs.shape}; convert it again."
        )
    with np.errstate(invalid="ignore"):  # infinity minus infinity is handled below
        distance = np.abs(outputs.astype(np.float64) - golden.outputs.astype(np.float64))
    limit: float = OUTPUT_STEPS
    if outputs.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            distance = distance / np.maximum(1.0, np.abs(golden.outputs.astype(np.float64)))
        limit = FLOAT_TOLERANCE
    changed = int(np.count_nonzero(inputs.view(np.uint8) != golden.inputs.view(np.uint8)))
    # NaN compares false with everything; as infinity it fails
    worst = float(np.nan_to_num(distance.max(), nan=np.inf))
    return GoldenCheck(len(golden.images), changed == 0, changed, worst, limit)


def write_golden(golden: Golden) -> bytes:
    """The bytes of an .npz file; the same vectors give the same bytes."""
    return pack({f"{name}.npy": _npy(getattr(golden, name)) for name in _ARRAYS})


def read_golden(npz: bytes) -> Golden:
    """Parse an .npz file of golden vectors; BadModel when it is damaged, too large or not what it should be."""
    archive = Archive(npz)
    return Golden(*(_array(archive.read(f"{name}.npy", _MAX_ENTRY_BYTES), name) for name in _ARRAYS))


def _inputs(interpreter: Interpreter, contract: InputContract, images: NDArray[np.uint8]) -> NDArray[Any]:
    tensor = interpreter.input
    table = lookup_table(contract, tensor.dtype, tensor.scale, tensor.zero_point)
    pixels = np.stack([resize(image, contract) for image in images])
    return to_tensor(pixels, table, contract)


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _array(npy: bytes, name: str) -> NDArray[Any]:
    """An array of numbers; the header's size is compared with the data before memory is taken for it."""
    stream = io.BytesIO(npy)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"format version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.kind not in "uif" or fortran:
            raise ValueError(f"type {dtype}, column order {fortran}")
        return np.frombuffer(npy, dtype, offset=stream.tell()).reshape(shape)
    except Exception as error:  # NumPy parses the header as Python text, which fails in as many ways as Python has
        raise BadModel(
            f"The golden vectors' {name} are damaged ({printable(str(error))}); copy the model file again."
        ) from error
