"""Whether a Coral Edge TPU is plugged in, has its library, and may be used by this user."""

from __future__ import annotations

import os
from pathlib import Path

from edge_runtime.common.board import read_text
from edge_runtime.doctor.findings import Finding, ok, warn

# USB identity before and after the library has loaded its firmware
USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
_LIBRARY = "libedgetpu.so.1"
_LIBRARY_FOLDERS = ("usr/lib/*", "usr/lib", "usr/local/lib", "lib/*", "lib")
_INSTALL = "Install libedgetpu 16.0TF2.19.1 (feranick/libedgetpu, package libedgetpu1-std)"
_USB2_MEGABITS = 480


def check_accelerator(root: Path = Path("/")) -> Finding:
    """The Edge TPU, if there is one. Without one, the CPU does the work and all is well."""
    nodes = _usb_nodes(root) + sorted((root / "dev").glob("apex_*"))
    library = any(True for folder in _LIBRARY_FOLDERS for _ in root.glob(f"{folder}/{_LIBRARY}*"))
    if not nodes:
        return ok("accelerator", f"no Edge TPU{' (its library is installed)' if library else ''}; the CPU is used")
    name = "Edge TPU on PCIe" if nodes[-1].name.startswith("apex_") else f"Edge TPU on USB{_speed(root)}"
    if not library:
        return warn("accelerator", f"{name}, but its library {_LIBRARY} is missing.", f"{_INSTALL}.")
    refused = [node for node in nodes if node.exists() and not os.access(node, os.R_OK | os.W_OK)]
    if refused:
        cure = (
            "Install the udev rule (it comes with libedgetpu1-std), run `sudo usermod -aG plugdev,apex $USER` (those "
            "groups that exist), log in again, and plug the accelerator in again."
        )
        return warn("accelerator", f"{name}, but this user may not use /{refused[0].relative_to(root)}.", cure)
    return ok("accelerator", f"{name}; models compiled for it run there")


def _usb_devices(root: Path) -> list[Path]:
    return [
        folder
        for folder in sorted((root / "sys/bus/usb/devices").glob("*"))
        if (read_text(folder / "idVendor"), read_text(folder / "idProduct")) in USB_IDS
    ]


def _usb_nodes(root: Path) -> list[Path]:
    """The device files of Edge TPUs on USB; present or not, for a container may hide them."""
    nodes = []
    for folder in _usb_devices(root):
        bus, device = read_text(folder / "busnum") or "0", read_text(folder / "devnum") or "0"
        nodes.append(root / f"dev/bus/usb/{bus.zfill(3)}/{device.zfill(3)}")
    return nodes


def _speed(root: Path) -> str:
    speeds = [read_text(folder / "speed") or "" for folder in _usb_devices(root)]
    slow = any(speed.isdigit() and int(speed) <= _USB2_MEGABITS for speed in speeds)
    return " 2 (a blue USB 3 port would be faster)" if slow else ""
