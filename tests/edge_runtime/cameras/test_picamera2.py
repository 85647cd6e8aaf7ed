"""The Pi's own camera, on a fake that is held against picamera2's own signatures."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cli
from edge_runtime.cameras import CameraFault, list_cameras, open_camera
from edge_runtime.cameras import picamera2 as module
from edge_runtime.cameras.auto import choose
from edge_runtime.errors import EnvironmentLacks, WrongUsage
from tests.fakes.picamera2 import FakePicamera2, FakeRequest
from tests.fakes.picamera2_api import API, VERSION, read_api

FAKES = {"Picamera2": FakePicamera2, "CompletedRequest": FakeRequest}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    """picamera2 is installed, with one camera."""
    package = types.ModuleType("picamera2")
    package.Picamera2 = FakePicamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", package)
    monkeypatch.setattr(FakePicamera2, "opened", [])
    return FakePicamera2


@pytest.mark.parametrize("class_name, method", [(key[1], name) for key, methods in API.items() for name in methods])
def test_the_fake_has_the_signatures_of_the_real_one(class_name: str, method: str) -> None:
    (expected,) = (methods[method] for key, methods in API.items() if key[1] == class_name)
    attribute = inspect.getattr_static(FAKES[class_name], method)
    if isinstance(attribute, property):
        assert expected == []
        return
    own = [p for p in inspect.signature(getattr(FAKES[class_name], method)).parameters.values() if p.name != "self"]
    assert [p.name for p in own] == [name for name, _ in expected]
    for parameter, (_, default) in zip(own, expected, strict=True):
        assert (parameter.default is parameter.empty) == (default is None)
        if default is not None and not default.startswith("libcamera."):
            assert parameter.default == ast.literal_eval(default)


def test_the_fake_offers_nothing_else_that_the_camera_uses() -> None:
    """What the camera asks of picamera2's objects stands in the table."""
    tree = ast.parse(Path(module.__file__).read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("self._device", "device", "request", "picamera2", "import_picamera2()")
    }
    known = {name for methods in API.values() for name in methods} | {"sensor_resolution"}  # an attribute
    assert used and used <= known


def test_the_table_is_the_installed_package() -> None:
    """Against the source of picamera2 where it is: installed, or unpacked in the folder THINSMEAR_PICAMERA2."""
    spec = importlib.util.find_spec("picamera2")
    where = os.environ.get("THINSMEAR_PICAMERA2") or (spec and spec.origin and str(Path(spec.origin).parent))
    if not where:
        pytest.skip(f"picamera2 is not installed; the table is that of {VERSION}")
    for (file, class_name), methods in API.items():
        real = read_api((Path(where) / file).read_text(), class_name)
        assert {name: real.get(name) for name in methods} == methods


def test_a_still_frame_and_the_live_picture_beside_it(device: type[FakePicamera2]) -> None:
    camera = open_camera("picamera2")
    first, second = camera.read(1.0), camera.read(1.0)
    assert first.pixels.shape == (1520, 2028, 3) and first.pixels.dtype == np.uint8
    assert tuple(first.pixels[0, 0]) == device.scene  # red stays red
    assert first.live is not None and first.live.shape == (480, 640, 3) and set(first.live.reshape(-1)) == {90}
    assert (first.sequence, second.sequence) == (0, 1) and second.captured > first.captured
    (opened,) = device.opened
    assert opened.previews == [False]  # no window, only the loop that collects frames
    assert opened.camera_config["use_case"] == "still"
    assert opened.camera_config["main"]["format"] == "BGR888" and opened.camera_config["raw"]["size"] == (4056, 3040)
    camera.close()
    camera.close()
    assert opened.calls == ["cancel", "stop", "close"] and not opened.is_open and opened.held == 0


def test_exposure_and_colours_are_locked_once_they_are_steady(device: type[FakePicamera2]) -> None:
    open_camera("picamera2:0")
    (opened,) = device.opened
    assert opened.frames > device.unstable_frames
    assert opened.controls == {
        "AeEnable": False, "AwbEnable": False, "ExposureTime": 10_000, "AnalogueGain": 1.5, "ColourGains": (2.1, 1.7)
    }  # fmt: skip


