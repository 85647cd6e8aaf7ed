"""The doctor's checks: tables of made-up machines and what is found on them."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_runtime import doctor
from edge_runtime.doctor import accelerators, board, cameras, resources, runtime, system
from edge_runtime.doctor.findings import Finding, guarded

Files = dict[str, str]
PI = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0"}


def tree(root: Path, *parts: Files) -> Path:
    for files in parts:
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 9, 18), "fail"), ((3, 10, 0), "ok"), ((3, 11, 2), "ok"), ((3, 13, 5), "ok"), ((3, 14, 0), "warn")],
)
def test_python(version: tuple[int, int, int], status: str) -> None:
    finding = system.check_python(version)
    assert finding.status == status and ".".join(map(str, version)) in finding.message


@pytest.mark.parametrize(
    ("machine", "bits", "has_runtime", "status", "words"),
    [
        ("aarch64", 64, False, "ok", "aarch64"),
        ("x86_64", 64, False, "ok", "x86_64"),
        ("aarch64", 32, False, "fail", "The kernel is 64-bit (aarch64), but the system on it is 32-bit"),
        ("aarch64", 32, True, "warn", "The kernel is 64-bit"),
        ("armv7l", 32, False, "fail", "The system is 32-bit (armv7l)"),
        ("armv7l", 32, True, "warn", "The system is 32-bit (armv7l)"),
        ("armv6l", 32, False, "fail", "The system is 32-bit (armv6l)"),
        ("riscv64", 64, False, "fail", "no LiteRT packages for riscv64"),
        ("riscv64", 64, True, "warn", "no LiteRT packages for riscv64"),
    ],
)
def test_architecture(machine: str, bits: int, has_runtime: bool, status: str, words: str) -> None:
    finding = system.check_architecture(machine, bits, has_runtime)
    assert finding.status == status and words in finding.message
    assert (finding.cure is None) == (status == "ok")


@pytest.mark.parametrize(
    ("versions", "status", "words"),
    [
        ({"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}, "ok", "ai-edge-litert 2.3.0"),
        ({"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0", "numpy": "2.4.6"}, "ok", "ai-edge-litert"),
        ({"ai-edge-litert": "1.4.0"}, "warn", "older than"),
        ({"tflite-runtime": "2.14.0", "numpy": "2.0.0"}, "fail", "built for NumPy 1"),
        ({"tflite-runtime": "2.14.0", "numpy": "1.26.4"}, "warn", "no longer maintained"),
        ({"tensorflow": "2.21.0", "numpy": "2.4.6"}, "ok", "tensorflow 2.21.0"),
        ({"numpy": "2.4.6"}, "fail", "No TFLite runtime"),
    ],
)
def test_runtime(versions: dict[str, str], status: str, words: str) -> None:
    finding = runtime.judge_runtime(versions)
    assert finding.status == status and words in finding.message


@pytest.mark.parametrize(
    ("versions", "status", "words"),
    [
        (["2.4.6"], "ok", "NumPy 2.4.6"),
        (["1.24.2"], "ok", "NumPy 1.24.2"),
        (["2.4.6", "1.24.2"], "warn", "NumPy 2.4.6 of this environment hides the system's 1.24.2"),
        (["2.4.6", "2.2.4"], "ok", "NumPy 2.4.6"),  # the same C interface
        ([], "fail", "not installed"),
    ],
)
def test_numpy(versions: list[str], status: str, words: str) -> None:
    finding = runtime.judge_numpy(versions, has_picamera2=True)
    assert finding.status == status and words in finding.message


@pytest.mark.parametrize(("versions", "status"), [(["13.0.0"], "ok"), (["9.4.0"], "fail"), ([], "fail")])
def test_pillow(versions: list[str], status: str) -> None:
    assert runtime.judge_pillow(versions).status == status


def test_versions_are_read_in_the_order_of_the_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, version in (("venv", "2.4.6"), ("system", "1.24.2")):
        metadata = {f"{folder}/madeup-{version}.dist-info/METADATA": f"Name: madeup\nVersion: {version}\n"}
        monkeypatch.syspath_prepend(str(tree(tmp_path, metadata) / folder))
    assert runtime.installed_versions("madeup") == ["1.24.2", "2.4.6"]
    assert runtime.installed_versions("not-there-at-all") == []


def usb(vendor: str, product: str, speed: str = "5000") -> Files:
    device = "sys/bus/usb/devices/2-1"
    return {
        f"{device}/idVendor": f"{vendor}\n", f"{device}/idProduct": f"{product}\n", f"{device}/speed": f"{speed}\n",
        f"{device}/busnum": "2\n", f"{device}/devnum": "7\n", "dev/bus/usb/002/007": "",
    }  # fmt: skip


LIBRARY = {"usr/lib/aarch64-linux-gnu/libedgetpu.so.1.0": ""}


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([], "ok", "no Edge TPU; the CPU is used"),
        ([LIBRARY], "ok", "no Edge TPU (its library is installed)"),
        ([usb("046d", "c31c"), LIBRARY], "ok", "no Edge TPU"),  # a keyboard
        ([usb("1a6e", "089a"), LIBRARY], "ok", "Edge TPU on USB;"),
        ([usb("18d1", "9302"), LIBRARY], "ok", "Edge TPU on USB;"),
        ([usb("18d1", "9302", "480"), LIBRARY], "ok", "a blue USB 3 port would be faster"),
        ([usb("18d1", "9302")], "warn", "its library libedgetpu.so.1 is missing"),
        ([{"dev/apex_0": ""}, LIBRARY], "ok", "Edge TPU on PCIe"),
        ([{"dev/apex_0": ""}], "warn", "Edge TPU on PCIe, but its library"),
    ],
)
def test_accelerator(files: list[Files], status: str, words: str, tmp_path: Path) -> None:
    finding = accelerators.check_accelerator(tree(tmp_path, *files))
    assert finding.status == status and words in finding.message


@pytest.mark.parametrize("device", [usb("18d1", "9302"), {"dev/apex_0": ""}])
def test_accelerator_of_another_user(device: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, device, LIBRARY)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may open everything, and tests may run as root
    finding = accelerators.check_accelerator(tmp_path)
    assert finding.status == "warn" and "may not use /dev/" in finding.message
    assert finding.cure is not None and "plugdev" in finding.cure


def video(*names: str, prefix: str = "video") -> Files:
    return {f"sys/class/video4linux/{prefix}{n}/name": f"{name}\n" for n, name in enumerate(names)}


INNER = video("bcm2835-codec-decode", "bcm2835-isp-output0", "rpi-hevc-dec", "unicam-image")
MICROSCOPE = {
    **video("USB Microscope: USB Microscope", "USB Microscope: USB Microscope"),
    "sys/class/video4linux/video0/index": "0\n",
    "sys/class/video4linux/video1/index": "1\n",  # its metadata
}
RIBBON = {
    **video("imx708_wide 4-001a", "dw9807 4-000c", prefix="v4l-subdev"),
    "sys/class/video4linux/v4l-subdev0/index": "2\n",  # after the picture and its metadata: they share one receiver
    "sys/class/video4linux/v4l-subdev1/index": "3\n",
}


@pytest.mark.parametrize(
    ("files", "modules", "expected"),
    [
        ([], "", [("ok", "no camera")]),
        ([PI], "picamera2 cv2", [("warn", "No camera is connected")]),
        ([PI, INNER], "picamera2 cv2", [("warn", "No camera is connected")]),
        ([PI, MICROSCOPE], "cv2", [("ok", "USB camera USB Microscope: USB Microscope; OpenCV is there")]),
        ([PI, MICROSCOPE], "picamera2", [("warn", "OpenCV (cv2), which reads it, is missing")]),
        ([PI, RIBBON], "picamera2", [("ok", "ribbon camera imx708_wide 4-001a; picamera2 is there")]),
        ([PI, RIBBON], "", [("warn", "picamera2 is missing")]),
        ([PI, video("arducam-pivariety 10-000c", prefix="v4l-subdev")], "picamera2", [("ok", "arducam-pivariety")]),
        ([PI, INNER, RIBBON], "picamera2", [("ok", "ribbon camera imx708_wide 4-001a; picamera2 is there")]),
        ([PI, RIBBON, MICROSCOPE], "picamera2 cv2", [("ok", "ribbon camera"), ("ok", "USB camera")]),
    ],
)
def test_cameras(files: list[Files], modules: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    found = cameras.check_cameras(tree(tmp_path, *files), lambda name: name in modules.split())
    assert [finding.status for finding in found] == [status for status, _ in expected]
    for finding, (_, words) in zip(found, expected, strict=True):
        assert words in finding.message


def test_camera_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, PI, MICROSCOPE, {"dev/video0": ""})
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (finding,) = cameras.check_cameras(tmp_path, lambda name: True)
    assert finding.status == "warn" and "may not open /dev/video0" in finding.message
    assert finding.cure is not None and "usermod -aG video" in finding.cure


@pytest.mark.parametrize(("value", "status"), [(None, "ok"), ("performance", "ok"), ("ondemand", "warn")])
def test_governor(value: str | None, status: str, tmp_path: Path) -> None:
    files = {} if value is None else {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": f"{value}\n"}
    finding = board.check_governor(tree(tmp_path, files))
    assert finding.status == status
    assert status == "ok" or "benchmarks" in finding.message


@pytest.mark.parametrize(
    ("millidegrees", "status"),
    [(None, "ok"), ("48000", "ok"), ("69999", "ok"), ("70000", "warn"), ("79999", "warn"), ("80000", "fail")],
)
def test_temperature(millidegrees: str | None, status: str, tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    files = {} if millidegrees is None else {f"{zone}/type": "cpu-thermal\n", f"{zone}/temp": f"{millidegrees}\n"}
    assert board.check_temperature(tree(tmp_path, files)).status == status


@pytest.mark.parametrize(
    ("value", "status", "words", "cure"),
    [
        (0, "ok", "none", None),
        (0x50000, "warn", "under-voltage since boot, throttled since boot (0x50000)", "power supply"),
        (0x80008, "fail", "soft temperature limit, soft temperature limit since boot", "heat sink"),
        (0x50005, "fail", "under-voltage, throttled", "power supply"),
    ],
)
def test_throttling(value: int, status: str, words: str, cure: str | None, tmp_path: Path) -> None:
    finding = board.check_throttling(tree(tmp_path, PI), lambda: value, True)
    assert finding.status == status and words in finding.message
    assert (finding.cure is None and cure is None) or (cure or "") in (finding.cure or "")


@pytest.mark.parametrize(
    ("files", "has_vcgencmd", "status", "cure"),
    [({}, False, "ok", None), (PI, False, "warn", "raspi-utils"), (PI, True, "warn", "usermod -aG video")],
)
def test_throttling_that_cannot_be_read(
    files: Files, has_vcgencmd: bool, status: str, cure: str | None, tmp_path: Path
) -> None:
    finding = board.check_throttling(tree(tmp_path, files), lambda: None, has_vcgencmd)
    assert finding.status == status and (cure or "") in (finding.cure or "")


@pytest.mark.parametrize(
    ("meminfo", "status"),
    [
        ("MemTotal: 948280 kB\nMemAvailable: 600000 kB\n", "ok"),
        ("MemAvailable: 146485 kB\n", "ok"),  # 150.0 MB
        ("MemAvailable: 146484 kB\n", "warn"),
        ("MemTotal: 948280 kB\n", "ok"),
    ],
)
def test_memory(meminfo: str, status: str, tmp_path: Path) -> None:
    assert resources.check_memory(tree(tmp_path, {"proc/meminfo": meminfo})).status == status


@pytest.mark.parametrize(("megabytes", "status"), [(20_000, "ok"), (500, "ok"), (499, "warn")])
def test_disk(megabytes: int, status: str, tmp_path: Path) -> None:
    finding = resources.check_disk(tmp_path / "not" / "yet", lambda place: megabytes * 1_000_000)
    assert finding.status == status and str(tmp_path) in finding.message


def test_disk_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert resources.check_disk(tmp_path).status == "fail"


def test_the_disk_is_that_of_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's before those of the command line, unless a store is named."""
    monkeypatch.delenv("THINSMEAR_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    assert resources.check_store(tmp_path).message.endswith(f" in {tmp_path}/data")
    (tmp_path / "var/lib/thinsmear").mkdir(parents=True)
    assert resources.check_store(tmp_path).message.endswith(f" in {tmp_path}/var/lib/thinsmear")
    (tmp_path / "stick").mkdir()
    monkeypatch.setenv("THINSMEAR_STORE", str(tmp_path / "stick"))
    assert resources.check_store(tmp_path).message.endswith(f" in {tmp_path}/stick")


@pytest.mark.parametrize(
    ("is_own", "flags", "status"), [(False, 0, "ok"), (False, os.ST_RDONLY, "fail"), (True, 0, "fail")]
)
def test_the_services_folder_is_closed_to_others(
    is_own: bool, flags: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever logs in and asks is not the service, and may not write where it does; a worn-out card is still seen."""
    monkeypatch.delenv("THINSMEAR_STORE", raising=False)
    folder = tmp_path / "var/lib/thinsmear"
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner if is_own else owner + 1)
    disk = SimpleNamespace(f_flag=flags, f_frsize=4096, f_blocks=10**6, f_bfree=10**6, f_bavail=10**6)
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    assert resources.check_store(tmp_path).status == status


@pytest.mark.parametrize(
    ("day", "marked", "answer", "status"),
    [
        ("2026-11-21", True, None, "ok"),
        ("2026-11-21", False, True, "ok"),
        ("2026-11-21", False, False, "warn"),
        ("2026-11-21", False, None, "ok"),  # no systemd: not known
        ("1970-01-01", True, True, "warn"),
    ],
)
def test_clock(day: str, marked: bool, answer: bool | None, status: str, tmp_path: Path) -> None:
    tree(tmp_path, {"run/systemd/timesync/synchronized": ""} if marked else {})
    assert resources.check_clock(tmp_path, datetime.date.fromisoformat(day), lambda: answer).status == status


@pytest.mark.parametrize(("body", "status"), [("echo yes", "ok"), ("echo no", "warn"), ("exit 1", "ok")])
def test_what_timedatectl_says(body: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert resources.check_clock(tmp_path, datetime.date(2026, 11, 21)).status == status


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken() -> list[Finding]:
        raise PermissionError(13, "not for you")

    (finding,) = guarded("camera", broken)
    assert finding.status == "warn" and "not for you" in finding.message
    assert guarded("runtime", broken)[0].status == "fail"


def test_a_machine_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.golden_check, "check_model", lambda model: [])
    findings = doctor.examine(root=tmp_path / "nowhere")
    assert {finding.name for finding in findings} >= {"python", "runtime", "camera", "memory", "clock"}
    assert all(finding.cure for finding in findings if finding.status != "ok")


def test_what_the_proof_refutes_is_not_called_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = doctor.fail("numpy", "Importing NumPy fails.", "Install it again.")
    monkeypatch.setattr(doctor.golden_check, "check_model", lambda model: [broken])
    findings = doctor.examine(root=tmp_path)
    assert [finding for finding in findings if finding.name == "numpy"] == [broken]
    assert not doctor.can_classify(findings)
