"""Which camera a server follows: a named one, or whichever is connected."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.cameras import Camera, CameraFault, camera_maker, list_cameras, shown_spec

AUTO = "auto"


class CameraChoice:
    """Opens the camera each time it is called.

    Attributes:
        spec: the camera, as it may be shown.
    """

    def __init__(self, spec: str, make: Callable[[], Camera]) -> None:
        self.spec = shown_spec(spec)
        self._make = make

    def __call__(self) -> Camera:
        return self._make()


class AnyCamera(CameraChoice):
    """The first camera that is connected, looked for anew each time: the Pi's own ones first."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        super().__init__(AUTO, self._find)
        self._size = size

    def _find(self) -> Camera:
        found, _ = list_cameras()
        if not found:
            raise CameraFault("No camera is connected; plug one in, or see `thinsmear cameras`.")
        self.spec = found[0].spec
        return camera_maker(self.spec, self._size)()


def choose(spec: str, size: tuple[int, int] | None) -> CameraChoice:
    """A choice from what ``--camera`` says; arguments and errors as :func:`edge_runtime.cameras.camera_maker`."""
    return AnyCamera(size) if spec.lower() == AUTO else CameraChoice(spec, camera_maker(spec, size))
