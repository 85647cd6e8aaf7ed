"""USB cameras, on a capture object whose cable can be pulled."""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.cameras import CameraFault, open_camera, v4l2
from edge_runtime.cameras.grabber import Grabber, Timing
from edge_runtime.cameras.v4l2 import V4L2Camera
from edge_runtime.errors import EnvironmentLacks, WrongUsage

CONSTANTS = {
    "CAP_V4L2": 200, "CAP_PROP_FOURCC": 6, "CAP_PROP_FRAME_WIDTH": 3, "CAP_PROP_FRAME_HEIGHT": 4, "CAP_PROP_BUFFERSIZE": 38,
    "CAP_PROP_POS_MSEC": 0, "CAP_PROP_FPS": 5, "COLOR_BGR2RGB": 4, "COLOR_GRAY2RGB": 8,
    "CAP_PROP_EXPOSURE": 15, "CAP_PROP_AUTO_EXPOSURE": 21, "CAP_PROP_GAIN": 14, "CAP_PROP_BRIGHTNESS": 10,
    "CAP_PROP_CONTRAST": 11, "CAP_PROP_WB_TEMPERATURE": 45, "CAP_PROP_AUTO_WB": 44, "CAP_PROP_CONVERT_RGB": 16,
}  # fmt: skip


class Cable:
    """Everything about the one camera that a test may change."""

    def __init__(self) -> None:
        self.plugged = self.fresh = True
        self.sizes = {(1280, 960), (640, 480)}
        self.opened: list[FakeCapture] = []
        self.blocked: threading.Event | None = None
        self.grey = False
        self.files: list[bytes] = []  # what a camera of compressed frames gives, one after the other


class FakeCapture:
    def __init__(self, cable: Cable, device: str, api: int) -> None:
        assert (device, api) == ("/dev/null", CONSTANTS["CAP_V4L2"])
        self.cable, self.alive, self.reading = cable, cable.plugged, False
        self.settings: dict[int, float] = {}
        self.stamp = 0.0
        cable.opened.append(self)

    def isOpened(self) -> bool:
        return self.alive

    def set(self, setting: int, value: float) -> bool:
        self.settings[setting] = value
        return True

    def get(self, setting: int) -> float:
        if setting == CONSTANTS["CAP_PROP_POS_MSEC"]:
            return self.stamp
        if setting == CONSTANTS["CAP_PROP_FOURCC"] and self.cable.files:
            return self.settings[setting]
        if setting not in (3, 4):
            return {15: 156.0, 21: 1.0, 14: 0.0}.get(setting, -1.0)
        size = self.settings.get(3, 640), self.settings.get(4, 480)
        return (size if size in self.cable.sizes else (640, 480))[setting - 3]

    def read(self) -> tuple[bool, Any]:
        self.reading = True
        try:
            if self.cable.blocked is not None:
                self.cable.blocked.wait()
            time.sleep(0.002)
            assert self.alive, "read after release"
            if not self.cable.plugged:
                return False, None
            self.stamp += self.cable.fresh
            if self.cable.files and self.settings.get(CONSTANTS["CAP_PROP_CONVERT_RGB"]) == 0:
                return True, np.frombuffer(self.cable.files.pop(0), np.uint8)[np.newaxis]
            shape = (4, 6) if self.cable.grey else (4, 6, 3)
            return True, np.full(shape, (9,) if self.cable.grey else (40, 60, 200), np.uint8)
        finally:
            self.reading = False

    def release(self) -> None:
        assert not self.reading, "OpenCV crashes when it is released under a read"
        self.alive = False


def test_frames_carry_the_cameras_settings(cable: Cable) -> None:
    frame = open_camera("v4l2:/dev/null").read(1)
    assert frame.settings == {"exposure": 156.0, "auto_exposure": 1.0, "gain": 0.0}


def convert(picture: np.ndarray, code: int) -> np.ndarray:
    return np.stack([picture] * 3, axis=-1) if code == CONSTANTS["COLOR_GRAY2RGB"] else picture[..., ::-1].copy()


@pytest.fixture
def cable(monkeypatch: pytest.MonkeyPatch) -> Cable:
    cable = Cable()
    fake = SimpleNamespace(
        **CONSTANTS,
        VideoCapture=lambda device, api: FakeCapture(cable, device, api),
        VideoWriter_fourcc=lambda *letters: struct.unpack("<I", "".join(letters).encode())[0],
        cvtColor=convert,
    )
    monkeypatch.setitem(sys.modules, "cv2", fake)
    return cable


