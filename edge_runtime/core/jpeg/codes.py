"""Huffman tables of a JPEG file, and what each bit pattern does to one who walks through the data.

Tables and the meaning of their symbols: ITU-T T.81, annexes C, F and K.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 16  # bits that are looked at together; no code is longer
COEFFICIENTS = 64
# an entry of a table: bits taken (6 of them), coefficients passed (7), block ended (1), no code at all (1); from bit 16
# on the size of a mean level's difference
BITS, PASSED, COUNT, ENDED, INVALID, SIZE = 63, 6, 127, 1 << 13, 1 << 14, 16
_MOST_LEVEL_BITS, _MOST_BITS = 11, 10  # of a mean level's difference and of another coefficient, for 8-bit pictures
_RUN_OF_ZEROS = 15
_TOGETHER = 5  # further codes that an entry may hold


@dataclass(frozen=True)
class HuffmanTable:
    """One table of a DHT segment.

    Attributes:
        counts: of the codes of 1 to 16 bits.
        symbols: in the order of their codes.
    """

    counts: bytes
    symbols: bytes


def one_code(table: HuffmanTable, is_dc: bool) -> NDArray[np.int32]:
    """What the code does that 16 bits begin with: int32 [65536].

    Args:
        is_dc: the table is of mean levels, not of the other coefficients.
    """
    # what is no code takes all its bits and ends the block, much as libjpeg goes on
    result = np.full(1 << WINDOW, WINDOW | 1 << PASSED | INVALID | (0 if is_dc else ENDED), np.int32)
    code = place = 0
    for length, count in enumerate(table.counts, start=1):
        for symbol in table.symbols[place : place + count]:
            span = 1 << (WINDOW - length)
            result[code : code + span] = _level(symbol, length) if is_dc else _coefficient(symbol, length)
            code += span
        place += count
    return result


def _level(symbol: int, length: int) -> int:
    size = min(symbol, WINDOW)
    return length + size | 1 << PASSED | (INVALID if symbol > _MOST_LEVEL_BITS else 0) | size << SIZE


def _coefficient(symbol: int, length: int) -> int:
    run, size = symbol >> 4, symbol & 15
    if size:
        return length + size | (run + 1) << PASSED | (INVALID if size > _MOST_BITS else 0)
    if run == _RUN_OF_ZEROS:
        return length | (run + 1) << PASSED
    return length | 1 << PASSED | ENDED | (INVALID if run else 0)


@lru_cache(maxsize=8)
def single_codes(pairs: tuple[tuple[HuffmanTable, HuffmanTable], ...]) -> NDArray[np.int32]:
    """What one code does, for pairs of tables (mean levels, others) one behind the other: int32 [pairs * 131072]."""
    return np.concatenate([table for dc, ac in pairs for table in (one_code(dc, True), one_code(ac, False))])


@lru_cache(maxsize=8)
def several_codes(pairs: tuple[tuple[HuffmanTable, HuffmanTable], ...]) -> NDArray[np.int32]:
    """What all codes within 16 bits do together, up to the end of a block; like :func:`single_codes`."""
    singles = single_codes(pairs).reshape(len(pairs), 2, 1 << WINDOW)
    steps = [table for dc, ac in singles for table in (_several(dc & 0xFFFF, ac), _several(ac, ac))]
    return np.concatenate(steps)


def _several(begin: NDArray[np.int32], then: NDArray[np.int32]) -> NDArray[np.int32]:
    result = begin
    window = np.arange(1 << WINDOW, dtype=np.int32)
    for _ in range(_TOGETHER):
        taken = result & BITS
        following = then[(window << np.minimum(taken, WINDOW)) & 0xFFFF]
        bits = taken + (following & BITS)
        passed = (result >> PASSED & COUNT) + (following >> PASSED & COUNT)
        fits = (bits <= WINDOW) & (passed <= COUNT) & ((result & (ENDED | INVALID)) == 0) & ((following & INVALID) == 0)
        result = np.where(fits, bits | passed << PASSED | (following & ENDED), result)
    return result


def _standard(counts: str, symbols: str) -> HuffmanTable:
    return HuffmanTable(bytes.fromhex(counts), bytes.fromhex(symbols))


_LEVELS = "000102030405060708090a0b"
# the tables of annex K.3, which frames of USB cameras leave out: (kind, number) as in a DHT segment
STANDARD = {
    (0, 0): _standard("00010501010101010100000000000000", _LEVELS),
    (0, 1): _standard("00030101010101010101010000000000", _LEVELS),
    (1, 0): _standard(
        "0002010303020403050504040000017d",
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738"
        "393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5"
        "a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
    ),
    (1, 1): _standard(
        "00020102040403040705040400010277",
        "0001020311040521310612415107617113223281081442"
        "91a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536"
        "3738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2"
        "a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    ),
}
