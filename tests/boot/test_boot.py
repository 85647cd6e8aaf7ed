"""From a stock card to a working device, by booting: the real kit, the real command, a whole arm64 Debian in an emulator.

Debian trixie stands in for Raspberry Pi OS Trixie: its kernel, its cloud-init, a first-boot question like userconf-pi's.
What the emulator has not: the board, its firmware, its radio, its cameras.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.boot import debian
from tests.boot.card import Card, make_card
from tests.boot.emulator import Board
from tests.boot.stock import stock_boot, stock_root

pytestmark = [pytest.mark.boot, pytest.mark.timeout(4 * 3600)]

ROOT = Path(__file__).resolve().parents[2]
NAME, USER, PHRASE, COUNTRY, ZONE = "scope-007", "keeper", "correct horse battery", "UG", "Africa/Kampala"
KEY = hashlib.pbkdf2_hmac(
    "sha1", PHRASE.encode(), NAME.encode(), 4096, 32
).hex()  # what the access point is opened with
PORT = 8080
FIELDS, COUNTED = 12, 3  # in the folder that plays the camera, and captured before the power cut
STORE = "/var/lib/thinsmear/sessions"
OPTIONS = "THINSMEAR_SERVE_OPTIONS=--host 0.0.0.0 --camera replay:/srv/smear/fields@1,loop\n"
FIRST_BOOT, LATER_BOOT = 7200, 3600  # seconds; minutes on an idle machine, far more on a busy one
SHOWS_READY = "Started thinsmear.service"


class Timeline:
    """When what was seen, for the summary in the documents."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.rows: list[str] = []

    def add(self, what: str) -> None:
        seconds = int(time.monotonic() - self.begun)
        self.rows.append(f"{seconds // 60:3d}:{seconds % 60:02d}  {what}")

    def write(self, path: Path) -> str:
        text = (
            "\n".join([f"{datetime.now(timezone.utc):%Y-%m-%d}, minutes and seconds since the start", *self.rows])
            + "\n"
        )
        path.write_text(text)
        return text


def thinsmear(*words: str, cwd: Path) -> str:
    """The command line on this machine."""
    done = subprocess.run([sys.executable, "-m", "edge_runtime", *words], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def flash(folder: Path, timeline: Timeline) -> Card:
    """A stock card, prepared with the real kit by the real command."""
    system = debian.system()
    timeline.add("the stock system is there")
    kit = json.loads(thinsmear("device", "bundle", "--target", "trixie", "--out", "kit", "--json", cwd=folder))
    timeline.add(f"kit made: {kit['bytes'] / 1e6:.1f} MB, {len(kit['files'])} files")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "phrase").write_text(PHRASE + "\n")
    boot = stock_boot(folder / "bootfs", system)
    thinsmear(
        "device", "provision", "kit", "--boot", str(boot), "--name", NAME, "--user", USER, "--ssh-key", "key.pub",
        "--access-point", "{name}", "--country", COUNTRY, "--passphrase-file", "phrase", "--time-zone", ZONE, cwd=folder,
    )  # fmt: skip
    root = stock_root(folder / "root", system)
    card = make_card(folder / "card.img", root, boot)
    shutil.rmtree(root)
    assert any("secrets/" in name for name in card.names()) and KEY.encode() in card.raw_boot_partition()
    timeline.add("card provisioned")
    return card


def is_settled(board: Board) -> None:
    """The system is what the command line said it shall be, and everything in it is well."""
    assert board.check("hostname").strip() == NAME
    assert board.check("readlink", "/etc/localtime").strip().endswith(ZONE)
    assert "LANG=en_GB.UTF-8" in board.check("cat", "/etc/default/locale") + board.check("cat", "/etc/locale.conf")
    assert {"adm", "sudo", "video"} <= set(board.check("id", "--name", "--groups").split())
    assert board.check("sudo", "passwd", "--status", USER).split()[1] == "L", "the account must have no password"
    assert board.check("getent", "passwd", "1000").startswith(f"{USER}:"), "the stock user should have taken our name"
    assert not board.check("systemctl", "list-units", "--failed", "--no-legend", "--plain").strip()
    local = board.check("systemctl", "show", "--property=RequiresMountsFor", "--value", "cloud-init-local.service")
    assert "/boot/firmware" in local, "cloud-init must wait for its files"
    process = board.check("systemctl", "show", "--property=ActiveState", "--value", "cloud-init-main.service")
    assert process.strip() == "inactive", "cloud-init must not wait for a stage that never comes"
    cable = board.check("nmcli", "--terse", "--fields", "DEVICE,STATE", "device").split()
    assert any(line.startswith("eth0:") for line in cable)
    assert "eth0:unmanaged" not in cable, "the cable is NetworkManager's, as on the stock image"
    connection = "/etc/NetworkManager/system-connections/thinsmear-access-point.nmconnection"
    assert f"psk={KEY}" in board.check("sudo", "cat", connection)
    assert board.check("sudo", "stat", "--format=%a %U", connection).split() == ["600", "root"]


