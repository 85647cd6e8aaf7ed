"""Wi-Fi for a card: the hashed pass phrase, the country, and NetworkManager's file for a network or an access point."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, field

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

# ISO 3166-1 alpha-2, the names under which the kernel knows the radio rules of countries
_CODES = """
    AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD
    CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
    KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA
    SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
_PLAIN_SSID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NAMESPACE = uuid.UUID("9d1b5a0e-0c7e-4c0a-9a52-6b6c2c7c6e55")  # of our own, for stable connection ids
ACCESS_POINT_ADDRESS = "10.42.0.1"


@dataclass(frozen=True)
class Wifi:
    """A network to join, or to offer.

    Attributes:
        ssid: name of the network.
        country: where the device is used; decides channels and power.
        key: the hashed pass phrase, 64 hex digits; None for an open network. Not shown.
        hidden: the network does not announce its name.
        access_point: the device offers the network itself.
    """

    ssid: str
    country: str
    key: str | None = field(repr=False)
    hidden: bool = False
    access_point: bool = False

    def __post_init__(self) -> None:
        check_ssid(self.ssid)
        check_country(self.country)
        if self.key is not None and not re.fullmatch(r"[0-9a-f]{64}", self.key):
            raise ValueError("key must be 64 hex digits")
        if self.access_point and self.key is None:
            raise WrongUsage("An access point needs a pass phrase; patients' data must not go over an open network.")


def check_country(country: str) -> str:
    """The country code, or WrongUsage."""
    if country not in COUNTRIES:
        raise WrongUsage(
            f"{printable(country)!r} is no country code; give two capital letters as in ISO 3166, for instance UG, "
            "because the radio must follow the rules of the country it is used in."
        )
    return country


def check_ssid(ssid: str) -> str:
    """The name of a network, or WrongUsage."""
    if not 1 <= len(ssid.encode("utf-8", "surrogateescape")) <= 32 or not ssid.isprintable():
        raise WrongUsage(f"The Wi-Fi name {printable(ssid)!r} must have 1 to 32 bytes, without control characters.")
    return ssid


def hashed_key(passphrase: str, ssid: str) -> str:
    """The 256-bit key of a WPA2 network: PBKDF2-SHA1 of the pass phrase, 4,096 rounds, the name as salt.

    Source: IEEE 802.11i, annex H.4. What is hashed already (64 hex digits) stays. The key opens this one network
    only; the pass phrase, which people use elsewhere too, cannot be read from it.

    Raises:
        WrongUsage: not 8 to 63 printable ASCII characters.
    """
    if re.fullmatch(r"[0-9A-Fa-f]{64}", passphrase):
        return passphrase.lower()
    if not 8 <= len(passphrase) <= 63 or not passphrase.isascii() or not passphrase.isprintable():
        raise WrongUsage(
            f"The Wi-Fi pass phrase has {len(passphrase)} characters; it must be 8 to 63 printable ASCII characters."
        )
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode("ascii"), ssid.encode("utf-8"), 4096, 32).hex()


def network_manager_file(wifi: Wifi) -> str:
    """NetworkManager's keyfile for the network, root-only on the device because it holds the key."""
    mode = "ap" if wifi.access_point else "infrastructure"
    name = "thinsmear-access-point" if wifi.access_point else "thinsmear-wifi"
    lines = [
        "[connection]", f"id={name}", f"uuid={uuid.uuid5(_NAMESPACE, f'{mode}/{wifi.ssid}')}", "type=wifi",
        "interface-name=wlan0", "autoconnect=true", "autoconnect-retries=0", "",
        "[wifi]", f"mode={mode}", f"ssid={_keyfile_ssid(wifi.ssid)}",
    ]  # fmt: skip
    if wifi.hidden:
        lines.append("hidden=true")
    if wifi.access_point:
        lines += ["band=bg", "powersave=2"]  # 2.4 GHz is allowed everywhere and every phone has it
    if wifi.key is not None:
        lines += ["", "[wifi-security]", "key-mgmt=wpa-psk", f"psk={wifi.key}"]
        if wifi.access_point:
            # protected management frames make the radio of small boards refuse to be an access point
            lines += ["proto=rsn", "pairwise=ccmp", "group=ccmp", "pmf=1"]
    if wifi.access_point:
        lines += ["", "[ipv4]", "method=shared", f"address1={ACCESS_POINT_ADDRESS}/24", "", "[ipv6]", "method=disabled"]
    else:
        lines += ["", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", "addr-gen-mode=default"]
    return "".join(f"{line}\n" for line in lines)


def _keyfile_ssid(ssid: str) -> str:
    """Plain names as they are, all others as a list of bytes, which keyfiles take without any quoting."""
    return ssid if _PLAIN_SSID.fullmatch(ssid) else "".join(f"{byte};" for byte in ssid.encode("utf-8"))
