"""A Picamera2 without a camera: same signatures, same errors, and a scene of one colour."""

from __future__ import annotations

import errno
import math
import threading
import time
from concurrent.futures import CancelledError, Future
from typing import Any, ClassVar

import numpy as np

_ANY = object()  # in the place of libcamera's own objects
_STREAM_KEYS = ("format", "size", "stride", "preserve_ar")


class FakeRequest:
    """One captured frame, to be released exactly once."""

    def __init__(self, device: FakePicamera2, metadata: dict[str, Any]) -> None:
        self._device = device
        self._metadata = metadata
        device.held += 1

    def make_array(self, name: str) -> np.ndarray:
        stream = self._device.camera_config[name]
        width, height = stream["size"]
        if name == "main":
            order = {"BGR888": (0, 1, 2), "RGB888": (2, 1, 0)}[stream["format"]]
            return np.tile(np.array(self._device.scene, np.uint8)[list(order)], (height, width, 1))
        stride = width + 32
        planes = np.full((height * 3 // 2, stride), 128, np.uint8)
        planes[:height, :width] = 90
        return planes

    def get_metadata(self) -> dict[str, Any]:
        return self._metadata

    def release(self) -> None:
        self._device.held -= 1


class FakePicamera2:
    """See the module. Class attributes set the scene; a test changes them with monkeypatch."""

    scene: ClassVar[tuple[int, int, int]] = (200, 60, 40)
    resolution: ClassVar[tuple[int, int]] = (4056, 3040)
    models: ClassVar[list[str]] = ["imx477"]
    unstable_frames: ClassVar[int] = 6
    advertised: ClassVar[tuple[str, ...]] = ("AeEnable", "AwbEnable", "ExposureTime", "AnalogueGain", "ColourGains")
    memory: ClassVar[int | None] = None  # bytes for buffers; None is without end
    start_error: ClassVar[str | None] = None
    given_format: ClassVar[str | None] = None
    opened: ClassVar[list[FakePicamera2]] = []

    def __init__(self, camera_num=0, verbose_console=None, tuning=None, allocator=None):  # type: ignore[no-untyped-def]
        if any(device.is_open for device in self.opened):
            try:
                raise RuntimeError("Failed to acquire camera: Device or resource busy")
            except RuntimeError as error:
                raise RuntimeError("Camera __init__ sequence did not complete.") from error
        self.camera_config: dict[str, Any] = {}
        self.sensor_resolution = self.resolution
        self.is_open, self.started = True, False
        self.previews: list[object] = []
        self.controls: dict[str, Any] = {}
        self.frames = self.held = 0
        self.calls: list[str] = []
        self.silent = False
        self._jobs: list[Future[Any]] = []
        self._lock = threading.Lock()
        self.opened.append(self)

    @staticmethod
    def global_camera_info():  # type: ignore[no-untyped-def]
        usb = {"Model": "USB", "Location": 2, "Id": "/base/scb/pcie/usb@0", "Num": 9}
        own = [{"Model": model, "Id": f"/base/i2c/{model}", "Num": i} for i, model in enumerate(FakePicamera2.models)]
        return [*own, usb]

    @property
    def camera_controls(self):  # type: ignore[no-untyped-def]
        return dict.fromkeys(self.advertised, (0, 1, 0))

    def create_still_configuration(  # type: ignore[no-untyped-def]
        self, main={}, lores=None, raw={}, transform=_ANY, colour_space=_ANY, buffer_count=1, controls={},  # noqa: B006
        display=None, encode=None, queue=True, sensor={}, use_case="still",  # noqa: B006
    ):  # fmt: skip
        streams: dict[str, Any] = {
            "main": {"format": "BGR888", "size": self.sensor_resolution},
            "lores": {"format": "YUV420"},
            "raw": {"format": "SBGGR12"},
        }
        for name, updates in (("main", main), ("lores", lores), ("raw", raw)):
            if updates is None:
                streams[name] = None
                continue
            bad = set(updates) - set(_STREAM_KEYS)
            if bad:
                raise ValueError(f"Bad key {bad.pop()!r}: valid stream configuration keys are {_STREAM_KEYS}")
            streams[name] = {"size": streams["main"]["size"], **streams[name], **updates}
            width, height = streams[name]["size"]
            streams[name]["size"] = (width - width % 2, height - height % 2)
        return {**streams, "buffer_count": buffer_count, "use_case": use_case, "controls": controls}

    def configure(self, camera_config=None):  # type: ignore[no-untyped-def]
        main, lores = camera_config["main"]["size"], camera_config["lores"]["size"]
        if any(side % 2 for side in (*main, *lores)):
            raise RuntimeError("width and height should be even")
        if lores[0] > main[0] or lores[1] > main[1]:
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        needed = camera_config["buffer_count"] * (3 * main[0] * main[1] + 2 * math.prod(camera_config["raw"]["size"]))
        if self.memory is not None and needed > self.memory:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")  # what ioctl answers for the heap of such buffers
        self.camera_config = camera_config
        if self.given_format:
            self.camera_config["main"]["format"] = self.given_format

    def camera_configuration(self):  # type: ignore[no-untyped-def]
        return self.camera_config

    def start_preview(self, preview=None):  # type: ignore[no-untyped-def]
        self.previews.append(preview)

    def start(self, config=None, show_preview=False):  # type: ignore[no-untyped-def]
        if not self.camera_config:
            raise RuntimeError("Camera has not been configured")
        if self.start_error:
            raise RuntimeError(self.start_error)
        if show_preview is not None:
            self.start_preview(show_preview)
        self.started = True

    def stop(self):  # type: ignore[no-untyped-def]
        self.calls.append("stop")
        self.started = False

    def close(self):  # type: ignore[no-untyped-def]
        self.calls.append("close")
        self.started = self.is_open = False

    def set_controls(self, controls):  # type: ignore[no-untyped-def]
        for name in controls:
            if name not in self.advertised:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.controls |= controls

    def capture_metadata(self, wait=None, signal_function=None):  # type: ignore[no-untyped-def]
        return self._job(wait, lambda: self._metadata())

    def capture_request(self, wait=None, signal_function=None, flush=None):  # type: ignore[no-untyped-def]
        return self._job(wait, lambda: FakeRequest(self, self._metadata()))

    def cancel_all_and_flush(self):  # type: ignore[no-untyped-def]
        self.calls.append("cancel")
        with self._lock:
            for job in self._jobs:
                if not job.done():
                    job.set_exception(CancelledError())

    def _job(self, wait: Any, make: Any) -> Any:
        """A job for the event loop; None waits for ever, a number of seconds raises when it passes."""
        if not self.started:
            raise RuntimeError("the camera is not started")
        job: Future[Any] = Future()
        with self._lock:
            self._jobs = [*(job for job in self._jobs if not job.done()), job]
        if not self.silent:
            time.sleep(0.002)
            job.set_result(make())
        return job.result(timeout=None if wait in (None, True) else wait)

    def _metadata(self) -> dict[str, Any]:
        self.frames += 1
        left = max(0, self.unstable_frames - self.frames)
        metadata = {"ExposureTime": 10_000 + 3000 * left, "AnalogueGain": 1.5, "SensorTimestamp": time.monotonic_ns()}
        if "ColourGains" in self.advertised:
            metadata["ColourGains"] = (2.1, 1.7 + 0.3 * left)
        return metadata