def is_hardened(board: Board) -> float:
    """Unit, watchdog, journal, and where the service may write. Returns what systemd says of the unit's exposure."""
    shown = board.check("sudo", "systemd-analyze", "security", "--no-pager", "thinsmear.service")
    exposure = float(shown.rpartition("Overall exposure level for thinsmear.service: ")[2].split()[0])
    assert exposure < 3.0
    assert board.check("cat", "/sys/class/watchdog/watchdog0/state").strip() == "active"
    assert board.check("systemctl", "show", "--property=RuntimeWatchdogUSec", "--value").strip() == "1min"
    assert board.check("sudo", "ls", "/var/log/journal").strip(), "the journal must outlive a power cut"
    journald = board.check("systemd-analyze", "cat-config", "systemd/journald.conf")
    assert "\nSystemMaxUse=64M" in journald
    written = board.check("sudo", "find", "/", "-xdev", "-user", "thinsmear").split()
    assert written and all(path.startswith("/var/lib/thinsmear") for path in written)
    return exposure


def has_no_secrets(card: Card) -> None:
    """Neither as files nor in any byte of the boot partition, and the card is marked as used."""
    assert not card.names() & {"user-data", "network-config", "userconf.txt"}
    assert not any(name.startswith(("thinsmear/secrets", "thinsmear/kit")) for name in card.names())
    assert "thinsmear/booted" in card.names()
    raw = card.raw_boot_partition()
    assert KEY.encode() not in raw and PHRASE.encode() not in raw


