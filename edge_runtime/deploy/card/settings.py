"""What a card shall become: every value is checked before anything is written."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import re
import struct
import zoneinfo
from dataclasses import dataclass

from edge_runtime.cameras.protocol import parse_size
from edge_runtime.common.text import printable
from edge_runtime.deploy.card.wifi import Wifi
from edge_runtime.errors import WrongUsage

SYSTEMS = ("bookworm", "trixie")
# Sensors of Raspberry Pi's and common third-party cameras, as their overlays are called, with the size of picture that
# is asked of each: its own shape, about 3 million pixels, for several must fit into memory; None: all the sensor has.
SENSORS: dict[str, str | None] = {
    **dict.fromkeys(("imx219", "imx378", "imx477", "imx500", "imx519", "ov5647", "ov64a40"), "2028x1520"),
    **dict.fromkeys(("imx415", "imx708"), "2304x1296"),
    **dict.fromkeys(("imx290", "imx296", "imx327", "imx462", "ov9281")),
}
CAMERAS = ("auto", "usb", "none", *SENSORS)
CORALS = ("none", "usb", "pcie")
CLOCKS = ("none", "ds3231")
PAGES = ("local", "network")
PINS = range(2, 28)  # GPIO numbers on the 40-pin header; 0 and 1 belong to add-on boards
_I2C_PINS = (2, 3)
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9-]{0,30}")
_SYSTEM_USERS = (
    "root daemon bin sys sync games man lp mail news uucp proxy backup list irc nobody sshd messagebus avahi polkitd "
    "systemd-network systemd-timesync thinsmear rpi-first-boot-wizard"
)
_TAKEN_USERS = frozenset(_SYSTEM_USERS.split())
_LOCALE = re.compile(r"C\.UTF-8|[a-z]{2,3}_[A-Z]{2}(?:@[a-z]+)?\.UTF-8")
_LAYOUT = re.compile(r"[a-z]{2,8}")
_VARIANT = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}")
_KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
              "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")  # fmt: skip
_PRIVATE = ("PRIVATE KEY", "PuTTY-User-Key-File", "SSH2 ENCRYPTED")
_RFC4716 = "BEGIN SSH2 PUBLIC KEY"
_SMALLEST_RSA = 2048
_COUNTER = re.compile(r"\{n(?::0?([1-9]))?\}")


@dataclass(frozen=True)
class SshKey:
    """A public key that may log in.

    Attributes:
        line: as in ``authorized_keys``, without options.
        fingerprint: as ``ssh-keygen -l`` shows it.
    """

    line: str
    fingerprint: str


@dataclass(frozen=True)
class CardSettings:
    """What one card shall become. All fields were checked when the object exists.

    Attributes:
        name: host name.
        system: ``"bookworm"`` or ``"trixie"``.
        user: who may log in with the keys; has no password.
        keys: SSH keys; none: no SSH.
        locale, keyboard, time_zone: as Debian names them; the keyboard is a layout, or ``layout,variant``.
        wifi: None: cable only, or no network at all.
        camera: one of :data:`CAMERAS`.
        coral: one of :data:`CORALS`.
        page: ``"network"``: the page can be opened from other machines; ``"local"``: from the device only.
        led: GPIO of the light that says whether the page answers; None: there is none.
        button: GPIO of the button that switches the device off in good order; None: there is none.
        size: of the camera's pictures, as 1280x960; None: the usual one of the camera that is named.
        clock: one of :data:`CLOCKS`, wired to the I2C pins.
    """

    name: str
    system: str
    user: str = "pi"
    keys: tuple[SshKey, ...] = ()
    locale: str = "en_GB.UTF-8"
    keyboard: str = "gb"
    time_zone: str = "Etc/UTC"
    wifi: Wifi | None = None
    camera: str = "auto"
    coral: str = "none"
    page: str = "local"
    led: int | None = None
    button: int | None = None
    size: str | None = None
    clock: str = "none"

    @property
    def picture_size(self) -> str | None:
        """What the service asks of the camera; None where that is the camera's own choice."""
        return self.size or SENSORS.get(self.camera)

    def __post_init__(self) -> None:
        check_host_name(self.name)
        if not _USER.fullmatch(self.user) or self.user in _TAKEN_USERS:
            raise WrongUsage(
                f"The user name {printable(self.user)!r} cannot be used; take up to 31 lower-case letters, digits and "
                "hyphens, a letter first, and no name that the system uses."
            )
        if not _LOCALE.fullmatch(self.locale):
            raise WrongUsage(f"{printable(self.locale)!r} is no locale with UTF-8; give one as en_GB.UTF-8.")
        layout, _, variant = self.keyboard.partition(",")
        if not _LAYOUT.fullmatch(layout) or ("," in self.keyboard and not _VARIANT.fullmatch(variant)):
            raise WrongUsage(
                f"{printable(self.keyboard)!r} is no keyboard; give one as fr, or with a variant as fr,oss."
            )
        check_time_zone(self.time_zone)
        for value, choices in (
            (self.system, SYSTEMS),
            (self.camera, CAMERAS),
            (self.coral, CORALS),
            (self.page, PAGES),
            (self.clock, CLOCKS),
        ):
            if value not in choices:
                raise WrongUsage(f"{printable(value)!r} is none of {', '.join(choices)}.")
        wired = [pin for pin in (self.led, self.button) if pin is not None]
        if any(pin not in PINS for pin in wired) or len(set(wired)) != len(wired):
            raise WrongUsage(
                f"LED and button cannot be wired to GPIO {' and '.join(map(str, wired))}; take two different ones of "
                f"{PINS[0]} to {PINS[-1]}."
            )
        if self.clock != "none" and set(wired) & set(_I2C_PINS):
            raise WrongUsage(f"The clock {self.clock} needs GPIO 2 and 3; take another for LED and button.")
        if self.size is not None:
            if self.camera == "none":
                raise WrongUsage("--size is that of a camera's pictures; name one with --camera, or leave it out.")
            parse_size(self.size)


