"""Machine facts from made-up /proc and /sys trees, and the Raspberry Pi's throttle register."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.machine import get_throttled, parse_throttled, read_machine, slowed_during, throttle_flags

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
    ("answer", "expected"),
    [
        ("throttled=0x0\n", 0),
        ("throttled=0x50005\n", 0x50005),
        ("throttled=", None),
        ("throttled=zz", None),
        ("VCHI initialization failed", None),
        ("", None),
    ],
)
def test_answers_of_vcgencmd(answer: str, expected: int | None) -> None:
    assert parse_throttled(answer) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [("echo throttled=0x50005", 0x50005), ("echo no access >&2; exit 1", None), ("echo nonsense", None)],
)
def test_reads_vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, expected: int | None) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert get_throttled() == expected


def test_no_vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert get_throttled() is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, []),
        (0b0001, ["under-voltage"]),
        (0b1110, ["frequency capped", "throttled", "soft temperature limit"]),
        (0x80000, ["soft temperature limit since boot"]),
    ],
)
def test_flags_in_words(value: int, expected: list[str]) -> None:
    assert throttle_flags(value) == expected


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
