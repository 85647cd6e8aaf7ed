"""Whether a wall clock can be trusted on boards without a battery, or with an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.sessions import clock

NOW = 1_800_000_000.0  # January 2027


@pytest.mark.parametrize(
    ("hctosys", "since_epoch", "trusted"),
    [
        ("1", f"{NOW:.0f}", True),
        ("1", f"{NOW - 3 * 3600:.0f}", True),  # runs on local time
        ("1", "42", False),  # the battery is empty, and systemd has moved the wall clock on
        ("1", "978307200", False),
        ("0", f"{NOW:.0f}", False),  # there, but not what the time was taken from
        (None, None, False),  # no such clock
    ],
)
def test_hardware_clocks(tmp_path: Path, hctosys: str | None, since_epoch: str | None, trusted: bool) -> None:
    for name, text in (("hctosys", hctosys), ("since_epoch", since_epoch)):
        if text is not None:
            (tmp_path / name).write_text(text + "\n")
    assert clock._is_of_hardware_clock(NOW, tmp_path) is trusted
