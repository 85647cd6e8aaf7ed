"""A card as flashing leaves it: a disk image with a FAT boot partition and an ext4 root, and what the firmware reads.

The boot partition is prepared as a plain folder, which stands for the place where a card reader's partition is
mounted, and then packed into the FAT file system with mtools: that needs no kernel that can mount FAT.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
START, BOOT_SIZE, ROOT_SIZE = 8 * MIB, 512 * MIB, 3072 * MIB  # the stock image's boot partition has 512 MiB


@dataclass(frozen=True)
class Card:
    """A disk image.

    Attributes:
        image: the whole disk.
    """

    image: Path

    @property
    def _fat(self) -> str:
        return f"{self.image}@@{START}"

    def names(self) -> set[str]:
        """Paths of the files on the boot partition."""
        listed = _run("mdir", "-i", self._fat, "-s", "-b", "-a", "::/").splitlines()
        return {line.removeprefix("::/") for line in listed if not line.endswith("/")}

    def read(self, name: str) -> bytes:
        """A file of the boot partition."""
        return subprocess.run(["mtype", "-i", self._fat, f"::/{name}"], check=True, capture_output=True).stdout

    def raw_boot_partition(self) -> bytes:
        """Every byte of the boot partition, those of removed files included."""
        with self.image.open("rb") as stream:
            stream.seek(START)
            return stream.read(BOOT_SIZE)

    def firmware(self, folder: Path) -> tuple[Path, Path, str]:
        """What the board's firmware loads: kernel, initramfs, and the kernel's command line."""
        for name in ("kernel8.img", "initramfs8"):
            (folder / name).write_bytes(self.read(name))
        return folder / "kernel8.img", folder / "initramfs8", self.read("cmdline.txt").decode().strip()


def make_card(image: Path, root: Path, boot: Path) -> Card:
    """A disk image with the given root and boot partitions."""
    image.touch()
    subprocess.run(["truncate", "--size", str(START + BOOT_SIZE + ROOT_SIZE + MIB), str(image)], check=True)
    table = f"label: dos\n{START // 512},{BOOT_SIZE // 512},c\n{(START + BOOT_SIZE) // 512},{ROOT_SIZE // 512},83\n"
    subprocess.run(["sfdisk", "--quiet", str(image)], input=table, text=True, check=True)
    offset = ["--offset", str(START // 512)]
    _run("mkfs.vfat", "-F", "32", "-n", "bootfs", *offset, str(image), str(BOOT_SIZE // 1024))
    card = Card(image)
    _run("mcopy", "-i", card._fat, "-s", *map(str, sorted(boot.iterdir())), "::/")
    _run(
        "mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", str(root), "-E", f"offset={START + BOOT_SIZE}",
        str(image), f"{ROOT_SIZE // 1024}k",
    )  # fmt: skip
    return card


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command[:3])}: {done.stderr}"
    return done.stdout
