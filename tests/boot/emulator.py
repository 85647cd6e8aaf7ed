"""A board in software: qemu's virtual arm64 machine, with a card, a network cable that can be pulled, and a watchdog."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.arm64.conftest import CPU
from tests.boot.card import Card

MEMORY = "2048"
WATCHDOG = "i6300esb"
SSH = [
    "ssh", "-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
    "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=60",
    "-o", "ControlMaster=auto", "-o", "ControlPersist=yes",  # logging in takes seconds under emulation
]  # fmt: skip


class Board:
    """A machine that runs from a card; a context manager, and it dies with its test.

    Attributes:
        page: port of this machine that leads to the board's page.
    """

    def __init__(self, card: Card, folder: Path, key: Path, user: str, page: int) -> None:
        """Args:
        card: its disk.
        folder: for the log of the serial console, ``console.log``, which later boots continue.
        key: private SSH key.
        page: port of the page on the board.
        """
        self.card, self.folder, self._key, self._user = card, folder, key, user
        self.page, self._ssh_port = _free_port(), _free_port()
        self._console = folder / "console.log"
        self._boots = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._board_page = page
        self._begun = 0.0

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.cut_power()

    def switch_on(self, cable: bool) -> None:
        """Start it. The network never leads anywhere: it reaches this machine's test and nothing else.

        Args:
            cable: whether the cable is plugged in.
        """
        assert self._process is None
        kernel, initramfs, cmdline = self.card.firmware(self.folder)
        self._boots += 1
        self._log = self.folder / f"console-{self._boots}.log"
        forward = f"hostfwd=tcp:127.0.0.1:{self._ssh_port}-:22,hostfwd=tcp:127.0.0.1:{self.page}-:{self._board_page}"
        command = [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64", "-M", "virt", "-cpu", CPU, "-smp", "2", "-m", MEMORY, "-nodefaults", "-display", "none",
            "-kernel", str(kernel), "-initrd", str(initramfs), "-append", cmdline,
            "-drive", f"file={self.card.image},if=none,id=card,format=raw", "-device", "virtio-blk-pci,drive=card",
            "-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net,id=wire,romfile=",
            "-device", WATCHDOG, "-action", "watchdog=reset", "-rtc", "base=2001-01-01",
            "-serial", f"file:{self._log}", "-qmp", f"unix:{self._monitor},server=on,wait=off", "-S",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._begun = time.monotonic()
        self.plug(cable)
        self._ask("cont")

    @property
    def _monitor(self) -> Path:
        return self.folder / "monitor"

    @property
    def _channel(self) -> Path:
        return self.folder / "ssh"

    @property
    def console(self) -> str:
        """What it has said since it was switched on, without the colours."""
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", said)

    @property
    def uptime(self) -> float:
        """Seconds since it was switched on."""
        return time.monotonic() - self._begun

    def plug(self, cable: bool) -> None:
        """Plug the network cable in, or pull it out."""
        self._ask("set_link", name="wire", up=cable)

    def cut_power(self) -> None:
        """What the machine had in its memory is lost."""
        assert self._process is not None
        self._process.kill()
        self._is_off()

    def press_power_button(self) -> None:
        """A button that is a power key to the kernel, as on a device with ``--button``."""
        self._ask("system_powerdown")

    def wait_until_off(self, timeout: float) -> None:
        """Wait until it has switched itself off."""
        assert self._process is not None
        self._process.wait(timeout)
        self._is_off()
        assert "reboot: Power down" in self.console, f"it ended otherwise:\n{self.console[-3000:]}"

    def _is_off(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._process = None
        subprocess.run(["ssh", "-q", "-S", str(self._channel), "-O", "exit", "board"], capture_output=True)
        self._channel.unlink(missing_ok=True)

    def wait_for(self, words: str, timeout: float) -> float:
        """Wait until the console has said this; seconds since the switch."""
        while words not in self.console:
            assert self._process is not None and self._process.poll() is None, "the emulator has ended"
            assert self.uptime < timeout, f"no {words!r} after {timeout:.0f} s:\n{self.console[-3000:]}"
            time.sleep(1)
        return self.uptime

    def wait_for_login(self, timeout: float) -> float:
        """Wait until SSH lets us in; seconds since the switch."""
        while self.run("true", limit=60).returncode:
            assert self._process is not None and self._process.poll() is None, "the emulator has ended"
            assert self.uptime < timeout, f"no login after {timeout:.0f} s:\n{self.console[-3000:]}"
            time.sleep(2)
        return self.uptime

    def run(self, *command: str, limit: float = 600, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command on the board; its words are quoted."""
        where = ["-S", str(self._channel), "-i", str(self._key), "-p", str(self._ssh_port), f"{self._user}@127.0.0.1"]
        try:
            return subprocess.run([*SSH, *where, shlex.join(command)], input=stdin, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, b"", b"timed out")

    def check(self, *command: str, limit: float = 600, stdin: bytes = b"") -> str:
        """As :meth:`run`, for commands that must succeed; returns what they print."""
        done = self.run(*command, limit=limit, stdin=stdin)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def _ask(self, what: str, **arguments: object) -> None:
        """One order to the emulator, over its monitor."""
        with socket.socket(socket.AF_UNIX) as channel:
            for attempt in range(50):
                try:
                    channel.connect(str(self._monitor))
                    break
                except OSError:
                    assert attempt < 49, "the emulator does not start"
                    time.sleep(0.2)
            answers = channel.makefile("rb")
            answers.readline()
            for name, values in (("qmp_capabilities", {}), (what, arguments)):
                channel.sendall(json.dumps({"execute": name, "arguments": values}).encode())
                while b'"return"' not in (answer := answers.readline()):
                    assert b'"error"' not in answer and answer, answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
