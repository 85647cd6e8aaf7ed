"""Which cameras the kernel sees, and whether the package that reads them is there; no camera is opened."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path

from edge_runtime.common.board import board_name, read_text
from edge_runtime.common.text import printable
from edge_runtime.doctor.findings import Finding, ok, warn

# parts of a Raspberry Pi that are video devices but no cameras
_INNER = re.compile(r"^(bcm2835-|rpivid|rpi-|pispbe|pisp|unicam|rp1-cfe|hevc|codec)", re.IGNORECASE)
# image sensors as their drivers name them: "imx708_wide 10-001a"; lens drivers (dw9807) are none
_SENSOR = re.compile(r"^(imx|ov|ar0|og0|mt9|arducam|irs)[\w-]* +\d+-[0-9a-f]+$", re.IGNORECASE)
_PICAMERA2 = (
    "Run `sudo apt install python3-picamera2` and make the environment with "
    "`python3 -m venv --system-site-packages`; docs/raspberry-pi.md has the commands."
)
_OPENCV = "Run `sudo apt install python3-opencv` (on a Raspberry Pi) or `pip install opencv-python-headless`."


def check_cameras(root: Path = Path("/"), has_module: Callable[[str], bool] | None = None) -> list[Finding]:
    """A finding a kind of camera that is there; one that says so when there is none.

    Args:
        has_module: whether a module can be imported; asked for picamera2 and cv2.
    """
    has_module = has_module or (lambda name: importlib.util.find_spec(name) is not None)
    findings = []
    if sensors := _names(root, "v4l-subdev*", _SENSOR.match):
        found = f"ribbon camera {', '.join(sensors)}"
        if has_module("picamera2"):
            findings.append(ok("camera", f"{found}; picamera2 is there"))
        else:
            findings.append(warn("camera", f"{found}, but picamera2 is missing.", _PICAMERA2))
    if usb := _names(root, "video*", lambda name: not _INNER.match(name)):
        findings.append(_usb(root, f"USB camera {', '.join(usb)}", has_module("cv2")))
    if findings:
        return findings
    if "Raspberry Pi" in (board_name(root) or ""):
        cure = "Plug in a USB microscope, or switch off and push the ribbon in straight; files need no camera."
        return [warn("camera", "No camera is connected.", cure)]
    return [ok("camera", "no camera; images come from files")]


def _usb(root: Path, found: str, has_opencv: bool) -> Finding:
    nodes = [root / "dev" / folder.name for folder in _devices(root, "video*", lambda name: not _INNER.match(name))]
    refused = [node for node in nodes if node.exists() and not os.access(node, os.R_OK | os.W_OK)]
    if refused:
        cure = "Run `sudo usermod -aG video $USER` and log in again."
        return warn("camera", f"{found}, but this user may not open /{refused[0].relative_to(root)}.", cure)
    if not has_opencv:
        return warn("camera", f"{found}, but OpenCV (cv2), which reads it, is missing.", _OPENCV)
    return ok("camera", f"{found}; OpenCV is there")


def _devices(root: Path, pattern: str, wanted: Callable[[str], object]) -> list[Path]:
    """Folders of /sys/class/video4linux; a camera's further pictures (metadata, index above 0) are left out.

    A sensor is counted on behind the pictures of the receiver that it is wired to, so its own index is not 0.
    """
    folders = sorted((root / "sys/class/video4linux").glob(pattern))
    named = [folder for folder in folders if wanted(read_text(folder / "name") or "")]
    return [folder for folder in named if pattern != "video*" or (read_text(folder / "index") or "0") == "0"]


def _names(root: Path, pattern: str, wanted: Callable[[str], object]) -> list[str]:
    return [printable(read_text(folder / "name") or folder.name) for folder in _devices(root, pattern, wanted)]