def check_host_name(name: str) -> str:
    """A host name after RFC 1123 in lower case, or WrongUsage."""
    if not _HOST_NAME.fullmatch(name):
        raise WrongUsage(
            f"{printable(name)!r} is no host name; take up to 63 lower-case letters, digits and hyphens, no hyphen at "
            "either end."
        )
    return name


def check_time_zone(zone: str) -> str:
    """A time zone of the tz database, or WrongUsage. Where this machine has no such database, only the form counts."""
    known = zoneinfo.available_timezones()
    if not _ZONE.fullmatch(zone) or (known and zone not in known):
        raise WrongUsage(f"{printable(zone)!r} is no time zone; give one as Africa/Kampala or Etc/UTC.")
    return zone


def parse_ssh_keys(content: bytes | str, source: str) -> tuple[SshKey, ...]:
    """The public keys in a file such as ``id_ed25519.pub``: one a line, comments and empty lines aside.

    Byte order marks and UTF-16, in which Windows programs write such files, are taken off.

    Raises:
        WrongUsage: a private key, no key at all, one in another form, a damaged or too weak one.
    """
    text = _decoded(content).removeprefix("\ufeff")
    if any(mark in text for mark in _PRIVATE):
        raise WrongUsage(f"{source} is a private key, which must stay where it is; name the file that ends in .pub.")
    if _RFC4716 in text:
        raise WrongUsage(
            f"{source} is a public key in the form of PuTTY and other programs (RFC 4716); turn it into one line with "
            '`ssh-keygen -i -f FILE > key.pub`, or copy it out of PuTTYgen\'s box "for pasting into authorized_keys".'
        )
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(_ssh_key(line, source) for line in lines if line and not line.startswith("#"))
    if not keys:
        raise WrongUsage(f"{source} holds no SSH key; make one with `ssh-keygen -t ed25519` and name the .pub file.")
    return keys


def _decoded(content: bytes | str) -> str:
    if isinstance(content, str):
        return content
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8", errors="replace")


def _ssh_key(line: str, source: str) -> SshKey:
    kind, _, rest = line.partition(" ")
    encoded, _, comment = rest.partition(" ")
    if kind not in _KEY_TYPES:
        raise WrongUsage(f"{source}: {printable(kind)!r} is no type of public SSH key; use ssh-ed25519.")
    try:
        blob = base64.b64decode(encoded, validate=True)
        fields = _fields(blob)
    except (binascii.Error, ValueError, struct.error) as error:
        raise WrongUsage(f"{source}: the {kind} key is damaged; copy the .pub file again.") from error
    if fields[:1] != [kind.encode()] or len(fields) < 2:
        raise WrongUsage(f"{source}: the {kind} key is damaged; copy the .pub file again.")
    if kind == "ssh-rsa" and (bits := int.from_bytes(fields[-1], "big").bit_length()) < _SMALLEST_RSA:
        raise WrongUsage(f"{source}: an RSA key of {bits} bits is too weak; use ssh-ed25519.")
    comment = "".join(c for c in comment if c.isascii() and (c.isalnum() or c in "@._-"))[:80]
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return SshKey(" ".join(filter(None, (kind, encoded, comment))), f"SHA256:{digest}")


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed fields of a public key (RFC 4253, section 6.6)."""
    fields = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        if len(blob) < 4 + length:
            raise ValueError("truncated")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields


def numbered(template: str, number: int) -> str:
    """The name of the n-th card: ``{n}`` or ``{n:03}`` in the template is the number, with zeros in front."""
    return _COUNTER.sub(lambda match: str(number).zfill(int(match[1] or 1)), template)