def test_the_fake_has_opencvs_names_and_numbers() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    assert {name: getattr(cv2, name) for name in CONSTANTS} == CONSTANTS
    assert cv2.VideoWriter_fourcc(*"MJPG") == 0x47504A4D
    capture = cv2.VideoCapture()
    assert all(hasattr(capture, name) for name in ("isOpened", "set", "get", "read", "release"))
    pixels = np.array([[[40, 60, 200]]], np.uint8)
    assert (cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) == convert(pixels, cv2.COLOR_BGR2RGB)).all()


def test_frames_are_rgb_and_numbered(cable: Cable) -> None:
    camera = V4L2Camera("/dev/null")
    first, second = camera.read(1.0), camera.read(1.0)
    assert tuple(first.pixels[0, 0]) == (200, 60, 40) and first.pixels.flags.c_contiguous
    assert (first.sequence, second.sequence) == (0, 1)
    (capture,) = cable.opened
    assert capture.settings == {6: 0x47504A4D, 3: 1280, 4: 960, 38: 1}  # MJPG, a buffer of one
    camera.close()
    camera.close()
    assert not capture.alive


def mjpeg_frame() -> bytes:
    """A frame as USB cameras send it: with restart markers, and nothing behind its end but what the buffer held."""
    stream = io.BytesIO()
    Image.effect_noise((64, 48), 40).convert("RGB").save(stream, "JPEG", restart_marker_rows=1)
    return stream.getvalue() + bytes(100)


def test_torn_frames_are_left_out_and_counted(cable: Cable) -> None:
    whole = mjpeg_frame()
    torn = whole[:900] + whole[1500:]
    cable.files = [torn, whole, torn, whole[:-300], whole]
    camera = V4L2Camera("/dev/null")
    first, second = camera.read(5), camera.read(5)
    assert np.array_equal(first.pixels, np.asarray(Image.open(io.BytesIO(whole)).convert("RGB")))
    assert second.pixels.shape == (48, 64, 3) and camera.damaged == 3
    assert (first.sequence, second.sequence) == (1, 4)


def test_a_camera_that_gives_only_torn_frames_says_so(cable: Cable) -> None:
    whole = mjpeg_frame()
    cable.files = [whole[:900] + whole[1500:]] * 1000
    with pytest.raises(CameraFault, match="gave only damaged frames"):
        V4L2Camera("/dev/null").read(0.05)


def test_grey_cameras(cable: Cable) -> None:
    cable.grey = True
    assert V4L2Camera("/dev/null").read(1.0).pixels.shape == (4, 6, 3)


def test_a_size_that_the_camera_has_not(cable: Cable) -> None:
    assert V4L2Camera("/dev/null", (640, 480)).read(1.0)
    with pytest.raises(WrongUsage, match=r"gives 640x480 pixels when asked for 1600x1200.*leave --size out"):
        V4L2Camera("/dev/null", (1600, 1200))
    assert not cable.opened[-1].alive


def test_a_camera_that_is_not_there_or_busy(cable: Cable) -> None:
    with pytest.raises(CameraFault, match=r"/dev/video97 is not connected; plug it in"):
        open_camera("v4l2:97")
    cable.plugged = False
    with pytest.raises(CameraFault, match=r"does not open; end the program that uses it"):
        open_camera("v4l2:/dev/null")


def test_a_device_of_another_group(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2.os, "access", lambda path, mode: False)
    with pytest.raises(CameraFault, match=r"usermod -aG video"):
        open_camera("v4l2:/dev/null")


def test_the_same_buffer_again_is_no_frame(cable: Cable) -> None:
    camera = V4L2Camera("/dev/null")
    camera.read(1.0)
    cable.fresh = False
    with pytest.raises(CameraFault, match=r"gave no new frame for 0.1 s"):
        camera.read(0.1)


def test_closing_under_a_read_leaves_the_release_to_the_reader(cable: Cable) -> None:
    camera = V4L2Camera("/dev/null")
    cable.blocked = threading.Event()

    def read() -> None:
        with pytest.raises(CameraFault):
            camera.read(5.0)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while not cable.opened[0].reading:
        time.sleep(0.01)
    camera.close()  # comes back although the read is stuck
    assert cable.opened[0].alive
    cable.blocked.set()
    reader.join(1200)
    assert not cable.opened[0].alive


