"""Camera ``v4l2``: USB microscopes and webcams (UVC), through OpenCV."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.cameras.protocol import CameraFault, CameraInfo, Frame, Pace
from edge_runtime.common.text import printable
from edge_runtime.core.images import Reading, load_image
from edge_runtime.errors import BadImage, EnvironmentLacks, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_USUAL_SIZE = (1280, 960)  # OpenCV's own choice is 640x480, too coarse for parasites
_MJPEG = ("MJPG", "JPEG")
_READING = Reading(50_000_000, thorough=False)  # frame after frame: what costs nothing
_CLASS_FOLDER = Path("/sys/class/video4linux")
_DEVICES = Path("/dev")
_PLUGS = Path("/dev/v4l/by-path")
_CAPABILITY = struct.Struct("=16s32s32sIII12x")  # struct v4l2_capability, linux/videodev2.h
_VIDIOC_QUERYCAP = 0x80685600
_CAPTURE, _CAPTURE_MPLANE, _HAS_DEVICE_CAPS = 0x1, 0x1000, 0x80000000
# as the camera's records name them -> OpenCV's constant; a camera has only some, and shows -1 for the others
_CONTROLS = {
    "exposure": "CAP_PROP_EXPOSURE",
    "auto_exposure": "CAP_PROP_AUTO_EXPOSURE",
    "gain": "CAP_PROP_GAIN",
    "brightness": "CAP_PROP_BRIGHTNESS",
    "contrast": "CAP_PROP_CONTRAST",
    "white_balance": "CAP_PROP_WB_TEMPERATURE",
    "auto_white_balance": "CAP_PROP_AUTO_WB",
}
# the Pi's own sensor inputs, scalers and codecs: no cameras by themselves, libcamera drives them
_PI_DRIVERS = ("unicam", "rp1-cfe", "pispbe", "bcm2835-isp", "bcm2835-codec", "rpi-hevc-dec", "rpivid")


def import_cv2() -> Any:
    """OpenCV, quiet and with bounded waits.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    # read by OpenCV itself, once: a frame that does not come is waited for 3 s, not 10 s
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    try:
        import cv2  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise EnvironmentLacks(
            f"USB cameras and videos need OpenCV ({error}); on a Pi run `sudo apt install python3-opencv` and use a "
            'virtual environment made with --system-site-packages, elsewhere `pip install "thinsmear[field]"`.'
        ) from error
    return cv2


def maker(spec: str, size: tuple[int, int] | None) -> Callable[[], V4L2Camera]:
    """See :func:`edge_runtime.cameras.camera_maker`."""
    which = spec.partition(":")[2] or "0"
    device = f"/dev/video{int(which)}" if which.isdecimal() else which
    if not device.startswith("/dev/"):
        raise WrongUsage(f"The USB camera is {printable(which)!r}; write its number or device, as in v4l2:0.")
    plugs: list[str] = []  # found when it opens, for plugged in again it may have another number

    def make() -> V4L2Camera:
        camera = V4L2Camera(next(filter(os.path.exists, plugs), device), size)
        plugs[:] = plugs or plugs_of(device)
        return camera

    return make


def plugs_of(device: str, links: Path = _PLUGS) -> list[str]:
    """udev's names of a device by the USB socket that it sits in."""
    if not links.is_dir():
        return []
    return sorted(str(link) for link in links.iterdir() if os.path.realpath(link) == os.path.realpath(device))


