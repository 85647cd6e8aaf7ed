"""The boot partition of a freshly flashed Raspberry Pi OS card: what it is, what it already says, writing to it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.files import sync_folder, write_atomically
from edge_runtime.common.text import printable
from edge_runtime.deploy.kit.manifest import sha256_of
from edge_runtime.errors import BadData, WrongUsage

FOLDER = "thinsmear"  # everything of ours on the partition, apart from the files the system looks for by name
CARD = f"{FOLDER}/card.json"
_BOOTED = f"{FOLDER}/booted"  # left there by the first boot
# first-boot settings of other tools, which would contradict ours
_OTHERS = ("ssh", "ssh.txt", "userconf", "userconf.txt", "firstrun.sh", "custom.toml", "wpa_supplicant.conf")
_KERNELS = ("kernel8.img", "kernel_2712.img")
_FIRMWARE = ("start4.elf", "*.dtb")
_CLOUD_INIT = ("meta-data", "user-data", "network-config")
_SECRETS = (f"{FOLDER}/secrets/", *_OTHERS, *_CLOUD_INIT)  # beginnings of paths that can hold keys or pass phrases
_OWN_BOOT = (Path("/"), Path("/boot"), Path("/boot/firmware"))
_SPARE = 16 << 20  # bytes that stay free, for the kernel's next update
_BEGIN, _END = "# thinsmear: begin", "# thinsmear: end"


@dataclass(frozen=True)
class BootPartition:
    """A boot partition as it was found.

    Attributes:
        path: where it is mounted.
        system: ``"bookworm"`` or ``"trixie"``; None when it does not say, or its first boot is over.
        cmdline: the kernel's parameters.
        config: text of ``config.txt``.
        instance: which of our cards this is already; None for a fresh one.
    """

    path: Path
    system: str | None
    cmdline: str
    config: str
    instance: str | None


def open_partition(path: Path) -> BootPartition:
    """Look at a mounted boot partition.

    Raises:
        WrongUsage: the path is not the boot partition of a 64-bit Raspberry Pi OS card, or the card has booted already.
        OSError: it cannot be read.
    """
    name = printable(path)
    if path.resolve() in _OWN_BOOT:
        raise WrongUsage(f"{name} belongs to the system this computer runs from; name where the card is mounted.")
    if not path.is_dir():
        raise WrongUsage(f"There is no folder {name}; put the card in, and name where its first partition is mounted.")
    lacking = [what for what in ("config.txt", "cmdline.txt") if not (path / what).is_file()]
    if not any((path / kernel).is_file() for kernel in _KERNELS):
        lacking.append(" or ".join(_KERNELS))
    if not any(True for pattern in _FIRMWARE for _ in path.glob(pattern)):
        lacking.append(" or ".join(_FIRMWARE))
    if lacking:
        raise WrongUsage(
            f"{name} is not the boot partition of a Raspberry Pi OS (64-bit) card: it has no {', no '.join(lacking)}. "
            "Flash the card first, and name where its first partition (bootfs) is mounted."
        )
    if (path / _BOOTED).exists():
        raise WrongUsage(
            f"The card at {name} has booted as {printable(_instance(path) or 'a device')} already and would ignore new "
            "settings; flash it again."
        )
    cmdline = (path / "cmdline.txt").read_text(encoding="utf-8", errors="replace").strip()
    if len(cmdline.splitlines()) != 1:
        raise WrongUsage(f"cmdline.txt on {name} has {len(cmdline.splitlines())} lines instead of one; flash it again.")
    config = (path / "config.txt").read_text(encoding="utf-8", errors="replace")
    return BootPartition(path, _system(path, cmdline), cmdline, config, _instance(path))


def _system(path: Path, cmdline: str) -> str | None:
    """What is fresh says it: Trixie's images carry cloud-init's three files, which stay, and the kernel parameter
    ``resize``, which goes at the first boot; Bookworm's first boot is started by a parameter, which goes as well.
    """
    if any((path / name).exists() for name in _CLOUD_INIT):
        return "trixie" if "resize" in cmdline.split() else None
    return "bookworm" if "raspberrypi-sys-mods/firstboot" in cmdline or "systemd.run=" in cmdline else None


def _instance(path: Path) -> str | None:
    try:
        return str(json.loads((path / CARD).read_text(encoding="utf-8"))["instance_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def with_parameters(cmdline: str, drop: Sequence[str], add: Sequence[str]) -> str:
    """The kernel's parameters without those that begin with one of ``drop``, and with ``add`` at the end, one line."""
    kept = [word for word in cmdline.split() if not word.startswith(tuple(drop))]
    return " ".join([*kept, *add]) + "\n"


