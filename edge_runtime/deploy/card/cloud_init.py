"""cloud-init's three files for Raspberry Pi OS Trixie (data source NoCloud on the boot partition).

Known traps this avoids: Imager's key-only cards stop at the prompt for a new user (raspberrypi/rpi-imager#1320,
#1330), because userconfig.service takes a user without a password for no user, and cloud-init's last stage waits
for that prompt; so the prompt is taken out in ``bootcmd``, which runs before it. The id on the kernel's command line
wins over the one in ``meta-data``, so both are written. Only keys of cloud-init's own schema are used. cloud-init can
look for these files before their partition is mounted, and then never looks again (canonical/cloud-init#6614); so
systemd gets a drop-in for its first stage with the kernel's command line, which is read before anything is mounted.
"""

from __future__ import annotations

import base64
from typing import Any

from edge_runtime.deploy.card import yamltext
from edge_runtime.deploy.card.boot_partition import FOLDER
from edge_runtime.deploy.card.settings import CardSettings

FILES = ("user-data", "network-config", "meta-data")
_DROP_IN = "systemd.set_credential_binary=systemd.unit-dropin.cloud-init-local.service:"
_MOUNTED = base64.b64encode(b"[Unit]\nRequiresMountsFor=/boot/firmware\n").decode()
DROP = ("ds=", _DROP_IN)
GROUPS = (
    "users",
    "adm",
    "dialout",
    "audio",
    "netdev",
    "video",
    "plugdev",
    "input",
    "gpio",
    "spi",
    "i2c",
    "render",
    "sudo",
)
# the partition may not be mounted yet when this runs; once its folder is gone, there is nothing to do
_EARLY = (
    "for boot in /boot/firmware /boot; do "
    'mountpoint -q "$boot" || mount "$boot" 2>/dev/null || true; '
    f'if [ -f "$boot/{FOLDER}/early.sh" ]; then exec sh "$boot/{FOLDER}/early.sh"; fi; '
    "done"
)


def user_data(settings: CardSettings) -> str:
    """``user-data``: host name, locale, keyboard, time zone, user and keys; the rest is started by ``bootcmd``."""
    layout, _, variant = settings.keyboard.partition(",")
    user: dict[str, Any] = {
        "name": settings.user,
        "gecos": "Administrator",
        "groups": ", ".join(GROUPS),
        "shell": "/bin/bash",
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",  # there is no password to ask for
    }
    if settings.keys:
        user["ssh_authorized_keys"] = [key.line for key in settings.keys]
    document: dict[str, Any] = {
        "hostname": settings.name,
        "manage_etc_hosts": True,
        "locale": settings.locale,
        "timezone": settings.time_zone,
        "keyboard": {"model": "pc105", "layout": layout, **({"variant": variant} if variant else {})},
        "users": [user],
        "ssh_pwauth": False,
        "disable_root": True,
        "package_update": False,  # there is no network at the site
        "package_upgrade": False,
        "bootcmd": [["sh", "-c", _EARLY]],
    }
    return "#cloud-config\n" + yamltext.dump(document)


def network_config(settings: CardSettings) -> str:
    """``network-config`` (netplan's version 2): the cable by DHCP, and the Wi-Fi to join.

    An access point is not described here but as NetworkManager's own file, which can say what small radios need.
    ``optional`` keeps a missing network from holding up the boot.
    """
    network: dict[str, Any] = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "optional": True}}}
    wifi = settings.wifi
    if wifi is not None and not wifi.access_point:
        point: dict[str, Any] = {} if wifi.key is None else {"password": wifi.key}
        if wifi.hidden:
            point["hidden"] = True
        network["wifis"] = {
            "wlan0": {
                "dhcp4": True,
                "optional": True,
                "regulatory-domain": wifi.country,
                "access-points": {wifi.ssid: point},
            }
        }
    return yamltext.dump({"network": network})


def meta_data(instance_id: str, settings: CardSettings) -> str:
    """``meta-data``: the id that makes cloud-init see a new machine, and that nothing comes over a network."""
    return yamltext.dump({"instance-id": instance_id, "local-hostname": settings.name, "dsmode": "local"})


def parameters(instance_id: str) -> tuple[str, ...]:
    """What the kernel's command line says to systemd (credentials of this kind: since 256) and to cloud-init."""
    return (_DROP_IN + _MOUNTED, f"ds=nocloud;i={instance_id}")