def curl(board: Board, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
    """A request on the board itself, which needs no token there."""
    words = ["--data", json.dumps(document), "--header", "Content-Type: application/json"] if document else []
    command = ["curl", "--silent", "--show-error", "--max-time", "300", "--request", method, *words]
    return json.loads(board.check(*command, f"http://localhost:{PORT}{path}"))


def page_answers(board: Board, token: str | None = None, path: str = "/readyz") -> int:
    """The status with which the page answers this machine, as it would a phone; 0 for none."""
    request = urllib.request.Request(f"http://127.0.0.1:{board.page}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for_page(board: Board, limit: float) -> None:
    while page_answers(board) != 200:
        assert board.uptime < limit, f"no page after {limit} s:\n{board.console[-3000:]}"
        time.sleep(1)


def sessions_as_service(board: Board, *words: str) -> str:
    """A command of ``thinsmear session`` on the device's own store, as its owner."""
    return board.check("sudo", "-u", "thinsmear", "thinsmear", "session", *words, "--store", STORE)


def the_page_is_there(board: Board) -> None:
    """The page for everybody on the network, what is in it only with the token."""
    token = board.check("sudo", "cat", f"{STORE}/serve/token").strip()
    assert page_answers(board, path="/") == 200
    assert page_answers(board, path="/v1/sessions") == 401
    assert page_answers(board, token, "/v1/sessions") == 200


def count_a_smear(board: Board, folder: Path) -> tuple[str, list[float]]:
    """A session with the replay camera, up to three different fields; its code, and the seconds each capture took."""
    archive = subprocess.run(["tar", "-C", str(folder), "-c", "smear/fields"], check=True, capture_output=True).stdout
    board.check("sudo", "tar", "-C", "/srv", "-x", "--no-same-owner", stdin=archive)
    board.check("sudo", "tee", "/etc/thinsmear/serve.conf", stdin=OPTIONS.encode())
    board.check("sudo", "systemctl", "restart", "thinsmear.service")  # returns when the page answers
    code = str(curl(board, "POST", "/v1/sessions", {"slide": "A17", "stop": "who"})["session"])
    stored: set[int] = set()
    seconds = []
    while len(stored) < COUNTED:
        begun = time.monotonic()
        stored.add(capture(board, code)["field"])
        seconds.append(time.monotonic() - begun)
        assert len(seconds) < 20, "the camera shows the same few fields again and again"
    return code, seconds


def capture(board: Board, code: str) -> dict[str, Any]:
    """Capture a field; a camera that is slow to open is waited for."""
    for _ in range(30):
        document = curl(board, "POST", f"/v1/sessions/{code}/capture")
        if "field" in document:
            return dict(document)
        assert document["status"] == 503, document
        time.sleep(5)
    raise AssertionError(document)


def cut_power_at_work(board: Board, code: str) -> None:
    """Pull the plug while a field is being classified."""
    request = f"curl --silent --max-time 100 --request POST http://localhost:{PORT}/v1/sessions/{code}/capture"
    board.check("sh", "-c", f"{request} >/dev/null 2>&1 &")
    time.sleep(2)
    figures = board.check("curl", "--silent", f"http://localhost:{PORT}/metrics")
    assert re.search(r"^thinsmear_workers_busy 1(\.0)?$", figures, re.M), figures
    board.cut_power()


def doctor_is_green(board: Board) -> list[dict[str, Any]]:
    """The findings. The self-test gives itself two minutes for the golden vectors, which a starved emulator can exceed."""
    for _ in range(3):
        report = json.loads(board.run("thinsmear", "doctor", "--json").stdout)
        if report["ok"]:
            break
    assert report["ok"] and not [line for line in report["findings"] if line["status"] == "fail"], report
    return list(report["findings"])


def first_boot(board: Board, timeline: Timeline) -> None:
    """Power, and nothing else: no cable, no keyboard. Then a look at what it has become."""
    board.switch_on(cable=False)
    timeline.add("first boot: switched on, network cable not plugged in, no keyboard")
    board.wait_for(SHOWS_READY, FIRST_BOOT)
    timeline.add(f"page ready, {board.uptime:.0f} s after power")
    board.wait_for("thinsmear: first boot finished", FIRST_BOOT)
    board.plug(True)
    board.wait_for_login(FIRST_BOOT)
    timeline.add("cable plugged in, logged in with the SSH key")
    is_settled(board)
    timeline.add("host name, time zone, locale, user, access point as ordered; no unit has failed")


def work(board: Board, folder: Path, timeline: Timeline) -> tuple[str, str, list[Any]]:
    """A smear is counted until the power goes. The session's code, the boot's id, and the fields that were counted."""
    findings = doctor_is_green(board)
    timeline.add("doctor: " + ", ".join(f"{line['name']} {line['status']}" for line in findings))
    the_page_is_there(board)
    timeline.add("the page answers the network, with the token only")
    code, seconds = count_a_smear(board, folder)
    timeline.add(f"session with the replay camera: {COUNTED} fields, {max(seconds):.0f} s for a field at most")
    exposure = is_hardened(board)
    timeline.add(f"exposure {exposure} of 10, watchdog active, all of the service's files in its own folder")
    fields = curl(board, "GET", f"/v1/sessions/{code}/fields")["fields"]
    boot_id = board.check("cat", "/proc/sys/kernel/random/boot_id").strip()
    cut_power_at_work(board, code)
    timeline.add("power cut while a field was being classified")
    return code, boot_id, fields


def after_the_power_cut(board: Board, timeline: Timeline, code: str, boot_id: str, fields: list[Any]) -> None:
    """All is there, and work goes on; then it is switched off in good order."""
    has_no_secrets(board.card)
    timeline.add("no secrets on the boot partition, looked for in its every byte")
    board.switch_on(cable=True)
    wait_for_page(board, LATER_BOOT)
    timeline.add(f"next boot: page ready {board.uptime:.0f} s after power")
    board.wait_for_login(LATER_BOOT)
    assert board.check("cat", "/proc/sys/kernel/random/boot_id").strip() != boot_id
    sessions_as_service(board, "status", code, "--check")
    after = curl(board, "GET", f"/v1/sessions/{code}/fields")["fields"]
    assert after[: len(fields)] == fields and len(after) <= len(fields) + 1
    timeline.add(f"the store passes its check, all {len(fields)} fields are there")
    while len(curl(board, "GET", f"/v1/sessions/{code}/fields")["fields"]) <= len(after):
        capture(board, code)
    exported = json.loads(sessions_as_service(board, "export", code, "--json"))
    boots = {field["boot_id"] for field in exported["fields"]}
    assert boot_id in boots and len(boots) == 2 and {field["clock"] for field in exported["fields"]} == {"unset"}
    timeline.add("the session goes on; its records name both boots and say that the clock was not set")
    is_settled(board)
    assert len(board.check("sudo", "journalctl", "--list-boots", "--no-pager", "--quiet").splitlines()) >= 2
    timeline.add("settings as before, the first boot's journal is still there")
    board.press_power_button()
    board.wait_until_off(LATER_BOOT)
    timeline.add("button pressed: switched off in good order")


def test_from_a_stock_card_to_a_working_device(
    can_boot: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline = Timeline()
    card = flash(tmp_path, timeline)
    thinsmear("synth", "smear", "--cells", "0", "--fields", str(FIELDS), "--quiet", cwd=tmp_path)
    with Board(card, tmp_path, tmp_path / "key", USER, PORT) as board:
        first_boot(board, timeline)
        after_the_power_cut(board, timeline, *work(board, tmp_path, timeline))
    with capsys.disabled():
        print(f"\n{timeline.write(debian.CACHE / 'last-boot.txt')}")
