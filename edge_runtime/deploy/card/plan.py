"""All files for one card: what is written, under which name, and which of them hold secrets."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from importlib import resources

from edge_runtime.common.text import printable
from edge_runtime.deploy.card import bookworm, cloud_init
from edge_runtime.deploy.card.boot_partition import (
    CARD,
    FOLDER,
    BootPartition,
    require_space,
    verify,
    with_block,
    with_parameters,
    write_files,
)
from edge_runtime.deploy.card.settings import CardSettings
from edge_runtime.deploy.card.wifi import network_manager_file
from edge_runtime.deploy.kit.manifest import SUMS, Kit
from edge_runtime.errors import WrongUsage

MASK = "********"
SECRETS = f"{FOLDER}/secrets"
_SCRIPTS = resources.files("edge_runtime.deploy.card") / "scripts"
_COPIED = ("early.sh", "first-boot.sh", "thinsmear-first-boot.service")
_REGDOM = "cfg80211.ieee80211_regdom="


@dataclass(frozen=True)
class CardPlan:
    """What a card gets.

    Attributes:
        settings: what it becomes.
        instance_id: unique for each card, so that cloud-init takes each for a new machine.
        files: path on the partition to contents, in the order of writing.
        kit: copied to ``thinsmear/kit``.
    """

    settings: CardSettings
    instance_id: str
    files: dict[str, bytes]
    kit: Kit

    @property
    def size(self) -> int:
        """Bytes that are written."""
        return sum(map(len, self.files.values())) + self.kit.size

    def shown(self) -> dict[str, str]:
        """The files as text, for a dry run; hashed pass phrases are masked."""
        key = self.settings.wifi.key if self.settings.wifi else None
        texts = {name: content.decode("utf-8") for name, content in self.files.items()}
        return {name: text.replace(key, MASK) if key else text for name, text in texts.items()}


def make_plan(settings: CardSettings, kit: Kit, partition: BootPartition, instance_id: str) -> CardPlan:
    """Decide every file for a card.

    Raises:
        WrongUsage: the kit is for another system than the card's.
    """
    if kit.target != settings.system:
        raise WrongUsage(
            f"The kit is for {kit.target}, the card holds {settings.system}; make a kit with "
            f"`--target {settings.system}`, or flash {kit.target}."
        )
    files: dict[str, bytes] = {f"{FOLDER}/{name}": (_SCRIPTS / name).read_bytes() for name in _COPIED}
    files[f"{FOLDER}/settings.sh"] = _shell_settings(settings).encode()
    if settings.keys:
        files[f"{FOLDER}/authorized_keys"] = "".join(f"{key.line}\n" for key in settings.keys).encode()
        files["ssh"] = b""  # the stock image's own switch
    # the stock image's own way past its prompt: this user, and a password that nothing matches
    files["userconf.txt"] = f"{settings.user}:*\n".encode()
    wifi = settings.wifi
    if wifi is not None and (wifi.access_point or settings.system == "bookworm"):
        kind = "access-point" if wifi.access_point else "wifi"
        files[f"{SECRETS}/thinsmear-{kind}.nmconnection"] = network_manager_file(wifi).encode()
    if settings.system == "trixie":
        files["user-data"] = cloud_init.user_data(settings).encode()
        files["network-config"] = cloud_init.network_config(settings).encode()
        files["meta-data"] = cloud_init.meta_data(instance_id, settings).encode()
        drop, add = [_REGDOM, *cloud_init.DROP], [*cloud_init.parameters(instance_id)]
    else:
        files[bookworm.SCRIPT] = bookworm.first_run()
        drop, add = [_REGDOM, *bookworm.DROP], [*bookworm.parameters()]
    if wifi is not None:
        add.insert(0, f"{_REGDOM}{wifi.country}")
    files["config.txt"] = with_block(partition.config, _config_lines(settings)).encode()
    card = {"instance_id": instance_id, "name": settings.name, "kit": kit.id, "version": kit.details.get("version")}
    files[CARD] = (json.dumps(card, indent=1) + "\n").encode()
    files["cmdline.txt"] = with_parameters(partition.cmdline, drop, add).encode()  # last: it starts our first boot
    return CardPlan(settings, instance_id, files, kit)


def carry_out(plan: CardPlan, partition: BootPartition) -> None:
    """Write the plan to the card, read everything back, and compare.

    Raises:
        WrongUsage: too little space.
        BadData: the card does not hold what was written.
        OSError: it cannot be written, or was pulled out.
    """
    require_space(partition, plan.size)
    sums = {f"{FOLDER}/kit/{name}": digest for name, digest in plan.kit.files.items()}
    copies = {f"{FOLDER}/kit/{name}": plan.kit.root / name for name in [*plan.kit.files, SUMS]}
    write_files(partition.path, plan.files, copies)
    verify(partition.path, {**plan.files, f"{FOLDER}/kit/{SUMS}": (plan.kit.root / SUMS).read_bytes()}, sums)


def inspect(settings: CardSettings, partition: BootPartition, system: str | None) -> CardSettings:
    """The settings with the system that the card really holds.

    Args:
        system: what the user says; None: believe the card.

    Raises:
        WrongUsage: the card does not say which system it holds, or another one than the user.
    """
    found = partition.system
    if found is None and system is None:
        raise WrongUsage(
            f"{printable(partition.path)} does not say which system it holds, because no first boot is ahead of it; "
            "is the card fresh? Flash it again, or say --system bookworm or trixie."
        )
    if found is not None and system is not None and found != system:
        raise WrongUsage(f"The card holds {found}, not {system}; leave --system out, or flash {system}.")
    return replace(settings, system=found or system or "")


def _shell_settings(settings: CardSettings) -> str:
    layout, _, variant = settings.keyboard.partition(",")
    # opened when it is there, and tried again while it is not
    camera = {"usb": "v4l2:0", "none": None, "auto": "auto"}.get(settings.camera, "picamera2")
    options = [*(["--camera", camera] if camera else []),
               *(["--size", settings.picture_size] if settings.picture_size else []),
               *(["--host", "0.0.0.0"] if settings.page == "network" else [])]  # fmt: skip
    values = {
        "SYSTEM": settings.system, "NAME": settings.name, "USER_NAME": settings.user,
        "SSH": "yes" if settings.keys else "no", "COUNTRY": settings.wifi.country if settings.wifi else "",
        "LOCALE": settings.locale, "KEYBOARD_LAYOUT": layout, "KEYBOARD_VARIANT": variant,
        "TIME_ZONE": settings.time_zone, "SERVE_OPTIONS": " ".join(options),
    }  # fmt: skip
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _config_lines(settings: CardSettings) -> list[str]:
    """Lines for ``config.txt``: camera, Coral, the hardware watchdog, clock, LED and button."""
    lines = ["[all]", "dtparam=watchdog=on"]
    if settings.camera == "auto":
        lines.append("camera_auto_detect=1")
    else:
        lines.append("camera_auto_detect=0")
        if settings.camera not in ("usb", "none"):
            lines.append(f"dtoverlay={settings.camera}")
    if settings.coral == "usb":
        # the accelerator draws up to 900 mA; a Pi 5 gives that to USB only when it is told that its supply can
        lines += ["[pi5]", "usb_max_current_enable=1", "[all]"]
    elif settings.coral == "pcie":
        # its driver needs pages of 4 KiB, which the Pi 5's own kernel lacks, and no MSI through the MIP
        lines += ["[pi5]", "dtparam=pciex1", "kernel=kernel8.img", "dtoverlay=pciex1-compat-pi5,no-mip", "[all]"]
    if settings.clock != "none":
        lines += ["dtparam=i2c_arm=on", f"dtoverlay=i2c-rtc,{settings.clock}"]
    if settings.led is not None:
        # blinks from the kernel's start on; the service's unit makes it steady
        lines.append(f"dtoverlay=gpio-led,gpio={settings.led},label=thinsmear,trigger=timer")
    if settings.button is not None:
        # the kernel makes it a power key, which systemd obeys
        lines.append(f"dtoverlay=gpio-shutdown,gpio_pin={settings.button}")
    return lines
