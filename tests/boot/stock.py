"""What the stock image has besides the system's packages, as far as it matters here: its root and its boot partition."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

# The stock image's first-boot question, as userconf-pi asks it: the boot waits until somebody types a name.
PROMPT = """\
[Unit]
Description=User configuration dialog (a stand-in for that of userconf-pi)
After=systemd-user-sessions.service
Before=getty@tty1.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'read -r name'
StandardInput=tty
TTYPath=/dev/tty1
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""
NETPLAN = "network:\n  version: 2\n  renderer: NetworkManager\n"
SEED = """\
datasource_list: [NoCloud, None]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware
"""
FILES = {
    "etc/cloud/cloud.cfg.d/99_seed.cfg": SEED,
    "etc/systemd/system/userconfig.service": PROMPT,
    "usr/lib/netplan/00-network-manager-all.yaml": NETPLAN,
    "etc/fstab": "LABEL=rootfs / ext4 defaults,noatime 0 1\nLABEL=bootfs /boot/firmware vfat defaults 0 2\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n",
    "etc/hostname": "raspberrypi\n",
    "etc/default/keyboard": 'XKBMODEL="pc105"\nXKBLAYOUT="gb"\nXKBVARIANT=""\nXKBOPTIONS=""\nBACKSPACE="guess"\n',
    # the first wired interface is eth0 there
    "etc/systemd/network/99-default.link": "[Match]\nOriginalName=*\n[Link]\nNamePolicy=\n",
    # a Pi has no clock that runs without power
    "etc/modprobe.d/no-clock.conf": "blacklist rtc-pl031\n",
}
CONFIG = "dtparam=audio=on\ncamera_auto_detect=1\n\n[all]\n"
# Emulation is ten to a hundred times slower than a board, so everything may take longer before it counts as hung.
_SLOW = base64.b64encode(b"[Service]\nTimeoutStartSec=45min\nWatchdogSec=10min\n").decode()
CMDLINE = (
    "console=tty1 console=ttyAMA0,115200 root=LABEL=rootfs rootfstype=ext4 fsck.repair=yes rootwait loglevel=4 "
    "systemd.default_device_timeout_sec=1800 systemd.default_timeout_start_sec=1800 "
    f"systemd.set_credential_binary=systemd.unit-dropin.thinsmear.service:{_SLOW} "
    "resize"  # how a stock card says that its first boot is ahead
)


def stock_root(folder: Path, system: Path) -> Path:
    """The root file system of a card that was just flashed."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(system), str(folder)], check=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    wanted = folder / "etc/systemd/system/multi-user.target.wants/userconfig.service"
    wanted.unlink(missing_ok=True)
    wanted.symlink_to("../userconfig.service")
    return folder


def stock_boot(folder: Path, system: Path) -> Path:
    """The boot partition of a card that was just flashed, with a Debian kernel in the place of Raspberry Pi's."""
    folder.mkdir()
    (kernel,) = (system / "boot").glob("vmlinuz-*")
    (initramfs,) = (system / "boot").glob("initrd.img-*")
    shutil.copyfile(kernel, folder / "kernel8.img")
    shutil.copyfile(initramfs, folder / "initramfs8")
    (folder / "start4.elf").write_bytes(b"no firmware: the emulator starts the kernel\n")
    (folder / "config.txt").write_text(CONFIG)
    (folder / "cmdline.txt").write_text(CMDLINE + "\n")
    for name in ("user-data", "network-config", "meta-data"):
        (folder / name).write_text("# nothing yet\n")
    return folder
