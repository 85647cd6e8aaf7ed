"""Machine facts from made-up /proc and /sys trees, and what slowed a run down."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.machine import read_machine, slowed_during

PI = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv7\nprocessor\t: 1\nmodel name\t: other\n",
    "proc/meminfo": "MemTotal:        3885396 kB\nMemFree: 1 kB\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
}


def test_facts_of_a_pi(tmp_path: Path) -> None:
    for name, content in PI.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    machine = read_machine(tmp_path, lambda: 0x50000)
    assert machine.board == "Raspberry Pi 4 Model B Rev 1.5"
    assert machine.processor == "ARMv7"
    assert machine.memory_mib == 3794
    assert machine.os == "Debian GNU/Linux 12 (bookworm)"
    assert (machine.governor, machine.max_mhz) == ("ondemand", 1800)
    assert machine.to_json()["throttle_flags"] == ["under-voltage since boot", "throttled since boot"]


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    machine = read_machine(tmp_path, lambda: None)
    assert (machine.board, machine.memory_mib, machine.governor, machine.throttled) == (None, None, None, None)
    assert machine.os and machine.python and machine.processors >= 1
    assert machine.to_json()["throttle_flags"] is None


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([0, 0, 0], []),
        ([0x50000, 0x50000], []),  # long ago
        ([0, 0b100, 0], ["throttled"]),  # came and went
        ([0, 0x10000], ["under-voltage"]),  # between two readings
        ([0b1, 0], ["under-voltage"]),  # at the start
    ],
)
def test_slowed_during_a_run(readings: list[int], expected: list[str]) -> None:
    assert slowed_during(readings) == expected
