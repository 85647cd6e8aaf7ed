"""Cameras, one file each behind one protocol; a camera's package is imported only when that camera is opened."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from edge_runtime.cameras.protocol import Camera, CameraFault, CameraInfo, EndOfStream, Frame, Pace
from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks, WrongUsage

__all__ = [
    "SCHEMES", "Camera", "CameraFault", "CameraInfo", "EndOfStream", "Frame", "Pace",
    "camera_maker", "list_cameras", "open_camera", "shown_spec",
]  # fmt: skip

# what a camera's name begins with -> its module, with maker(spec, size)
SCHEMES = {
    "picamera2": "edge_runtime.cameras.picamera2",
    "v4l2": "edge_runtime.cameras.v4l2",
    "http": "edge_runtime.cameras.http",
    "https": "edge_runtime.cameras.http",
    "replay": "edge_runtime.cameras.replay",
}
FORMS = "picamera2, picamera2:1, v4l2:0, v4l2:/dev/video0, http://HOST/PATH, https://HOST/PATH, replay:FOLDER[@FPS]"


def camera_maker(spec: str, size: tuple[int, int] | None = None) -> Callable[[], Camera]:
    """A function that opens the camera anew each time it is called.

    Args:
        spec: one of ``FORMS``; ``replay`` also takes a video file, and ``@FPS,loop``.
        size: (width, height) in pixels to ask the camera for; None for its own choice.

    Raises:
        WrongUsage: there is no such camera, or this one has no choice of sizes.
    """
    scheme = spec.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise WrongUsage(f"There is no camera {printable(spec)!r}; write one of {FORMS}.")
    make: Callable[[], Camera] = import_module(SCHEMES[scheme]).maker(spec, size)
    return make


def open_camera(spec: str, size: tuple[int, int] | None = None) -> Camera:
    """Open a camera; arguments and errors as for :func:`camera_maker`, and those of opening.

    Raises:
        EnvironmentLacks: a package is missing; the message names the line that installs it.
        CameraFault: the camera is missing, busy or does not answer.
    """
    return camera_maker(spec, size)()


def list_cameras() -> tuple[list[CameraInfo], list[str]]:
    """What is connected, and a sentence for each kind of camera that could not be looked for."""
    found: list[CameraInfo] = []
    notes: list[str] = []
    for scheme in ("picamera2", "v4l2"):
        try:
            found += import_module(SCHEMES[scheme]).find()
        except EnvironmentLacks as error:
            notes.append(str(error))
    return found, notes


def shown_spec(spec: str) -> str:
    """The spec as it may be printed: an address loses its password and its query."""
    if spec.lower().startswith(("http:", "https:")):
        from edge_runtime.cameras.http import masked

        return masked(spec)
    return printable(spec)