def with_block(config: str, lines: Sequence[str]) -> str:
    """``config.txt`` with our lines at its end; those of an earlier call are replaced."""
    kept: list[str] = []
    ours = False
    for line in config.splitlines():
        ours = ours or line.strip() == _BEGIN
        if not ours:
            kept.append(line)
        if line.strip() == _END:
            ours = False
    while kept and not kept[-1].strip():
        kept.pop()
    return "\n".join([*kept, "", _BEGIN, *lines, _END]) + "\n"


def require_space(partition: BootPartition, needed: int) -> None:
    """Whether so many bytes fit, with some left over; what an earlier call left there counts as free.

    Raises:
        WrongUsage: too little space.
    """
    ours = partition.path / FOLDER
    reusable = sum(path.stat().st_size for path in ours.rglob("*") if path.is_file()) if ours.is_dir() else 0
    free = shutil.disk_usage(partition.path).free + reusable
    if free < needed + _SPARE:
        raise WrongUsage(
            f"{printable(partition.path)} has {free / 1e6:.0f} MB free; {(needed + _SPARE) / 1e6:.0f} MB are needed. "
            "Flash the card again with a current image (its boot partition has 512 MB)."
        )


def write_files(path: Path, files: Mapping[str, bytes], copies: Mapping[str, Path]) -> None:
    """Write contents and copies below ``path``, in that order, each in one step.

    What is of ours on the card and not among them is removed, and so are first-boot settings of other tools. The
    files that start our first boot (``cmdline.txt`` above all) should be last in ``files``: a card pulled out too
    early is then still a stock card.

    Args:
        files: path on the partition to contents.
        copies: path on the partition to a file of this computer; written before ``files``.
    """
    ours = path / FOLDER
    for old in sorted(ours.rglob("*"), reverse=True) if ours.is_dir() else []:
        if old.is_dir():
            if not any(old.iterdir()):
                old.rmdir()
        elif (name := old.relative_to(path).as_posix()) not in {*files, *copies}:
            _blank(path, name)
            old.unlink()
    for name in set(_OTHERS) - set(files):
        _blank(path, name)
        (path / name).unlink(missing_ok=True)
    for name, source in copies.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reader, (path / name).open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        sync_folder((path / name).parent)
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        _blank(path, name)
        write_atomically(path / name, content)


def _blank(path: Path, name: str) -> None:
    """Overwrite a file that can hold a secret with zeros: removed or replaced only, it stays readable in free space."""
    target = path / name
    if not name.startswith(_SECRETS) or not target.is_file():
        return
    with target.open("r+b") as stream:
        stream.write(bytes(target.stat().st_size))
        stream.flush()
        os.fsync(stream.fileno())


def verify(path: Path, files: Mapping[str, bytes], sums: Mapping[str, str]) -> None:
    """Read everything back, from the card itself where the system allows that, and compare.

    Args:
        sums: path on the partition to SHA-256, for what was copied.

    Raises:
        BadData: the card does not hold what was written.
    """
    for name in [*files, *sums]:
        target = path / name
        try:
            _forget(target)
            same = target.read_bytes() == files[name] if name in files else sha256_of(target) == sums[name]
        except OSError as error:
            raise BadData(f"{name} cannot be read back from the card ({error}); use another card.") from error
        if not same:
            raise BadData(f"{name} reads back differently from what was written; use another card.")


def _forget(path: Path) -> None:
    """Ask the system to drop its copy of a file, so that the next reading comes from the card."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