def test_frames_carry_the_cameras_settings(device: type[FakePicamera2]) -> None:
    frame = open_camera("picamera2:0").read(1)
    assert frame.settings == {"exposure_us": 10_000.0, "analogue_gain": 1.5, "colour_gains": [2.1, 1.7]}


def test_a_grey_sensor_has_no_white_balance(device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "advertised", ("AeEnable", "ExposureTime", "AnalogueGain"))
    open_camera("picamera2")
    assert set(device.opened[0].controls) == {"AeEnable", "ExposureTime", "AnalogueGain"}


@pytest.mark.parametrize(
    "resolution, asked, size, live",
    [
        ((4608, 2592), None, (2304, 1296), (640, 360)),
        ((4056, 3040), None, (2028, 1520), (640, 480)),
        ((3280, 2464), None, (1640, 1232), (640, 480)),
        ((9248, 6944), None, (1848, 1388), (640, 480)),
        ((1456, 1088), None, (1456, 1088), (640, 478)),
        ((4056, 3040), (4056, 3040), (4056, 3040), (640, 480)),
        ((4056, 3040), (1280, 960), (1280, 960), (640, 480)),
        ((4056, 3040), (401, 301), (400, 300), (400, 300)),
    ],
)
def test_sizes(
    device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch,
    resolution: tuple[int, int], asked: tuple[int, int] | None, size: tuple[int, int], live: tuple[int, int],
) -> None:  # fmt: skip
    monkeypatch.setattr(device, "resolution", resolution)
    frame = open_camera("picamera2", asked).read(1.0)
    assert frame.pixels.shape == (size[1], size[0], 3)
    assert frame.live is not None and frame.live.shape == (live[1], live[0], 3)
    assert device.opened[0].camera_config["raw"]["size"] == resolution  # always the whole field


