"""Tests that boot a whole arm64 system in an emulator: only on demand (``make test-boot``), and only where they can run."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.arm64.conftest import KEYRING

# program -> the Debian package that has it
PROGRAMS = {
    "qemu-system-aarch64": "qemu-system-arm", "qemu-aarch64-static": "qemu-user-static", "mkfs.vfat": "dosfstools",
    "mcopy": "mtools", "mke2fs": "e2fsprogs", "sfdisk": "fdisk", "dpkg": "dpkg", "apt-get": "apt", "ssh": "openssh-client",
    "ssh-keygen": "openssh-client", "unshare": "util-linux",
}  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "boot: boots a whole system in an emulator, run by make test-boot")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked boot run when they are asked for by name of the mark, and in no other run."""
    if "boot" in (config.getoption("markexpr") or ""):
        return
    asked = [item for item in items if item.get_closest_marker("boot") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in asked])
    items[:] = asked


@pytest.fixture(scope="session")
def can_boot() -> None:
    """Skip where no system can be made and booted."""
    if os.geteuid() != 0:
        pytest.skip("making a card's image needs root")
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None})
    if missing:
        pytest.skip(f"programs are missing; on Debian: apt-get install {' '.join(missing)}")
    if not KEYRING.exists():
        pytest.skip(f"{KEYRING} is missing; apt-get install debian-archive-keyring")
    own = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "none", "/mnt"]
    if subprocess.run(own, capture_output=True).returncode:
        pytest.skip("arm64 programs cannot be registered in a user namespace: Linux 6.7 is needed")
