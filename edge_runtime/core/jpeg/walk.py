"""The walk through the Huffman codes of a JPEG scan, which says what decoders only warn of or pass over in silence.

libjpeg fills what is missing with grey and what is torn with nonsense, and Pillow keeps its warnings to itself. So the
codes are read a second time, without the cosine transform: where each block begins, what its mean level is, and where
the data end. To do that in NumPy the data are cut into stretches that are walked side by side, each from a guess; a
wrong guess finds into step with the stretch before it after some blocks, as Huffman codes do (Klein and Wiseman,
Parallel Huffman decoding with applications to JPEG files, The Computer Journal 46, 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.jpeg.codes import (
    BITS,
    COEFFICIENTS,
    COUNT,
    ENDED,
    INVALID,
    PASSED,
    SIZE,
    WINDOW,
    HuffmanTable,
    several_codes,
    single_codes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.intp]

_LITTLE = 12_000  # bytes, up to which one code after the other is quicker than side by side
_STRETCH = 512  # bits; shorter stretches take more guesses, longer ones more steps
_MOST_ROUNDS = 200  # of guesses; beyond it the data are too uniform to find into step, and nothing is said
_PADDING = 8  # bytes behind an interval that may be looked at
_HIGHEST_LEVEL = 1024  # of an 8-bit picture: F(0,0) lies in -1024..1016
_ROUNDING = 64  # no encoder's transform is off by more


class NotInStep(Exception):
    """The stretches do not find into step within the rounds that are allowed."""


@dataclass(frozen=True)
class Component:
    """What a scan says of one of its components.

    Attributes:
        blocks: of it in one MCU.
        dc: its table of the mean levels.
        ac: its table of the other coefficients.
        step: quantisation step of the mean level.
    """

    blocks: int
    dc: HuffmanTable
    ac: HuffmanTable
    step: int


@dataclass(frozen=True)
class Walk:
    """What the walk through a scan found.

    Attributes:
        blocks: that the scan should hold.
        missing: blocks that the data do not hold.
        left_over: bytes behind the last block, of the restart interval that has most.
        impossible: codes that no encoder writes: of no meaning, or beyond a block's 64 coefficients.
        out_of_range: blocks whose mean level is none that an 8-bit picture can have.
    """

    blocks: int
    missing: int
    left_over: int
    impossible: int
    out_of_range: int


def walk(intervals: Sequence[bytes], mcus: Sequence[int], components: Sequence[Component]) -> Walk:
    """Read all codes of a sequential scan.

    Args:
        intervals: entropy-coded data from restart marker to restart marker, without stuffed zeros; one or more.
        mcus: how many each interval shall hold.
        components: of the scan, in its order.

    Raises:
        NotInStep: it could not be followed, so nothing is known.
    """
    return _Walker(intervals, components).judge(np.asarray(mcus, np.intp))


class _Walker:
    def __init__(self, intervals: Sequence[bytes], components: Sequence[Component]) -> None:
        self._components = components
        pairs = tuple(dict.fromkeys((component.dc, component.ac) for component in components))
        self._pairs = pairs
        self._singles = single_codes(pairs)
        # of each block of an MCU: where its tables begin
        places = [pairs.index((c.dc, c.ac)) << (WINDOW + 1) for c in components for _ in range(c.blocks)]
        self._place = np.asarray(places, np.intp)
        raw = np.frombuffer(b"".join(data + b"\xff" * _PADDING for data in intervals), np.uint8).astype(np.int32)
        self._windows = raw[:-2] << 16 | raw[1:-1] << 8 | raw[2:]
        sizes = np.asarray([8 * len(data) for data in intervals], np.intp)
        self._begins = np.concatenate([[0], np.cumsum(sizes + 8 * _PADDING)[:-1]]).astype(np.intp)
        self._ends = self._begins + sizes
        # stretches: where each begins and ends, and whether it is the first or last of its interval
        counts = np.maximum(1, -(-sizes // _STRETCH))
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        self._first = number == 0
        self._begin = np.repeat(self._begins, counts) + number * _STRETCH
        self._end = np.minimum(self._begin + _STRETCH, np.repeat(self._ends, counts))
        self._last = np.cumsum(counts) - 1

    def judge(self, mcus: Numbers) -> Walk:
        """Find into step, walk through all once more, and add up."""
        if self._ends[-1] <= 8 * _LITTLE:
            return self._add_up(*self._one_by_one(), mcus)
        self._steps = several_codes(self._pairs)
        begin, end = self._in_step()
        starts: list[tuple[Numbers, Numbers]] = []
        wrong: list[Numbers] = []
        self._advance(begin, self._end, starts, wrong)
        bit = np.concatenate([np.empty(0, np.intp), *(at for at, _ in starts)])
        block = np.concatenate([np.empty(0, np.intp), *(which for _, which in starts)])
        order = np.argsort(bit, kind="stable")
        return self._add_up(
            bit[order], block[order], np.concatenate([np.empty(0, np.intp), *wrong]), end[:, self._last], mcus
        )

    def _one_by_one(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Walk code by code, as is quicker for little data; what :meth:`_add_up` takes."""
        windows, singles, place = self._windows.data, self._singles.data, self._place.tolist()
        bits: list[int] = []
        blocks: list[int] = []
        wrong: list[int] = []
        last = np.zeros((3, len(self._begins)), np.intp)
        for i, (bit, end) in enumerate(zip(self._begins.tolist(), self._ends.tolist(), strict=True)):
            coefficient = block = 0
            table = place[0]
            while bit < end:
                if coefficient == 0:
                    bits.append(bit)
                    blocks.append(block)
                entry = singles[(windows[bit >> 3] >> (8 - (bit & 7)) & 0xFFFF) + table]
                coefficient += entry >> PASSED & COUNT
                if entry & INVALID or coefficient > COEFFICIENTS:
                    wrong.append(bit)
                bit += entry & BITS
                if entry & ENDED or coefficient >= COEFFICIENTS:
                    coefficient = 0
                    block = (block + 1) % len(place)
                    table = place[block]
                else:
                    table = place[block] + (1 << WINDOW)
            last[:, i] = bit, coefficient, block
        bit_numbers, block_numbers, wrong_numbers = (np.asarray(values, np.intp) for values in (bits, blocks, wrong))
        return bit_numbers, block_numbers, wrong_numbers, last

    def _in_step(self) -> tuple[Numbers, Numbers]:
        """States [3, n] (bit, coefficient, block of the MCU) in which each stretch truly begins, and ends."""
        state = np.zeros((3, len(self._begin)), np.intp)
        state[0] = self._begin
        reached = state.copy()
        todo = np.arange(len(self._begin))
        for _ in range(_MOST_ROUNDS):
            reached[:, todo] = self._advance(state[:, todo], self._end[todo])
            wanted = state.copy()
            wanted[:, 1:] = np.where(self._first[1:], state[:, 1:], reached[:, :-1])
            todo = np.flatnonzero((wanted != state).any(axis=0))
            state = wanted
            if not len(todo):
                return state, reached
        raise NotInStep

    def _advance(
        self,
        state: Numbers,
        end: Numbers,
        starts: list[tuple[Numbers, Numbers]] | None = None,
        wrong: list[Numbers] | None = None,
    ) -> Numbers:
        """Walk each stretch to its end; the states there.

        Args:
            starts: gets (bit, block of the MCU) of each block that begins.
            wrong: gets the bits of impossible codes.
        """
        result = state.copy()
        lanes = np.flatnonzero(state[0] < end)
        bit, coefficient, block = state[:, lanes]
        limit = end[lanes]
        while len(lanes):
            at_start = coefficient == 0
            code = (self._windows.take(bit >> 3) >> (8 - (bit & 7))) & 0xFFFF
            code = code + self._place.take(block) + np.where(at_start, 0, 1 << WINDOW)
            entry = self._steps.take(code)
            passed = coefficient + (entry >> PASSED & COUNT)
            over = np.flatnonzero(passed > COEFFICIENTS)  # a step of several codes may reach into the next block
            if len(over):
                entry[over] = self._singles[code[over]] & 0xFFFF
                passed[over] = coefficient[over] + (entry[over] >> PASSED & COUNT)
            if starts is not None and wrong is not None:
                starts.append((bit[at_start], block[at_start]))
                wrong.append(bit[((entry & INVALID) != 0) | (passed > COEFFICIENTS)])
            ended = (passed >= COEFFICIENTS) | ((entry & ENDED) != 0)
            bit = bit + (entry & BITS)
            coefficient = np.where(ended, 0, passed)
            block = block + ended
            block[block == len(self._place)] = 0
            going = bit < limit
            if not going.all():
                stopped = lanes[~going]
                for row, values in zip(result, (bit, coefficient, block), strict=True):
                    row[stopped] = values[~going]
                lanes, bit, coefficient, block, limit = (a[going] for a in (lanes, bit, coefficient, block, limit))
        return result

    def _add_up(self, bit: Numbers, block: Numbers, wrong: Numbers, last: Numbers, mcus: Numbers) -> Walk:
        """Compare what begins where with what each interval should hold.

        Args:
            bit: where each block begins, ascending; what stands behind the last one may look like further blocks.
            block: which of its MCU it is.
            wrong: bits of impossible codes.
            last: states [3, intervals] at the ends of the intervals.
        """
        wanted = mcus * len(self._place)
        first = np.searchsorted(bit, self._begins)
        held = np.append(first[1:], len(bit)) - first
        missing = left = 0
        limits = self._ends.copy()
        for i, (count, want) in enumerate(zip(held.tolist(), wanted.tolist(), strict=True)):
            if count > want:
                limits[i] = bit[first[i] + want]
            elif count == want and last[1, i] == 0 and last[0, i] <= self._ends[i]:
                limits[i] = last[0, i]
            else:
                missing += max(want - count, 1)
            left = max(left, int(self._ends[i] - limits[i]) // 8)
        inside = np.arange(len(bit)) - np.repeat(first, held) < np.repeat(wanted, held)
        interval = np.repeat(np.arange(len(held)), np.minimum(held, wanted))
        impossible = int((wrong < limits[np.searchsorted(self._begins, wrong, side="right") - 1]).sum())
        out_of_range = self._out_of_range(bit[inside], block[inside], interval)
        return Walk(int(wanted.sum()), missing, left, impossible, out_of_range)

    def _out_of_range(self, bit: Numbers, block: Numbers, interval: Numbers) -> int:
        """Blocks whose mean level, the sum of the differences since the restart, leaves what 8 bits can hold."""
        entry = self._singles[((self._windows[bit >> 3] >> (8 - (bit & 7))) & 0xFFFF) + self._place[block]]
        size = entry >> SIZE
        at = bit + (entry & BITS) - size  # where the difference itself stands
        value = (self._windows[at >> 3] >> (24 - (at & 7) - size)) & ((1 << size) - 1)
        difference: NDArray[Any] = np.where(value < (1 << size >> 1), value - (1 << size) + 1, value)
        total = number = 0
        for component in self._components:
            mine = (block >= number) & (block < number + component.blocks)
            number += component.blocks
            level = np.cumsum(difference[mine], dtype=np.int64)
            begins = np.flatnonzero(np.diff(interval[mine], prepend=-1))
            before = np.concatenate([[0], level])[begins]
            level -= np.repeat(before, np.diff(np.append(begins, len(level))))
            total += int((np.abs(level) * component.step > _HIGHEST_LEVEL + component.step + _ROUNDING).sum())
        return total
