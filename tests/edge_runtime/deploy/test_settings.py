"""Option values of a card: what is taken, what is refused, and how it is written down."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.deploy.card import yamltext
from edge_runtime.deploy.card.settings import CardSettings, check_host_name, numbered, parse_ssh_keys
from edge_runtime.deploy.card.stack import check_names
from edge_runtime.deploy.card.wifi import Wifi, hashed_key, network_manager_file
from edge_runtime.errors import WrongUsage
from tests.fakes.cards import PUBLIC_KEY

KEY = "ab" * 32


@pytest.mark.parametrize(
    ("ssid", "passphrase", "key"),
    [
        # the three test vectors of IEEE 802.11i, annex H.4.3
        ("IEEE", "password", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
        ("ThisIsASSID", "ThisIsAPassword", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"),
        ("Z" * 32, "a" * 32, "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62"),
        ("any", KEY.upper(), KEY),
    ],
)
def test_pass_phrases_are_hashed(ssid: str, passphrase: str, key: str) -> None:
    assert hashed_key(passphrase, ssid) == key


@pytest.mark.parametrize("passphrase", ["short", "x" * 64, "übergrößen", "tab\tin it", ""])
def test_pass_phrases_that_no_network_can_have(passphrase: str) -> None:
    with pytest.raises(WrongUsage, match="8 to 63") as caught:
        hashed_key(passphrase, "net")
    assert not passphrase or passphrase not in str(caught.value)


@pytest.mark.parametrize("name", ["scope-1", "a", "7", "x" * 63])
def test_host_names(name: str) -> None:
    assert check_host_name(name) == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Scope_1"}, "host name"),
        ({"name": "-x"}, "host name"),
        ({"name": "x" * 64}, "host name"),
        ({"name": "a\nb"}, "host name"),
        ({"name": "$(reboot)"}, "host name"),
        ({"user": "root"}, "user name"),
        ({"user": "thinsmear"}, "user name"),
        ({"user": "Me"}, "user name"),
        ({"user": "x; rm"}, "user name"),
        ({"locale": "en_GB"}, "locale"),
        ({"locale": "en_GB.UTF-8\n"}, "locale"),
        ({"keyboard": "fr,"}, "keyboard"),
        ({"keyboard": 'gb"'}, "keyboard"),
        ({"time_zone": "Africa/Atlantis"}, "time zone"),
        ({"time_zone": "../../etc/passwd"}, "time zone"),
        ({"camera": "imx999"}, "imx477"),
        ({"coral": "yes"}, "pcie"),
        ({"page": "world"}, "network"),
        ({"system": "bullseye"}, "trixie"),
        ({"led": 1}, "GPIO 1;"),
        ({"button": 28}, "2 to 27"),
        ({"led": 17, "button": 17}, "17 and 17; take two different"),
    ],
)
def test_values_that_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        CardSettings(**{"name": "scope", "system": "trixie", **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"country": "uk"}, "country"),
        ({"country": "UK"}, "country"),  # it is GB
        ({"country": ""}, "country"),
        ({"ssid": ""}, "1 to 32"),
        ({"ssid": "é" * 17}, "1 to 32"),
        ({"ssid": "a\nb"}, "1 to 32"),
        ({"key": None, "access_point": True}, "open network"),
    ],
)
def test_wifi_that_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        Wifi(**{"ssid": "net", "country": "UG", "key": KEY, **change})


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(CardSettings("scope", "trixie", wifi=Wifi("net", "UG", KEY)))


@pytest.mark.parametrize(
    ("wifi", "expected"),
    [
        (Wifi("clinic-5", "UG", KEY), ["mode=infrastructure", "ssid=clinic-5", f"psk={KEY}", "method=auto"]),
        (Wifi("caf\u00e9;x", "UG", KEY), ["ssid=99;97;102;195;169;59;120;"]),
        (Wifi("a b", "UG", None, hidden=True), ["ssid=97;32;98;", "hidden=true"]),
        (Wifi("scope-1", "UG", KEY, access_point=True), ["mode=ap", "method=shared", "pmf=1", "proto=rsn"]),
    ],
)
def test_network_managers_file(wifi: Wifi, expected: list[str]) -> None:
    lines = network_manager_file(wifi).splitlines()
    assert set(expected) <= set(lines)
    assert ("[wifi-security]" in lines) == (wifi.key is not None)


def rsa_key(bits: int) -> str:
    fields = (b"ssh-rsa", b"\x01\x00\x01", b"\0" + (1 << (bits - 1)).to_bytes(bits // 8, "big"))
    return "ssh-rsa " + base64.b64encode(b"".join(struct.pack(">I", len(f)) + f for f in fields)).decode()


def test_public_keys() -> None:
    text = f"# mine\n\n{PUBLIC_KEY}\n{rsa_key(3072)} \x1b[2Jodd comment\n"
    keys = parse_ssh_keys(text, "keys.pub")
    assert keys[0].line == PUBLIC_KEY
    assert keys[0].fingerprint == "SHA256:tP0MihDC24iABPUV4Mu/lvAcv92w1g1zGGBfanvInMQ"  # as ssh-keygen -l shows it
    assert keys[1].line.endswith(" 2Joddcomment")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_keys_as_windows_programs_write_them(encoding: str) -> None:
    (key,) = parse_ssh_keys(f"{PUBLIC_KEY}\r\n".encode(encoding), "id_ed25519.pub")
    assert key.line == PUBLIC_KEY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\nAAAA\n", "is a private key"),
        ('---- BEGIN SSH2 PUBLIC KEY ----\nComment: "me"\nAAAA\n---- END SSH2 PUBLIC KEY ----\n', "form of PuTTY"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n", "private key"),
        ("", "holds no SSH key"),
        (f'command="sh" {PUBLIC_KEY}', "no type"),
        (PUBLIC_KEY.replace("AAAAC3", "AAAAC4"), "damaged"),
        (PUBLIC_KEY[:50], "damaged"),
        (PUBLIC_KEY.replace("ssh-ed25519 ", "ssh-rsa "), "damaged"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "no type"),
        (rsa_key(1024), "1024 bits is too weak"),
    ],
)
def test_keys_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        parse_ssh_keys(text, "k.pub")


@pytest.mark.parametrize(
    ("template", "number", "name"),
    [("scope-{n:03}", 7, "scope-007"), ("s{n}", 12, "s12"), ("s{n:2}", 5, "s05"), ("plain", 3, "plain")],
)
def test_numbered_names(template: str, number: int, name: str) -> None:
    assert numbered(template, number) == name


@pytest.mark.parametrize(
    ("template", "count"), [("scope", 2), ("scope-{n.__class__}", 1), ("scope-{x}", 1), ("s" * 61 + "{n}", 200)]
)
def test_templates_that_are_refused(template: str, count: int) -> None:
    with pytest.raises(WrongUsage):
        check_names(template, count, first=1)


# what YAML might take for something else; the letters of many scripts, and one beyond 16 bits
TEXTS = ["", " ", "yes", "No", "null", "~", "1e3", "0x1f", "0o17", "12:30:00", "2024-01-01", "- a", "? b", "a: b", "a #b",
         "#c", "*d", "&e", "!f", "%g", "@h", "`i`", "{j}", "[k]", "|", ">", "'l'", '"m"', "n\\\\o", "\\x41", "<<", "=",
         "caf\u00e9", "\u0421\u043a\u043e\u043f", "\u0645\u062c\u0647\u0631", "\u986f\u5fae\u93e1", "\U0001f9a0"]  # fmt: skip


def test_yaml_reads_back_what_was_written() -> None:
    """cloud-init's own reader, which may belong to another Python than this one."""
    document = {"texts": TEXTS, "keys": {text: [text, {"a": text, "b": [True, None, 3]}] for text in TEXTS}, "none": {}}
    program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)"
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and not subprocess.run([python, "-c", "import yaml"], capture_output=True).returncode:
            break
    else:
        pytest.skip("PyYAML, with which cloud-init reads its files, is not installed (apt: python3-yaml)")
    read = subprocess.run(
        [python, "-c", program], input=yamltext.dump(document).encode(), capture_output=True, check=True
    )
    assert json.loads(read.stdout) == document


def test_yaml_that_looks_like_something_else() -> None:
    lines = yamltext.dump({"no": "yes", "1": "0x1f", "Norway": "no", "list": ["- a", "*b", "c: d", "#e"]})
    assert lines == ('"no": "yes"\n"1": "0x1f"\n"Norway": "no"\nlist:\n  - "- a"\n  - "*b"\n  - "c: d"\n  - "#e"\n')


@pytest.mark.parametrize("text", ["a\nb", "\x1b[1m", "\u202e", "\x85"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="control"):
        yamltext.dump({"a": text})


def test_quotes_and_backslashes() -> None:
    text = 'a"b\\c\\\\"'
    assert json.loads(yamltext.dump({"a": text})[3:]) == text
