"""A Debian trixie system for arm64, installed from Debian's packages without changing the machine it is made on.

It has what matters here of Raspberry Pi OS Lite: systemd, cloud-init, NetworkManager, OpenSSH, Python, the first
partition at /boot/firmware. The packages' own scripts run under qemu-user, in a user namespace that sees all users.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.arm64.conftest import CPU, ELF_AARCH64, download

CACHE = Path(os.environ.get("THINSMEAR_CACHE") or Path.home() / ".cache/thinsmear") / "boot"
SUITE = "trixie"
PACKAGES = (
    "?essential", "?priority(required)", "linux-image-arm64", "initramfs-tools", "init", "systemd-sysv", "udev", "kmod",
    "dbus", "libpam-systemd", "systemd-timesyncd", "zstd", "e2fsprogs", "dosfstools", "fdisk", "sudo", "locales",
    "keyboard-configuration", "console-setup", "openssh-server", "network-manager", "netplan.io", "rfkill", "iproute2",
    "procps", "curl", "python3", "python3-venv", "cloud-init",
)  # fmt: skip
# what qemu's virtual board needs to find its disk; the whole list would take minutes to pack under emulation
MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "ext4")
LOCALE = "en_GB.UTF-8"
# The namespace gets its users from outside, because newuidmap is not installed everywhere.
_WAIT = 'echo ready; read -r go; exec unshare --mount --net --pid --fork --kill-child sh -c "$SCRIPT"'
_INSIDE = """
set -e
mount -t binfmt_misc none "$ROOT/mnt"
printf %s "$FORMAT" > "$ROOT/mnt/register"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc" 2>/dev/null || mount --rbind /proc "$ROOT/proc"
export QEMU_CPU="$CPU" DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LANG=C.UTF-8
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
alias dpkg='dpkg --root="$ROOT" --force-unsafe-io'
dpkg --force-depends --unpack "$DEBS"/base-passwd_*.deb
dpkg --force-depends --configure base-passwd
dpkg --force-depends --unpack "$DEBS"/*.deb
unalias dpkg
# by the system's own dpkg, for which arm64 is native
chroot "$ROOT" dpkg --force-unsafe-io --configure --pending
chroot "$ROOT" /bin/sh -ec "$FINISH" || exit $?
exit 0
"""
_FINISH = f"""
sed -i 's/^# *{LOCALE} /{LOCALE} /' /etc/locale.gen
locale-gen
useradd --create-home --shell /bin/bash pi
systemctl enable ssh.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id /usr/sbin/policy-rc.d
: > /etc/machine-id
ssh-keygen -A
"""


def system() -> Path:
    """The installed system's root, owned by its own users; made once, in about ten minutes, then from the cache."""
    content = (SUITE, *PACKAGES, *MODULES, LOCALE, _INSIDE, _FINISH)
    key = hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]
    folder = CACHE / f"{SUITE}-{key}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{SUITE}-*"):
            shutil.rmtree(old)
        partial = CACHE / f"partial-{SUITE}"
        shutil.rmtree(partial, ignore_errors=True)
        download(SUITE, PACKAGES, CACHE / "apt")
        _install(partial, CACHE / "apt/cache/archives")
        partial.rename(folder)
    return folder


def _install(root: Path, debs: Path) -> None:
    root.mkdir()
    for name in ("bin", "sbin", "lib"):  # merged, as base-files will have it
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for deb in sorted(debs.glob("*.deb")):
        if _is_first(deb):
            content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(root)], stdin=content.stdout, check=True)
            assert content.wait() == 0, deb.name
    for name in ("dev", "proc", "mnt", "var/lib/dpkg/info", "var/lib/dpkg/updates", "boot/firmware"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()
    (root / "var/lib/dpkg/arch").write_text("arm64\n")
    modules = root / "etc/initramfs-tools/conf.d/modules"
    modules.parent.mkdir(parents=True)
    modules.write_text("MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n")
    (root / "etc/initramfs-tools/modules").write_text("\n".join(MODULES) + "\n")
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    with open(root.parent / "install.log", "w", buffering=1) as log:
        code = in_namespace(_INSIDE, {"ROOT": str(root), "DEBS": str(debs), "FINISH": _FINISH}, log.write)
    assert code == 0, f"see {root.parent / 'install.log'}"


def _is_first(deb: Path) -> bool:
    """What must be there before any package's script can run: the essential packages and what they need."""
    fields = subprocess.run(["dpkg-deb", "--field", str(deb), "Essential", "Priority"], capture_output=True, text=True)
    return "Essential: yes" in fields.stdout or "Priority: required" in fields.stdout or deb.name.startswith("lib")


def in_namespace(script: str, variables: dict[str, str], say: Callable[[str], object]) -> int:
    """Run a shell script as root of a user namespace with all of the machine's users, where arm64 programs can run."""
    settings = {"CPU": CPU, "FORMAT": ELF_AARCH64.format(qemu=shutil.which("qemu-aarch64-static")), "SCRIPT": script}
    process = subprocess.Popen(
        ["unshare", "--user", "sh", "-c", _WAIT], env={**os.environ, **settings, **variables}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{name}").write_text("0 0 65536")
    process.stdin.write("go\n")
    process.stdin.close()
    for line in process.stdout:
        say(line)
    return process.wait()
