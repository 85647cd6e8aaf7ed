"""Boot partitions of freshly flashed cards, and wheels small enough to make a kit of in a moment."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.deploy.kit.build import Sources, make_kit
from edge_runtime.deploy.kit.manifest import Kit

_CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait"
FIRST_BOOT = {"bookworm": "quiet init=/usr/lib/raspberrypi-sys-mods/firstboot", "trixie": "resize"}
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILyaISMw003DHQiUC5+eX8c8J1aeK+P/5xhPO/jBaAy1 me@host"
# what its console command does on the device; Python 3.10 or later and nothing else
_PROGRAM = "def main():\n    print('thinsmear, a stand-in')\n"

# what pip does with small wheels, in a tenth of the time: unpack them all, and make their commands
_PIP = """
import pathlib, sys, sysconfig, zipfile
[links] = [word.partition("=")[2] for word in sys.argv if word.startswith("--find-links=")]
site, scripts = pathlib.Path(sysconfig.get_path("purelib")), pathlib.Path(sysconfig.get_path("scripts"))
for wheel in pathlib.Path(links).glob("*.whl"):
    name = wheel.name.partition("-")[0]
    if name != "pip":
        zipfile.ZipFile(wheel).extractall(site)
        command = scripts / name
        command.write_text(f"#!{sys.executable}\\nimport {name}\\n{name}.main()\\n")
        command.chmod(0o755)
"""


def make_card(path: Path, system: str) -> Path:
    """What the boot partition of a stock image has, as far as it matters."""
    path.mkdir(parents=True)
    (path / "config.txt").write_text("dtparam=audio=on\ncamera_auto_detect=1\n\n[cm5]\ndtoverlay=dwc2\n\n[all]\n")
    (path / "cmdline.txt").write_text(f"{_CMDLINE} {FIRST_BOOT[system]}\n")
    (path / "kernel8.img").write_bytes(b"kernel")
    (path / "start4.elf").write_bytes(b"firmware")
    if system == "trixie":
        for name in ("user-data", "meta-data", "network-config"):
            (path / name).write_text("# nothing yet\n")
    return path


def make_wheel(folder: Path, name: str, version: str = "1.0", requires: Sequence[str] = (), extras: str = "") -> Path:
    """A pure-Python wheel, always with the same bytes."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {line}\n" for line in requires]
    metadata += [f"Provides-Extra: {extra}\n" for extra in extras.split()]
    files = {
        f"{module}.py": _PROGRAM,
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    if name == "pip":
        files["pip/__main__.py"] = _PIP
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), text)
    return path


def make_small_kit(
    folder: Path,
    target: str,
    pip: Path | None = None,
    version: str = "1.0",
    models: tuple[Path, ...] = (),
    debs: tuple[Path, ...] = (),
) -> Kit:
    """A kit whose program is a stand-in with one dependency.

    Args:
        pip: a real wheel of pip; None for one that can only do what is needed here.
        models, debs: as :class:`~edge_runtime.deploy.kit.build.Sources` has them.
    """
    wheels = folder / "wheels"
    make_wheel(wheels, "helper")
    if pip is None:
        make_wheel(wheels, "pip")
    else:
        shutil.copy(pip, wheels)
    ours = make_wheel(folder / "ours", "thinsmear", version, ["helper>=1"])
    return make_kit(Sources(target, models, ours, wheels, debs), folder / "kit")