def test_it_comes_back_after_the_cable_was_pulled(cable: Cable) -> None:
    timing = Timing(hung_after=0.2, close_within=0.2, first_retry=0.02, longest_retry=0.1)
    with Grabber(lambda: V4L2Camera("/dev/null"), timing) as grabber:
        for _ in range(5):
            frame = grabber.take(5)
            assert frame is not None
            cable.plugged = False
            while len([capture for capture in cable.opened if capture.alive]):
                grabber.take(0.01)
            time.sleep(0.1)
            opened = len(cable.opened)
            cable.plugged = True
            while len(cable.opened) == opened:
                grabber.take(0.01)
            again = grabber.take(5)
            assert again is not None and again.sequence > frame.sequence
        assert grabber.reopened >= 5
    assert not any(capture.alive for capture in cable.opened)


def test_plugged_in_again_it_may_have_another_number(
    cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's name is gone, but udev's name of the socket leads to the new one."""
    old, link = tmp_path / "video0", tmp_path / "by-path" / "usb-1.2-video-index0"
    old.touch()
    link.parent.mkdir()
    link.symlink_to(old)
    plugs = [str(link)]
    assert v4l2.plugs_of(str(old), link.parent) == plugs
    assert v4l2.plugs_of("/dev/null", link.parent) == [] == v4l2.plugs_of(str(old), tmp_path / "missing")

    opened: list[str] = []
    monkeypatch.setattr(v4l2, "plugs_of", lambda device: plugs)
    monkeypatch.setattr(v4l2, "V4L2Camera", lambda device, size: opened.append(device))
    make = v4l2.maker("v4l2:0", None)
    make()
    make()
    link.unlink()
    make()
    assert opened == ["/dev/video0", str(link), "/dev/video0"]


def test_opencv_is_told_by_names_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that it does not read would bound nothing."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    environment: dict[str, str] = {}
    monkeypatch.setattr(v4l2.os, "environ", environment)
    v4l2.import_cv2()
    told = {name.encode() for name in environment if name.startswith("OPENCV_VIDEOIO_")}
    (library,) = Path(cv2.__file__).parent.glob("cv2*.so")
    content = library.read_bytes()
    if b"OPENCV_VIDEOIO_V4L_RANGE_NORMALIZED" not in content:
        pytest.skip("this OpenCV reads no V4L2 cameras, or keeps that in a library beside")
    assert told and [name for name in told if name + b"\0" not in content] == []


def test_without_opencv_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(EnvironmentLacks, match=r'sudo apt install python3-opencv.*pip install "thinsmear\[field\]"'):
        open_camera("v4l2")


def capability(driver: str, place: str, all_flags: int, own_flags: int) -> bytes:
    """struct v4l2_capability of linux/videodev2.h."""
    return struct.pack("=16s32s32s6I", driver.encode(), b"Card", place.encode(), 0x60000, all_flags, own_flags, 0, 0, 0)


@pytest.mark.parametrize(
    "answer, expected",
    [
        (capability("uvcvideo", "usb-1.2", 0x84A00001, 0x04200001), ("uvcvideo", "usb-1.2", True)),
        (capability("uvcvideo", "usb-1.2", 0x84A00001, 0x04A00000), ("uvcvideo", "usb-1.2", False)),  # metadata
        (capability("old", "usb-1", 0x1, 0x0), ("old", "usb-1", True)),  # without flags of its own
        (capability("bcm2835-codec", "platform:x", 0x84204000, 0x04204000), ("bcm2835-codec", "platform:x", False)),
    ],
)
def test_the_kernels_answer(answer: bytes, expected: tuple[str, str, bool]) -> None:
    assert v4l2.parse_capability(answer) == expected


def test_each_camera_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, tuple[str, str, bool] | None] = {
        "video10": ("bcm2835-codec", "platform:a", True),
        "video0": ("uvcvideo", "usb-1", True),
        "video1": ("uvcvideo", "usb-1", False),
        "video2": ("uvcvideo", "usb-2", True),
        "video3": ("uvcvideo", "usb-2", True),
        "video4": None,  # may not be asked
        "video5": None,
    }
    for name in answers:
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text("bcm2835-codec-decode\n" if name == "video10" else "USB Microscope\n")
        (tmp_path / name / "index").write_text("1\n" if name == "video5" else "0\n")
    (tmp_path / "v4l-subdev0").mkdir()
    monkeypatch.setattr(v4l2, "query", lambda device: answers[device.name])
    found = v4l2.find(tmp_path, Path("/dev"))
    assert [info.spec for info in found] == ["v4l2:0", "v4l2:2", "v4l2:4"]
    assert found[0].name == "USB Microscope" and found[0].detail == "/dev/video0, usb-1"
    assert v4l2.find(tmp_path / "missing") == []


def test_what_is_no_camera_gives_no_answer(tmp_path: Path) -> None:
    assert v4l2.query(Path("/dev/null")) is None
    assert v4l2.query(tmp_path / "missing") is None
