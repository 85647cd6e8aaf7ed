"""Medians minute by minute, whole minutes only."""

from __future__ import annotations

import pytest

from benchmarks.harness.minute_medians import Minute, by_minute

MS = 1_000_000


@pytest.mark.parametrize(
    ("durations", "ends", "expected"),
    [
        ([], [], ()),
        ([1 * MS, 1 * MS], [10.0, 59.0], ()),  # not one whole minute
        ([1 * MS, 1 * MS], [10.0, 70.0], ()),  # one, and nothing to hold against it
        ([2 * MS, 2 * MS, 3 * MS, 9 * MS], [30.0, 59.9, 60.0, 120.5], (Minute(1, 2.0, 1.0), Minute(2, 3.0, 1.5))),
        ([2 * MS, 4 * MS, 1 * MS, 9 * MS], [1.0, 2.0, 61.0, 130.0], (Minute(1, 3.0, 1.0), Minute(2, 1.0, 1 / 3))),
    ],
)
def test_whole_minutes(durations: list[int], ends: list[float], expected: tuple[Minute, ...]) -> None:
    assert by_minute(durations, ends) == expected