@pytest.mark.parametrize(
    "meminfo, buffers",
    [
        ("MemTotal:         437588 kB\n", 1),  # Zero 2 W
        ("MemTotal:         927268 kB\n", 1),  # 3B+
        ("MemTotal:        1893220 kB\n", 2),
        ("", 2),  # not told
    ],
)
def test_with_little_memory_one_picture_is_kept(
    device: type[FakePicamera2], meminfo: str, buffers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text(meminfo)
    monkeypatch.setattr(module, "_MEMORY_INFO", tmp_path / "meminfo")
    assert open_camera("picamera2", (64, 48)).read(1.0).sequence == 0
    assert device.opened[0].camera_config["buffer_count"] == buffers


def test_a_camera_without_memory_for_its_pictures(device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_buffers", lambda: 2)
    monkeypatch.setattr(device, "memory", 100_000_000)
    cure = r"no memory for pictures of 4056x3040 pixels; ask for smaller ones, as with `--size 2028x1520`"
    with pytest.raises(CameraFault, match=cure):
        open_camera("picamera2", (4056, 3040))
    assert not device.opened[0].is_open
    open_camera("picamera2", (2028, 1520)).close()  # the cure cures


@pytest.mark.parametrize(
    "reason, message",
    [
        ("Failed to start camera: Cannot allocate memory", "no memory for pictures of 640x480 pixels"),
        ("Failed to start camera: Broken pipe", r"does not start \(Failed to start camera: Broken pipe\)"),
    ],
)
def test_a_camera_that_does_not_start(
    device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, reason: str, message: str
) -> None:
    monkeypatch.setattr(device, "start_error", reason)
    with pytest.raises(CameraFault, match=message):
        open_camera("picamera2", (640, 480))
    assert not device.opened[0].is_open


def test_a_camera_that_another_process_has(device: type[FakePicamera2]) -> None:
    camera = open_camera("picamera2")
    with pytest.raises(CameraFault, match=r"in use by another process; end it .*fuser"):
        open_camera("picamera2")
    camera.close()
    open_camera("picamera2").close()


@pytest.mark.parametrize("spec, message", [("picamera2:4", "is not connected"), ("picamera2:2", "is not connected")])
def test_a_camera_that_is_not_there(device: type[FakePicamera2], spec: str, message: str) -> None:
    with pytest.raises(CameraFault, match=message):
        open_camera(spec)


def test_it_is_released_when_opening_fails(device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "given_format", "MJPEG")
    with pytest.raises(CameraFault, match="gives MJPEG"):
        open_camera("picamera2")
    monkeypatch.setattr(device, "given_format", None)
    with pytest.raises(WrongUsage, match="has 4056x3040 pixels, not 9000x9000"):
        open_camera("picamera2", (9000, 9000))
    monkeypatch.setattr(device, "camera_controls", property(lambda self: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        open_camera("picamera2")
    assert len(device.opened) == 3 and not any(opened.is_open for opened in device.opened)


def test_silence_is_a_fault_after_the_time_out(device: type[FakePicamera2]) -> None:
    camera = open_camera("picamera2", (64, 48))
    device.opened[0].silent = True
    with pytest.raises(CameraFault, match=r"gave no frame for 0.1 s"):
        camera.read(0.1)


def test_closing_wakes_a_reader(device: type[FakePicamera2]) -> None:
    camera = open_camera("picamera2", (64, 48))
    device.opened[0].silent = True
    threading.Timer(0.1, camera.close).start()
    with pytest.raises(CameraFault):
        camera.read(30.0)
    assert not device.opened[0].is_open


def test_listing_leaves_usb_cameras_to_v4l2(device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "models", ["imx477", "imx219"])
    assert [(info.spec, info.name) for info in module.find()] == [("picamera2:0", "imx477"), ("picamera2:1", "imx219")]


def test_without_the_package_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(EnvironmentLacks, match=r"sudo apt install python3-picamera2.*--system-site-packages"):
        open_camera("picamera2")
    assert any("python3-picamera2" in sentence for sentence in list_cameras()[1])


def test_an_old_package_is_refused(device: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(device, "cancel_all_and_flush")
    with pytest.raises(EnvironmentLacks, match=r"older than 0.3.22.*apt full-upgrade"):
        open_camera("picamera2")


@pytest.mark.parametrize("spec", ["picamera2", "picamera2:0", "auto"])
def test_the_page_takes_a_size(device: type[FakePicamera2], spec: str) -> None:
    assert choose(spec, (2028, 1520))().read(1.0).pixels.shape == (1520, 2028, 3)


def test_a_probe_takes_a_size(device: type[FakePicamera2], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["cameras", "--probe", "picamera2", "--size", "2028x1520"]) == 0
    assert capsys.readouterr().out.startswith("picamera2 works: 2028x1520 pixels")
    assert cli.run(["cameras", "--size", "2028x1520"]) == WrongUsage.exit_code
    assert "give --probe CAMERA too" in capsys.readouterr().err


def test_watch_takes_a_size(
    device: type[FakePicamera2], model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--camera", "picamera2", "--size", "400x300", "--frames", "1", "--model", str(model_path))
    assert cli.run(["watch", *arguments, "--save", str(tmp_path / "kept")]) == 0, capsys.readouterr().err
    (kept,) = (tmp_path / "kept").iterdir()
    assert Image.open(kept).size == (400, 300)


def test_colours_of_the_live_stream() -> None:
    """Corners of the YCbCr cube, computed by Pillow, which uses JPEG's full range too."""
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 200, 90), (255, 255, 255)]:
        y, u, v = Image.new("RGB", (1, 1), colour).convert("YCbCr").getpixel((0, 0))  # type: ignore[misc]
        planes = np.concatenate([np.full(n, value, np.uint8) for n, value in ((32, y), (8, u), (8, v))]).reshape(6, 8)
        shown = module.yuv420_to_rgb(planes, (8, 4))
        assert shown.shape == (4, 8, 3) and np.abs(shown.astype(int) - colour).max() <= 2
