"""Writing cards: what lands on them, what is refused, stacks of cards, and that no secret shows."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge_runtime.commands.device import device
from edge_runtime.deploy.card import plan as planning
from edge_runtime.deploy.card.boot_partition import open_partition, with_block, with_parameters
from edge_runtime.deploy.kit.build import Sources, make_kit
from edge_runtime.deploy.kit.manifest import Kit
from edge_runtime.errors import BadData, GateFailed, NotConclusive, WrongUsage
from tests.fakes.cards import FIRST_BOOT, PUBLIC_KEY, make_card, make_small_kit

PHRASE = "correct horse battery"
HASHED = "0858cee932747e37e4b10cc4d277e9362c0b0865a6f8b11efdcd3b06953eb850"  # with the network's name scope-1
Provision = Callable[..., Result]


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kit]:
    return {target: make_small_kit(tmp_path_factory.mktemp(target), target) for target in ("bookworm", "trixie")}


@pytest.fixture
def provision(kits: dict[str, Kit], tmp_path: Path) -> Provision:
    """Runs the command for the card ``tmp_path/boot``; errors come as exceptions."""
    key = tmp_path / "key.pub"
    key.write_text(PUBLIC_KEY + "\n")

    def run(target: str, *options: str, **more: Any) -> Result:
        base = ["provision", str(kits[target].root), "--boot", str(tmp_path / "boot"), "--ssh-key", str(key)]
        result = CliRunner().invoke(device, [*base, *options], **more)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def wifi_options(kind: str, ssid: str, tmp_path: Path) -> list[str]:
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    return [kind, ssid, "--country", "UG", "--passphrase-file", str(tmp_path / "phrase")]


@pytest.mark.parametrize("system", ["bookworm", "trixie"])
def test_a_card(provision: Provision, kits: dict[str, Kit], tmp_path: Path, system: str) -> None:
    boot = make_card(tmp_path / "boot", system)
    result = provision(system, "--name", "scope-1", *wifi_options("--wifi", "scope-1", tmp_path))
    assert "scope-1" in result.stdout and "ok" in result.stdout
    for name in kits[system].files:
        assert (boot / "thinsmear/kit" / name).read_bytes() == (kits[system].root / name).read_bytes()
    cmdline = (boot / "cmdline.txt").read_text()
    assert cmdline.count("\n") == 1 and cmdline.endswith("\n") and "PARTUUID=4e639091-02" in cmdline
    assert FIRST_BOOT[system] in cmdline and " cfg80211.ieee80211_regdom=UG " in cmdline
    assert (boot / "userconf.txt").read_text() == "pi:*\n"
    assert PUBLIC_KEY in (boot / "thinsmear/authorized_keys").read_text()
    assert "camera_auto_detect=1" in (boot / "config.txt").read_text()
    texts = {path.name: path.read_bytes() for path in boot.rglob("*") if path.is_file()}
    assert not any(PHRASE.encode() in text for text in texts.values())
    holders = [name for name, text in texts.items() if HASHED.encode() in text]
    if system == "trixie":
        instance = json.loads((boot / "thinsmear/card.json").read_text())["instance_id"]
        assert holders == ["network-config"]
        assert f"ds=nocloud;i={instance}\n" in cmdline and instance in texts["meta-data"].decode()
        drop_in = re.search(
            r" systemd\.set_credential_binary=systemd\.unit-dropin\.cloud-init-local\.service:(\S+) ", cmdline
        )
        assert drop_in is not None
        assert base64.b64decode(drop_in[1], validate=True) == b"[Unit]\nRequiresMountsFor=/boot/firmware\n"
        assert "systemd.run" not in cmdline
    else:
        assert holders == ["thinsmear-wifi.nmconnection"]
        assert "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot" in cmdline
        assert "systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target" in cmdline
        assert not (boot / "user-data").exists()


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ([], []),
        (["--led", "17"], ["dtoverlay=gpio-led,gpio=17,label=thinsmear,trigger=timer"]),
        (["--button", "3"], ["dtoverlay=gpio-shutdown,gpio_pin=3"]),
        (["--clock", "ds3231"], ["dtparam=i2c_arm=on", "dtoverlay=i2c-rtc,ds3231"]),
    ],
)
def test_what_is_wired_to_the_pins(provision: Provision, tmp_path: Path, options: list[str], lines: list[str]) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    provision("trixie", "--name", "scope-1", *options)
    config = (boot / "config.txt").read_text()
    assert [line for line in config.splitlines() if "gpio" in line or "i2c" in line] == lines


@pytest.mark.parametrize(
    ("camera", "line", "options"),
    [
        ("auto", "camera_auto_detect=1", "--camera auto"),  # may be a USB microscope, which knows few sizes
        ("imx477", "dtoverlay=imx477", "--camera picamera2 --size 2028x1520"),
        ("imx708", "dtoverlay=imx708", "--camera picamera2 --size 2304x1296"),
        ("ov9281", "dtoverlay=ov9281", "--camera picamera2"),
        ("usb", "camera_auto_detect=0", "--camera v4l2:0"),
        ("usb --size 1600x1200", "camera_auto_detect=0", "--camera v4l2:0 --size 1600x1200"),
        ("imx477 --size 4056x3040", "dtoverlay=imx477", "--camera picamera2 --size 4056x3040"),
        ("none", "camera_auto_detect=0", ""),
    ],
)
def test_the_service_opens_the_camera(
    provision: Provision, tmp_path: Path, camera: str, line: str, options: str
) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    provision("trixie", "--name", "scope-1", "--camera", *camera.split())
    config = (boot / "config.txt").read_text()
    assert line in config.splitlines() and "dtoverlay=none" not in config and "dtoverlay=usb" not in config
    assert f"SERVE_OPTIONS='{options}'\n" in (boot / "thinsmear/settings.sh").read_text()


def test_a_card_may_be_written_again_before_its_first_boot(provision: Provision, tmp_path: Path) -> None:
    boot = make_card(tmp_path / "boot", "bookworm")
    provision("bookworm", "--name", "one", *wifi_options("--access-point", "{name}", tmp_path), "--led", "17")
    first = (boot / "cmdline.txt").read_text()
    (boot / "userconf").write_text("left:by-another-tool")
    provision("bookworm", "--name", "two", "--camera", "imx477")
    second = (boot / "cmdline.txt").read_text()
    assert first.split(" cfg80211")[0] in second and "regdom" not in second
    assert second.count("systemd.run=") == second.count("systemd.unit=") == 1
    assert not (boot / "thinsmear/secrets").exists() and not (boot / "userconf").exists()
    config = (boot / "config.txt").read_text()
    assert config.count("thinsmear: begin") == 1 and "dtoverlay=imx477" in config and "gpio-led" not in config
    assert config.startswith("dtparam=audio=on\n") and "[cm5]\ndtoverlay=dwc2" in config


@pytest.mark.parametrize("system", ["bookworm", "trixie"])
def test_a_card_written_again_keeps_no_earlier_key(provision: Provision, tmp_path: Path, system: str) -> None:
    """FAT leaves the bytes of a removed or replaced file in free space; a second name for the file shows them."""
    boot = make_card(tmp_path / "boot", system)
    provision(system, "--name", "scope-1", *wifi_options("--wifi", "scope-1", tmp_path))
    holders = [path for path in boot.rglob("*") if path.is_file() and HASHED in path.read_text(errors="replace")]
    assert len(holders) == 1
    before = holders[0].stat().st_size
    os.link(holders[0], tmp_path / "clusters")
    provision(system, "--name", "scope-1")
    assert (tmp_path / "clusters").read_bytes() == bytes(before)


def test_a_kit_with_the_corals_library(kits: dict[str, Kit], tmp_path: Path) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    (tmp_path / "libedgetpu1-std_16.0_arm64.deb").write_bytes(b"!<arch>\n")
    made = kits["trixie"].root.parent
    sources = Sources("trixie", wheel=next((made / "ours").glob("*.whl")), wheels=made / "wheels",
                      debs=(tmp_path / "libedgetpu1-std_16.0_arm64.deb",))  # fmt: skip
    make_kit(sources, tmp_path / "kit")
    result = CliRunner().invoke(
        device, ["provision", str(tmp_path / "kit"), "--boot", str(boot), "--no-ssh", "--coral", "pcie"]
    )
    assert result.exit_code == 0 and "No model in the kit is compiled for an Edge TPU" in result.stderr
    assert "dtoverlay=pciex1-compat-pi5,no-mip" in (boot / "config.txt").read_text()


def test_access_point_names_follow_the_card(provision: Provision, tmp_path: Path) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    provision("trixie", "--name", "scope-1", *wifi_options("--access-point", "{name}", tmp_path))
    file = (boot / "thinsmear/secrets/thinsmear-access-point.nmconnection").read_text()
    assert f"psk={HASHED}\n" in file and "ssid=scope-1\n" in file and "mode=ap\n" in file
    assert "wifis" not in (boot / "network-config").read_text()
    assert "SERVE_OPTIONS='--camera auto --host 0.0.0.0'" in (boot / "thinsmear/settings.sh").read_text()


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed (apt: cloud-init)")
@pytest.mark.parametrize(
    "options", [[], ["--no-ssh"], ["--keyboard", "fr,oss", "--locale", "fr_FR.UTF-8", "--user", "me"]]
)
def test_cloud_init_accepts_the_user_data(
    provision: Provision, kits: dict[str, Kit], tmp_path: Path, options: list[str]
) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    if "--no-ssh" in options:
        base = ["provision", str(kits["trixie"].root), "--boot", str(boot)]
        assert CliRunner().invoke(device, [*base, *options]).exit_code == 0
        assert not (boot / "ssh").exists() and "ssh_authorized_keys" not in (boot / "user-data").read_text()
    else:
        provision("trixie", *options)
    check = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(boot / "user-data")], capture_output=True, text=True
    )
    assert check.returncode == 0 and "Valid cloud-config" in check.stdout, check.stdout + check.stderr


def test_a_dry_run_shows_all_and_writes_nothing(provision: Provision, tmp_path: Path) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    before = {path: path.read_bytes() for path in boot.rglob("*")}
    result = provision("trixie", "--name", "scope-1", *wifi_options("--wifi", "scope-1", tmp_path), "--dry-run")
    assert {path: path.read_bytes() for path in boot.rglob("*")} == before
    for name in ("user-data", "network-config", "meta-data", "cmdline.txt", "config.txt", "thinsmear/early.sh"):
        assert f"==> {name}\n" in result.stdout
    assert 'password: "********"' in result.stdout
    assert HASHED not in result.output and PHRASE not in result.output
    document = json.loads(provision("trixie", *wifi_options("--wifi", "x", tmp_path), "--dry-run", "--json").stdout)
    assert document["files"]["ssh"] == "" and document["bytes"] > 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda boot: (boot / "config.txt").unlink(), "no config.txt"),
        (lambda boot: (boot / "cmdline.txt").unlink(), "no cmdline.txt"),
        (lambda boot: (boot / "kernel8.img").unlink(), "no kernel8.img"),
        (lambda boot: (boot / "start4.elf").unlink(), "no start4.elf"),
        (lambda boot: (boot / "cmdline.txt").write_text("a\nb\n"), "2 lines"),
        (lambda boot: shutil.rmtree(boot), "There is no folder"),
        (
            lambda boot: [(boot / name).unlink() for name in ("user-data", "meta-data", "network-config")],
            "which system",
        ),
        # cloud-init's files stay on a card in use; the word for the first boot is gone
        (lambda boot: (boot / "cmdline.txt").write_text("console=tty1 rootwait\n"), "is the card fresh"),
    ],
)
def test_what_is_no_fresh_card(
    provision: Provision, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(make_card(tmp_path / "boot", "trixie"))
    with pytest.raises(WrongUsage, match=message):
        provision("trixie")


def test_this_computers_own_boot_partition_is_refused() -> None:
    with pytest.raises(WrongUsage, match="this computer"):
        open_partition(Path("/boot"))


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("bookworm", [], "kit is for bookworm, the card holds trixie"),
        ("trixie", ["--system", "bookworm"], "holds trixie, not bookworm"),
        ("trixie", ["--wifi", "net"], "--country"),
        ("trixie", ["--wifi", "net", "--access-point", "net"], "one radio"),
        ("trixie", ["--country", "UG"], "belong to"),
        ("trixie", ["--wifi", "net", "--country", "UG"], "pass phrase is missing"),
        ("trixie", ["--no-ssh"], "one of them"),
        ("trixie", ["--name", "A b"], "host name"),
        ("trixie", ["--count", "2"], "2 names"),
        ("trixie", ["--clock", "ds3231", "--button", "3"], "needs GPIO 2 and 3"),
        ("trixie", ["--size", "big"], "WIDTHxHEIGHT"),
        ("trixie", ["--size", "640x480", "--camera", "none"], "of a camera's pictures"),
        ("trixie", ["--coral", "usb"], "lacks the library"),
    ],
)
def test_wrong_usage(provision: Provision, tmp_path: Path, target: str, options: list[str], message: str) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    with pytest.raises(WrongUsage, match=message):
        provision(target, *options)
    assert not (boot / "thinsmear").exists()


def test_a_network_name_that_grows_too_long_shows_before_the_first_card(provision: Provision, tmp_path: Path) -> None:
    make_card(tmp_path / "boot", "trixie")
    with pytest.raises(WrongUsage, match="1 to 32"):
        provision(
            "trixie", "--name", "a" * 30 + "{n}", "--count", "150", *wifi_options("--access-point", "{name}", tmp_path)
        )


def test_too_little_space(provision: Provision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_card(tmp_path / "boot", "trixie")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**8, 9 * 10**7, 10**7))
    with pytest.raises(WrongUsage, match="10 MB free"):
        provision("trixie")


def test_a_card_that_forgets_is_noticed(provision: Provision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    write = planning.write_files

    def worn_out(path: Path, files: Any, copies: Any) -> None:
        write(path, files, copies)
        content = bytearray((boot / "thinsmear/kit/install.sh").read_bytes())
        content[100] ^= 1
        (boot / "thinsmear/kit/install.sh").write_bytes(content)

    monkeypatch.setattr(planning, "write_files", worn_out)
    with pytest.raises(BadData, match=r"install\.sh reads back differently"):
        provision("trixie")


class Hands:
    """Somebody who changes the cards in the reader while the command waits."""

    def __init__(self, boot: Path, shelf: Path) -> None:
        self.boot, self.shelf = boot, shelf
        self.done: list[Path] = []

    def change(self, system: str) -> None:
        if self.boot.exists():
            self.done.append(self.boot.rename(self.shelf / f"card-{len(self.done)}"))
            time.sleep(0.2)
        fresh = make_card(self.shelf / "fresh", system)
        fresh.rename(self.boot)

    def work(self, cards: int, system: str) -> threading.Thread:
        def run() -> None:
            for _ in range(cards - 1):
                while (
                    not (self.boot / "cmdline.txt").exists() or "nocloud" not in (self.boot / "cmdline.txt").read_text()
                ):
                    time.sleep(0.02)
                time.sleep(0.2)
                self.change(system)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


@pytest.fixture(autouse=True)
def quick_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.deploy.card.stack._POLL", 0.02)


def test_a_stack_of_cards(provision: Provision, tmp_path: Path) -> None:
    hands = Hands(tmp_path / "boot", tmp_path)
    hands.change("trixie")
    thread = hands.work(3, "trixie")
    result = provision("trixie", "--name", "scope-{n:03}", "--count", "3", "--first", "7", "--csv", str(tmp_path / "list.csv"),
                       "--wait", "20", *wifi_options("--access-point", "{name}", tmp_path))  # fmt: skip
    thread.join(1200)
    with (tmp_path / "list.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["scope-007", "scope-008", "scope-009"] == [row["ssid"] for row in rows]
    assert len({row["instance_id"] for row in rows}) == 3 and {row["status"] for row in rows} == {"ok"}
    for row, card in zip(rows, [*hands.done, hands.boot], strict=True):
        assert f'instance-id: "{row["instance_id"]}"' in (card / "meta-data").read_text()
        assert f'hostname: "{row["name"]}"' in (card / "user-data").read_text()
    listing = (tmp_path / "list.csv").read_text()
    keys = {
        line
        for card in hands.done
        for path in card.rglob("*.nmconnection")
        for line in path.read_text().splitlines()
        if line.startswith("psk=")
    }
    assert len(keys) == 2 and not any(key.partition("=")[2] in listing + result.output for key in keys)
    assert PHRASE not in listing + result.output


def test_a_card_is_not_written_twice(provision: Provision, tmp_path: Path) -> None:
    """Nobody changes the card: the second one never comes, the first stays as it is, and the list has it."""
    boot = make_card(tmp_path / "boot", "trixie")
    with pytest.raises(NotConclusive, match=r"scope-2; call again with --first"):
        provision("trixie", "--name", "scope-{n}", "--count", "2", "--wait", "0.2", "--csv", str(tmp_path / "list.csv"))
    assert 'hostname: "scope-1"' in (boot / "user-data").read_text()
    assert len((tmp_path / "list.csv").read_text().splitlines()) == 2


def test_a_stack_leaves_cards_in_use_alone(provision: Provision, tmp_path: Path) -> None:
    """Somebody's own card, with cloud-init's files and without the first boot; saying which system it has does not help."""
    boot = make_card(tmp_path / "boot", "trixie")
    (boot / "cmdline.txt").write_text("console=tty1 root=PARTUUID=4e639091-02 rootwait\n")
    before = {path: path.read_bytes() for path in boot.rglob("*") if path.is_file()}
    for system in ([], ["--system", "trixie"]):
        with pytest.raises(NotConclusive, match="No fresh card"):
            provision("trixie", "--name", "scope-{n}", "--count", "2", "--wait", "0.1", *system)
    assert {path: path.read_bytes() for path in boot.rglob("*") if path.is_file()} == before


def test_the_list_goes_on(provision: Provision, tmp_path: Path) -> None:
    for number in ("1", "2"):
        make_card(tmp_path / "boot", "trixie")
        provision("trixie", "--name", "scope-{n}", "--first", number, "--csv", str(tmp_path / "list.csv"))
        shutil.rmtree(tmp_path / "boot")
    with (tmp_path / "list.csv").open() as stream:
        assert [row["name"] for row in csv.DictReader(stream)] == ["scope-1", "scope-2"]
    boot = make_card(tmp_path / "boot", "trixie")
    (tmp_path / "list.csv").write_text("name,result\npatient-7,12\n")
    with pytest.raises(WrongUsage, match="no list of cards"):
        provision("trixie", "--csv", str(tmp_path / "list.csv"))
    with pytest.raises(OSError):
        provision("trixie", "--csv", str(tmp_path / "gone/list.csv"))
    assert not (boot / "thinsmear").exists()


def test_a_card_that_has_booted_is_refused(provision: Provision, tmp_path: Path) -> None:
    boot = make_card(tmp_path / "boot", "trixie")
    provision("trixie", "--name", "scope-1")
    (boot / "thinsmear/booted").touch()
    with pytest.raises(WrongUsage, match=r"has booted as scope-1-\w+ already"):
        provision("trixie", "--name", "scope-2")


def test_a_failing_card_is_replaced(provision: Provision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands(tmp_path / "boot", tmp_path)
    hands.change("trixie")
    verify, calls = planning.verify, []

    def first_fails(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise BadData("cmdline.txt reads back differently from what was written; use another card.")
        verify(*arguments)

    monkeypatch.setattr(planning, "verify", first_fails)
    thread = hands.work(3, "trixie")
    with pytest.raises(GateFailed, match="1 of 3"):
        provision("trixie", "--name", "scope-{n}", "--count", "2", "--wait", "20", "--csv", str(tmp_path / "list.csv"))
    thread.join(1200)
    with (tmp_path / "list.csv").open() as stream:
        rows = [(row["name"], row["status"][:12]) for row in csv.DictReader(stream)]
    assert rows == [("scope-1", "cmdline.txt "), ("scope-1", "ok"), ("scope-2", "ok")]


@pytest.mark.parametrize(
    ("before", "drop", "add", "after"),
    [
        ("a b=1  c\n", ["b="], ["d"], "a c d\n"),
        ("ds=nocloud;i=rpi-imager-1 quiet", ["ds="], ["ds=nocloud;i=x"], "quiet ds=nocloud;i=x\n"),
        ("rds=1", ["ds="], [], "rds=1\n"),
    ],
)
def test_kernel_parameters(before: str, drop: list[str], add: list[str], after: str) -> None:
    assert with_parameters(before, drop, add) == after


def test_the_block_in_config_txt_is_replaced() -> None:
    once = with_block("a=1\n", ["b=2"])
    assert with_block(once, ["c=3"]) == with_block("a=1", ["c=3"]) == once.replace("b=2", "c=3")
    assert with_block(once + "d=4\n", ["b=2"]).startswith("a=1\n\nd=4\n")
