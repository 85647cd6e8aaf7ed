"""What a board tells: made-up /sys trees, and the Raspberry Pi's throttle register."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.common.board import (
    board_name,
    get_power,
    get_throttled,
    governor,
    parse_power,
    parse_throttled,
    temperature,
    throttle_flags,
)

FAKES = Path(__file__).parents[2] / "fakes"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}, "Raspberry Pi 5 Model B Rev 1.0"),
        ({"sys/class/dmi/id/product_name": "ThinkCentre\n"}, "ThinkCentre"),
        ({}, None),
    ],
)
def test_name_of_the_board(files: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    assert board_name(tree(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ({}, None),
        ({"cpu-thermal": "48312"}, 48.312),
        ({"nvme": "60000", "cpu-thermal": "48000"}, 48.0),
        ({"acpitz": "30000", "other": "41500"}, 41.5),  # none is the processor's: the hottest
        ({"cpu-thermal": "broken", "acpitz": "30000"}, 30.0),
    ],
)
def test_temperature(zones: dict[str, str], expected: float | None, tmp_path: Path) -> None:
    for number, (kind, temp) in enumerate(zones.items()):
        zone = f"sys/class/thermal/thermal_zone{number}"
        tree(tmp_path, {f"{zone}/type": f"{kind}\n", f"{zone}/temp": f"{temp}\n"})
    assert temperature(tmp_path) == expected


def test_governor(tmp_path: Path) -> None:
    assert governor(tmp_path) is None
    tree(tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n"})
    assert governor(tmp_path) == "ondemand"


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


def install_vcgencmd(folder: Path, monkeypatch: pytest.MonkeyPatch, board: str) -> None:
    """Put the fake of ``vcgencmd`` first in the PATH."""
    program = folder / "vcgencmd"
    program.write_text((FAKES / "vcgencmd.sh").read_text())
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_BOARD", board)


@pytest.mark.parametrize(("board", "expected"), [("pi5", 4.2353), ("pi4", None)])
def test_power_of_a_board(board: str, expected: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_vcgencmd(tmp_path, monkeypatch, board)
    power = get_power()
    assert power == (None if expected is None else pytest.approx(expected, abs=1e-4))
    assert get_throttled() == 0


def test_no_power_without_vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert get_power() is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("  VDD_CORE_A current(7)=2.00000000A\n  VDD_CORE_V volt(15)=0.90000000V\n", 1.8),
        ("A_A current(0)=1.0A\nB_A current(1)=2.0A\nB_V volt(8)=3.0V\nA_V volt(9)=5.0V\n", 11.0),  # by name
        ("EXT5V_V volt(24)=5.06788000V\nBATT_V volt(25)=0.00000000V\n", None),  # voltages alone are no power
        ("LOST_A current(3)=1.0A\n", None),
        ('error=1 error_msg="Command not registered"\n', None),
        ("", None),
    ],
)
def test_power_from_rails(answer: str, expected: float | None) -> None:
    assert parse_power(answer) == (None if expected is None else pytest.approx(expected))
