"""Camera ``picamera2``: the Raspberry Pi's own cameras, through libcamera."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as JobTimeout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.cameras.protocol import CameraFault, CameraInfo, Frame, Pace
from edge_runtime.common.board import read_fields
from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks, WrongUsage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# libcamera names formats after the value as a little-endian number, so BGR888 has R first in memory, RGB888 has B first
_RGB_IN_MEMORY = "BGR888"
_MEMORY_INFO = Path("/proc/meminfo")
_LITTLE_MEMORY = 1_000_000_000  # bytes; boards sold with 1 GB show less than this
_LIVE_WIDTH = 640
# Without --size: twice the 40 pixels across a cell that a field needs, and several such pictures fit a small board.
_ENOUGH_PIXELS = 3_200_000
_SETTLE_SECONDS = 4.0
_STEADY_FRAMES = 4
_STEADY_CHANGE = 0.02
# as records name them -> libcamera's metadata
_RECORDED = {
    "exposure_us": "ExposureTime",
    "analogue_gain": "AnalogueGain",
    "digital_gain": "DigitalGain",
    "colour_gains": "ColourGains",
    "lens_position": "LensPosition",
}
_BUSY = ("in use by another process", "resource busy", "failed to acquire", "unexpected code: -16", "requiring state")


def maker(spec: str, size: tuple[int, int] | None) -> Callable[[], PiCamera]:
    """See :func:`edge_runtime.cameras.camera_maker`."""
    number = spec.partition(":")[2] or "0"
    if not number.isdecimal():
        raise WrongUsage(f"The camera number is {printable(number)!r}; write picamera2:0, picamera2:1 and so on.")
    return lambda: PiCamera(int(number), size)


def import_picamera2() -> Any:
    """The class Picamera2.

    Raises:
        EnvironmentLacks: it, or something that it needs, is not installed.
    """
    try:
        from picamera2 import Picamera2  # type: ignore[import-not-found, unused-ignore]
    except (ImportError, OSError) as error:
        raise EnvironmentLacks(
            f"The Pi's own cameras need picamera2 ({printable(str(error))}); run `sudo apt install python3-picamera2` "
            "and make the virtual environment with `python3 -m venv --system-site-packages`."
        ) from error
    except ValueError as error:  # its compiled parts were built for another NumPy
        raise EnvironmentLacks(
            f"picamera2 does not load ({printable(str(error))}): a pip-installed NumPy hides the system's; run "
            "`pip uninstall numpy` in the virtual environment."
        ) from error
    if not hasattr(Picamera2, "cancel_all_and_flush"):  # since 0.3.22, like time-outs of captures
        raise EnvironmentLacks(
            "picamera2 is older than 0.3.22, with which a silent camera cannot be closed; run `sudo apt update` and "
            "`sudo apt full-upgrade`."
        )
    return Picamera2


def find() -> list[CameraInfo]:
    """The cameras on the Pi's connectors, by number; USB cameras, which libcamera shows too, are left to v4l2.

    Raises:
        EnvironmentLacks: picamera2 is not installed.
    """
    cameras = import_picamera2().global_camera_info()
    return [
        CameraInfo(f"picamera2:{number}", printable(str(camera.get("Model", "?"))), printable(str(camera["Id"])))
        for number, camera in enumerate(cameras)
        if "/usb" not in camera["Id"]
    ]


class PiCamera:
    """See :class:`edge_runtime.cameras.protocol.Camera`.

    Exposure, gain and white balance settle on the first frames and then stay, so that fields compare with each other.
    """

    pace = Pace.ASKED
    slowest = 0.0

    def __init__(self, number: int = 0, size: tuple[int, int] | None = None) -> None:
        """Open the camera, let it settle and lock it, which takes a few seconds.

        Args:
            number: as ``thinsmear cameras`` counts.
            size: (width, height) of the pictures; None for :func:`enough_of`. In the sensor's shape they show its
                whole field, in another as much of it as fits.

        Raises:
            EnvironmentLacks: picamera2 is not installed.
            CameraFault: there is no such camera, another program has it, it gives no frames, or there is no memory for
                them.
        """
        self.name = f"The camera picamera2:{number}"
        self.damaged = 0
        self._sequence = 0
        self._closed = False
        self._lock = threading.Lock()  # no frame is copied while its buffers are taken away
        picamera2 = import_picamera2()
        if number >= len(picamera2.global_camera_info()):
            raise CameraFault(
                f"{self.name} is not connected; push its flat cable in on both ends and start the Pi again, "
                "`rpicam-hello --list-cameras` must show it."
            )
        try:
            self._device = picamera2(camera_num=number)
        except (RuntimeError, IndexError) as error:
            raise self._fault(error) from error
        try:
            self._start(size)
            self._lock_exposure(self._settled())
        except BaseException as error:
            self.close()
            if isinstance(error, (RuntimeError, JobTimeout, CancelledError)):
                raise self._fault(error) from error
            raise

    def _start(self, size: tuple[int, int] | None) -> None:
        device = self._device
        whole = device.sensor_resolution
        width, height = size or enough_of(whole)
        if width > whole[0] or height > whole[1]:
            raise WrongUsage(f"{self.name} has {whole[0]}x{whole[1]} pixels, not {width}x{height}; ask for fewer.")
        live_width = min(_LIVE_WIDTH, width - width % 2)
        self._live_size = live_width, round(live_width * height / width / 2) * 2
        configuration = device.create_still_configuration(
            main={"format": _RGB_IN_MEMORY, "size": (width, height)},
            lores={"format": "YUV420", "size": self._live_size},
            raw={"size": whole},  # the sensor's mode with the whole field; smaller ones may cut the edges off
            buffer_count=_buffers(),
        )
        try:
            self._run(configuration)
        except (RuntimeError, OSError) as error:
            if not any("allocate" in reason.lower() for reason in _reasons(error)):
                raise
            raise CameraFault(
                f"{self.name} gets no memory for pictures of {width}x{height} pixels; ask for smaller ones, as with "
                f"`--size {width // 2}x{height // 2}`, or start the Pi again."
            ) from error

    def _run(self, configuration: dict[str, Any]) -> None:
        device = self._device
        device.configure(configuration)
        main = device.camera_configuration()["main"]
        if main["format"] != _RGB_IN_MEMORY:
            raise CameraFault(
                f"{self.name} gives {main['format']}, not {_RGB_IN_MEMORY}; a USB camera is read as v4l2:0."
            )
        device.start(show_preview=False)  # no window: only the loop that collects frames

    def _settled(self) -> dict[str, Any]:
        """Metadata of the frame from which exposure and colours are steady, or of the last one when they never are."""
        until = time.monotonic() + _SETTLE_SECONDS
        metadata: dict[str, Any] = self._device.capture_metadata(wait=_SETTLE_SECONDS)
        steady = 1
        while steady < _STEADY_FRAMES and time.monotonic() < until:
            after = self._device.capture_metadata(wait=_SETTLE_SECONDS)
            before, now = _settings(metadata), _settings(after)
            same = np.allclose(now, before, rtol=_STEADY_CHANGE)
            steady, metadata = steady + 1 if same else 1, after
        return metadata

    def _lock_exposure(self, metadata: dict[str, Any]) -> None:
        wanted = {"AeEnable": False, "AwbEnable": False}
        wanted |= {name: metadata[name] for name in ("ExposureTime", "AnalogueGain", "ColourGains") if name in metadata}
        known = self._device.camera_controls  # a grey sensor has no white balance
        self._device.set_controls({name: value for name, value in wanted.items() if name in known})

    def read(self, timeout: float) -> Frame:
        request = None
        try:
            # flush: exposed after this call, so the picture shows the slide as it lies now
            request = self._device.capture_request(wait=timeout, flush=True)
            with self._lock:
                if self._closed:
                    raise CameraFault(f"{self.name} was closed.")
                main, lores = request.make_array("main"), request.make_array("lores")
                metadata = request.get_metadata()
        except (JobTimeout, CancelledError) as error:
            raise CameraFault(f"{self.name} gave no frame for {timeout:g} s; check its flat cable.") from error
        except RuntimeError as error:
            raise self._fault(error) from error
        finally:
            if request is not None:
                request.release()
        self._sequence += 1
        stamp = metadata.get("SensorTimestamp")
        captured = stamp / 1e9 if stamp else time.monotonic()
        live = yuv420_to_rgb(lores, self._live_size)
        return Frame(main, self._sequence - 1, captured, live=live, settings=_recorded(metadata))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.ExitStack() as steps:  # each is done even when another fails
            steps.callback(self._device.close)
            steps.callback(self._device.stop)
            self._device.cancel_all_and_flush()  # wakes a reader that waits for a frame
            if self._lock.acquire(timeout=1.0):  # one that copies a frame is done by then
                self._lock.release()

    def _fault(self, error: BaseException) -> CameraFault:
        """One sentence from an error and what led to it: picamera2 says the reason only in the innermost one."""
        reasons = _reasons(error)
        if any(word in reason.lower() for reason in reasons for word in _BUSY):
            return CameraFault(
                f"{self.name} is in use by another process; end it (`sudo fuser -v /dev/media*` shows it) and retry."
            )
        reason = printable(reasons[-1] or type(error).__name__)
        return CameraFault(f"{self.name} does not start ({reason}); `rpicam-hello` must work first.")


def enough_of(whole: tuple[int, int]) -> tuple[int, int]:
    """(width, height) that pictures get when nobody asks for a size.

    All of a sensor's pixels up to about 3 million, above that a whole fraction of its width and height: a field in
    finer pixels costs memory and time and shows no more of a cell.
    """
    part = 1
    while (whole[0] // part) * (whole[1] // part) > _ENOUGH_PIXELS:
        part += 1
    return whole if part == 1 else (whole[0] // part // 2 * 2, whole[1] // part // 2 * 2)


def _buffers() -> int:
    """How many pictures of each stream are kept in memory at a time; with one, those in between are left out."""
    kilobytes = read_fields(_MEMORY_INFO, ":").get("MemTotal", "").split()
    is_little = bool(kilobytes) and kilobytes[0].isdecimal() and int(kilobytes[0]) * 1024 < _LITTLE_MEMORY
    return 1 if is_little else 2


def _reasons(error: BaseException) -> list[str]:
    """What an error says, and those that led to it."""
    reasons: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(reasons) < 5:
        reasons.append(str(cause).strip().rstrip("."))
        cause = cause.__cause__ or cause.__context__
    return reasons


def _settings(metadata: dict[str, Any]) -> list[float]:
    light = float(metadata.get("ExposureTime", 0)) * float(metadata.get("AnalogueGain", 1))
    return [light, *map(float, metadata.get("ColourGains", ()))]


def _recorded(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a record says of the exposure, by names with their units."""
    found = {name: metadata[key] for name, key in _RECORDED.items() if key in metadata}
    return {name: [*map(float, value)] if isinstance(value, tuple) else float(value) for name, value in found.items()}


def yuv420_to_rgb(planes: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The live stream's planes as RGB, in full-range BT.601 as JPEG uses it (libcamera's ``Sycc``).

    Args:
        planes: uint8 [h * 3 / 2, stride]: h rows of Y, then U and V at half the size, rows padded to the stride.
        size: (width, height), even.

    Returns:
        uint8 [height, width, 3].
    """
    width, height = size
    stride = planes.shape[1]
    flat = planes.reshape(-1)
    grey = flat[: height * stride].reshape(height, stride)[:, :width].astype(np.float32)
    quarter = height * stride // 4
    u, v = (
        flat[start : start + quarter].reshape(height // 2, stride // 2)[:, : width // 2].astype(np.float32) - 128
        for start in (height * stride, height * stride + quarter)
    )
    u, v = (plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (u, v))
    rgb = np.stack([grey + 1.402 * v, grey - 0.344136 * u - 0.714136 * v, grey + 1.772 * u], axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)