class V4L2Camera:
    """See :class:`edge_runtime.cameras.protocol.Camera`."""

    pace = Pace.LIVE
    slowest = 0.0

    def __init__(self, device: str, size: tuple[int, int] | None = None) -> None:
        """Open a device such as ``/dev/video0``.

        Args:
            size: (width, height) that the camera must deliver; without it, about 1280x960.

        Raises:
            EnvironmentLacks: OpenCV is missing.
            CameraFault: there is no such device, this user may not open it, or it gives no frame.
            WrongUsage: the camera has no such size.
        """
        cv2 = self._cv2 = import_cv2()
        self.name = f"The camera {printable(device)}"
        self.damaged = 0
        self._sequence = 0
        self._stamp = 0.0
        self._lock = threading.Lock()
        self._closed = False
        self._settings: dict[str, float] = {}
        if not os.path.exists(device):
            raise CameraFault(f"{self.name} is not connected; plug it in, `thinsmear cameras` lists what is there.")
        if not os.access(device, os.R_OK | os.W_OK):
            raise CameraFault(
                f"{self.name} may not be opened by this user; run `sudo usermod -aG video $USER` and log in again."
            )
        self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        try:
            self._configure(size)
        except BaseException:
            self._capture.release()
            raise

    def _configure(self, size: tuple[int, int] | None) -> None:
        cv2, capture = self._cv2, self._capture
        if not capture.isOpened():
            raise CameraFault(f"{self.name} does not open; end the program that uses it, or try another number.")
        width, height = size or _USUAL_SIZE
        # uncompressed, a USB 2 camera manages a few frames a second at this size
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        given = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if size is not None and given != size:
            raise WrongUsage(
                f"{self.name} gives {given[0]}x{given[1]} pixels when asked for {width}x{height}; leave --size out, or "
                "choose one that `v4l2-ctl --list-formats-ext` shows."
            )
        # asked once: each is a transfer on the bus that the pictures need
        found = {name: capture.get(getattr(cv2, constant)) for name, constant in _CONTROLS.items()}
        self._settings = {name: value for name, value in found.items() if value != -1}
        self._compressed = self._asks_for_files()

    def _asks_for_files(self) -> bool:
        """Whether frames come as JPEG files, which shows torn ones; OpenCV would paint over what they lack."""
        code = int(self._capture.get(self._cv2.CAP_PROP_FOURCC))
        if code.to_bytes(4, "little", signed=code < 0).decode("latin-1") not in _MJPEG:
            return False
        return bool(self._capture.set(self._cv2.CAP_PROP_CONVERT_RGB, 0))

    def read(self, timeout: float) -> Frame:
        until = time.monotonic() + timeout
        damaged = self.damaged
        with self._lock:
            try:
                while not self._closed and time.monotonic() < until:
                    read, picture = self._capture.read()
                    captured = time.monotonic()
                    if self._closed:
                        break
                    if not read or picture is None:
                        raise CameraFault(f"{self.name} gave no frame; check its cable and its power.")
                    stamp = self._capture.get(self._cv2.CAP_PROP_POS_MSEC)
                    if stamp and stamp == self._stamp:  # the driver's last buffer once more
                        continue
                    self._stamp = stamp
                    self._sequence += 1
                    try:
                        pixels = self._to_rgb(picture)
                    except BadImage:
                        self.damaged += 1
                        continue
                    return Frame(pixels, self._sequence - 1, captured, settings=self._settings)
            finally:
                if self._closed:
                    self._capture.release()
        what = "gave only damaged frames" if self.damaged > damaged else "gave no new frame"
        raise CameraFault(f"{self.name} {what} for {timeout:g} s; check its cable and its power.")

    def close(self) -> None:
        self._closed = True
        # releasing under a running read crashes OpenCV; then the reader releases as soon as it returns
        if self._lock.acquire(timeout=0.5):
            self._capture.release()
            self._lock.release()

    def _to_rgb(self, picture: Any) -> NDArray[np.uint8]:
        if self._compressed and picture.ndim == 2 and 1 in picture.shape:
            return load_image(picture.tobytes(), reading=_READING)
        code = self._cv2.COLOR_GRAY2RGB if picture.ndim == 2 else self._cv2.COLOR_BGR2RGB
        rgb: NDArray[np.uint8] = self._cv2.cvtColor(picture, code)
        return rgb


def find(class_folder: Path = _CLASS_FOLDER, devices: Path = _DEVICES) -> list[CameraInfo]:
    """USB cameras by number: one entry each, although the kernel shows a camera as several device files."""
    seen: set[tuple[str, str]] = set()
    return list(_new_ones(class_folder, devices, seen)) if class_folder.is_dir() else []


def _new_ones(class_folder: Path, devices: Path, seen: set[tuple[str, str]]) -> Iterator[CameraInfo]:
    entries = (entry for entry in class_folder.iterdir() if entry.name.removeprefix("video").isdecimal())
    for entry in sorted(entries, key=lambda entry: int(entry.name.removeprefix("video"))):
        device = devices / entry.name
        capability = query(device)
        try:
            name = (entry / "name").read_text(errors="replace").strip()
        except OSError:  # unplugged meanwhile
            continue
        if capability is None:  # not ours to open: the kernel's first file of a camera has index 0
            try:
                first = (entry / "index").read_text().strip() == "0"
            except OSError:
                first = False
            driver, place, captures = "", entry.name, first
        else:
            driver, place, captures = capability
        is_pi = driver in _PI_DRIVERS or name.startswith(_PI_DRIVERS)
        if captures and not is_pi and (name, place) not in seen:
            seen.add((name, place))
            number = entry.name.removeprefix("video")
            yield CameraInfo(f"v4l2:{number}", printable(name), printable(f"{device}, {place}"))


def query(device: Path) -> tuple[str, str, bool] | None:
    """Driver, place on the bus, and whether it captures; None when the device cannot be asked."""
    import fcntl

    buffer = bytearray(_CAPABILITY.size)
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, buffer)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return parse_capability(bytes(buffer))


def parse_capability(answer: bytes) -> tuple[str, str, bool]:
    """The kernel's ``struct v4l2_capability`` as (driver, place on the bus, captures pictures)."""
    driver, _, place, _, of_all, of_this = _CAPABILITY.unpack(answer)
    flags = of_this if of_all & _HAS_DEVICE_CAPS else of_all
    words = [word.partition(b"\0")[0].decode(errors="replace") for word in (driver, place)]
    return words[0], words[1], bool(flags & (_CAPTURE | _CAPTURE_MPLANE))
