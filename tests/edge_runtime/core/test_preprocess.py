"""Pixels reach the tensor through one table, the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import lookup_table, normalise, resize, to_tensor

PIXELS = np.random.default_rng(5).integers(0, 256, (2, 6, 5, 3), dtype=np.uint8)
UNEQUAL = InputContract(6, 5, scale=(1 / 58, 1 / 57, 1 / 57), offset=(-2.1, -2.0, -1.8))
IDENTITY = np.arange(256)


def test_resize_is_pillows_bilinear_stretch() -> None:
    image = np.random.default_rng(0).integers(0, 256, (31, 47, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((5, 6), Image.Resampling.BILINEAR))
    assert np.array_equal(resize(image, InputContract(6, 5)), expected)


def test_resize_does_not_copy_what_fits() -> None:
    assert resize(PIXELS[0], InputContract(6, 5)).base is PIXELS


@pytest.mark.parametrize("contract", [InputContract(6, 5), InputContract(6, 5, channels="BGR"), UNEQUAL])
def test_normalise_is_the_formula_of_the_card(contract: InputContract) -> None:
    ordered = PIXELS[..., ::-1] if contract.channels == "BGR" else PIXELS
    expected = ordered.astype(float) * contract.scale + contract.offset
    result = normalise(PIXELS, contract)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("contract", [InputContract(6, 5), InputContract(6, 5, channels="BGR"), UNEQUAL])
def test_float_tensors_get_exactly_the_normalised_pixels(contract: InputContract) -> None:
    table = lookup_table(contract, np.float32)
    assert np.array_equal(to_tensor(PIXELS, table, contract), normalise(PIXELS, contract))


@pytest.mark.parametrize(
    "dtype, scale, zero_point, expected",
    [
        (np.uint8, 1 / 127.5, 128, np.minimum(IDENTITY + 1, 255)),  # half a step off, rounded away from zero
        (np.uint8, 2 / 255, 127, None),
        (np.int8, 2 / 255, -1, None),
        (np.int16, 1 / 32767, 0, None),
    ],
)
def test_quantised_tables(dtype: type, scale: float, zero_point: int, expected: np.ndarray | None) -> None:
    table = lookup_table(InputContract(), dtype, scale, zero_point)
    assert table.shape == (256, 3) and table.dtype == dtype
    # what comes back from the tensor is within half a step of what the float model would have seen
    real = normalise(np.repeat(IDENTITY.astype(np.uint8)[:, None], 3, axis=1), InputContract())
    limits = np.iinfo(dtype)
    inside = (table > limits.min) & (table < limits.max)
    error = np.abs((table.astype(float) - zero_point) * scale - real)[inside]
    assert error.max() <= scale / 2 * 1.0001
    assert (np.diff(table.astype(int), axis=0) >= 0).all()
    assert expected is None or np.abs(table[:, 0].astype(int) - expected).max() <= 1


def test_rounding_is_half_away_from_zero_and_clipped() -> None:
    contract = InputContract(scale=(0.5,) * 3, offset=(-1.0,) * 3)
    table = lookup_table(contract, np.int8, scale=1.0, zero_point=0)[:, 0]
    assert list(table[:7]) == [-1, -1, 0, 1, 1, 2, 2]  # of -1, -0.5, 0, 0.5, 1, 1.5, 2
    assert list(table[253:]) == [126, 126, 127]  # of 125.5, 126, 126.5
    assert lookup_table(contract, np.int8, scale=0.1, zero_point=0)[200, 0] == 127


def test_an_identity_table_hands_the_pixels_through() -> None:
    contract = InputContract(6, 5, scale=(1.0,) * 3, offset=(0.0,) * 3)
    table = lookup_table(contract, np.uint8, 1.0, 0)
    assert np.array_equal(table[:, 0], IDENTITY)
    assert to_tensor(PIXELS, table, contract) is PIXELS


@pytest.mark.parametrize("contract", [InputContract(6, 5), InputContract(6, 5, channels="BGR"), UNEQUAL])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.float32])
def test_the_quick_ways_equal_plain_indexing(contract: InputContract, dtype: type) -> None:
    table = lookup_table(contract, dtype, 0.0077, 3)
    ordered = PIXELS[..., ::-1] if contract.channels == "BGR" else PIXELS
    plain = np.stack([table[:, c][ordered[..., c]] for c in range(3)], axis=-1)
    result = to_tensor(PIXELS, table, contract)
    assert result.dtype == dtype
    assert np.array_equal(result, plain)


def test_an_integer_tensor_needs_a_scale() -> None:
    with pytest.raises(ValueError, match="positive scale"):
        lookup_table(InputContract(), np.uint8)
