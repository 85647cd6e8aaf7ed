"""The first boot in a namespace of its own: the real scripts in a file system that has this machine's /usr, and an
/etc, /opt, /var and /boot of its own. And the units, as systemd's own tools see them.
"""

from __future__ import annotations

import ensurepip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_runtime.commands.device import device
from edge_runtime.core.model_file import default_model_path
from edge_runtime.deploy.card import plan as plan_module
from edge_runtime.deploy.kit import build as kit_module
from edge_runtime.deploy.kit.manifest import Kit
from tests.fakes.cards import FIRST_BOOT, PUBLIC_KEY, make_card, make_small_kit

CARD, KIT = Path(plan_module.__file__).parent, Path(kit_module.__file__).parent
UNITS = KIT / "units"
SCRIPTS = CARD / "scripts"
ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
NAMESPACE = ["unshare", *ROOT, "--mount", "--uts", "--net", "--pid", "--fork", "--kill-child"]
ENTER = """
set -e
for name in usr dev; do mkdir -p "$ROOT/$name"; mount --rbind "/$name" "$ROOT/$name"; done
mount -o remount,bind,ro "$ROOT/usr"
mount -t tmpfs none "$ROOT/usr/local"
mkdir -p "$ROOT/usr/local/bin"
cp "$ROOT/fake/"* "$ROOT/usr/local/bin/"
exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin LANG=C.UTF-8 "$(command -v chroot)" "$ROOT" "$@"
"""
# stand-ins for what a device has and this machine has not; and no writing out of all of this machine's disks
FAKES = {
    "uname": "echo aarch64",
    "locale-gen": "touch /var/locale-gen-ran",
    "mountpoint": ":",
    "sync": ":",
}
PHRASE = "correct horse battery"
python = shutil.which("python3", path="/usr/bin")
TARGETS = {"3.11": "bookworm", "3.13": "trixie"}


def python_here() -> str:
    if python is None:
        return "none"
    return subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True,
                          text=True).stdout.strip()  # fmt: skip


def can_enter() -> bool:
    needed = all(shutil.which(name) for name in ("unshare", "chroot", "systemctl", "systemd-sysusers", "useradd"))
    # accounts of more than one user must be possible
    test = 'file=$(mktemp) && trap "rm -f $file" EXIT && chown 1000 "$file"'
    return needed and subprocess.run([*NAMESPACE, "sh", "-c", test], capture_output=True).returncode == 0


needs_namespace = pytest.mark.skipif(
    not can_enter() or python_here() not in TARGETS,
    reason=f"needs root or user namespaces with more than one user, systemd's tools, and Python 3.11 or 3.13 as /usr/bin/python3 (here: {python_here()})",
)


@dataclass
class Machine:
    """A small system.

    Attributes:
        root: its file system.
        system: which Raspberry Pi OS it plays.
    """

    root: Path
    system: str

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*NAMESPACE, "sh", "-c", ENTER, "enter", *command],
            env={**os.environ, "ROOT": str(self.root)}, capture_output=True, text=True, timeout=1200,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def state(self) -> dict[str, str | bytes]:
        """Every file and link that the scripts may change."""
        found: dict[str, str | bytes] = {}
        for top in ("etc", "opt", "boot", "home"):
            for path in sorted((self.root / top).rglob("*")):
                name = path.relative_to(self.root).as_posix()
                if path.is_symlink():
                    found[name] = os.readlink(path)
                elif path.is_file() and not re.search(r"/venv/|-$", name):
                    found[name] = path.read_bytes()
        return found


def make_machine(root: Path, system: str) -> Machine:
    for folder in ("etc/cloud", "etc/ssh/sshd_config.d", "etc/sudoers.d", "etc/default", "opt", "var/log", "tmp", "proc",
                   "home/pi", "root", "fake", "boot", "var/lib/NetworkManager", "var/lib/systemd/rfkill", "run"):  # fmt: skip
        (root / folder).mkdir(parents=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for name, text in FAKES.items():
        (root / "fake" / name).write_text(f"#!/bin/sh\n{text}\n")
        (root / "fake" / name).chmod(0o755)
    files = {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/bash\n",
        "etc/group": "root:x:0:\nvideo:x:44:\npi:x:1000:\n",
        "etc/shadow": "root:*:19000::::::\npi:$6$x$y:19000::::::\n",
        "etc/gshadow": "root:*::\nvideo:*::\npi:!::\n",
        "etc/subuid": "pi:100000:65536\n",
        "etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n",
        "etc/hostname": "raspberrypi\n",
        "etc/locale.gen": "# en_GB.UTF-8 UTF-8\n",
        "etc/ssh/sshd_config.d/rename_user.conf": "Banner /usr/share/userconf-pi/sshd_banner\n",
        "var/lib/NetworkManager/NetworkManager.state": "[main]\nWirelessEnabled=false\n",
        "var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan": "1\n",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    # units of the stock image that ours switch on and off
    units = root / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    for name, target in (("ssh", "multi-user"), ("getty@", "getty")):
        (units / f"{name}.service").write_text(f"[Service]\nExecStart=true\n[Install]\nWantedBy={target}.target\n")
    (units / "multi-user.target.wants/userconfig.service").symlink_to("/usr/lib/systemd/system/userconfig.service")
    return Machine(root, system)


def pretend_systemd(machine: Machine) -> None:
    """From now on a running systemd seems to be there; what it is asked is kept in /var/systemctl."""
    (machine.root / "run/systemd/system").mkdir(parents=True)
    offline = 'case "$*" in *"enable "*|*"disable "*) exec env SYSTEMD_OFFLINE=1 /usr/bin/systemctl "$@";; esac'
    for name, text in {"systemctl": f'echo "$@" >>/var/systemctl\n{offline}', "udevadm": ":"}.items():
        (machine.root / "fake" / name).write_text(f"#!/bin/sh\n{text}\n")
        (machine.root / "fake" / name).chmod(0o755)


@pytest.fixture(scope="module")
def real_pip() -> Path:
    """The wheel of pip that comes with Python."""
    found = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not found:
        pytest.skip("this Python carries no wheel of pip")
    return found[-1]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return make_small_kit(tmp_path / "made", TARGETS[python_here()])


def provisioned(tmp_path: Path, kit: Kit, system: str, *options: str) -> Machine:
    """A machine whose card was prepared by the real command."""
    if kit.target != system:
        pytest.skip(f"/usr/bin/python3 is that of {kit.target}")
    machine = make_machine(tmp_path / "root", system)
    boot = make_card(machine.root / "boot/firmware", system)
    (tmp_path / "key.pub").write_text(PUBLIC_KEY + "\n")
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    result = CliRunner().invoke(device, ["provision", str(kit.root), "--boot", str(boot), "--name", "scope-1", "--country", "UG",
                                         "--access-point", "{name}", "--passphrase-file", str(tmp_path / "phrase"),
                                         "--ssh-key", str(tmp_path / "key.pub"), "--time-zone", "Africa/Kampala",
                                         *options])  # fmt: skip
    assert result.exit_code == 0, result.output
    return machine


def assert_ready(machine: Machine, kit: Kit) -> None:
    """What every device has after its first boot."""
    root = machine.root
    boot = root / "boot/firmware"
    etc = root / "etc"
    assert os.readlink(etc / "systemd/system/userconfig.service") == "/dev/null"
    assert not (etc / "systemd/system/multi-user.target.wants/userconfig.service").is_symlink()
    assert (etc / "systemd/system/multi-user.target.wants/thinsmear.service").is_symlink()
    assert (etc / "systemd/system/multi-user.target.wants/ssh.service").is_symlink()
    assert "PasswordAuthentication no" in (etc / "ssh/sshd_config.d/40-thinsmear.conf").read_text()
    assert not (etc / "ssh/sshd_config.d/rename_user.conf").exists()
    connection = etc / "NetworkManager/system-connections/thinsmear-access-point.nmconnection"
    assert connection.stat().st_mode & 0o777 == 0o600 and "mode=ap" in connection.read_text()
    assert "WirelessEnabled=true" in (root / "var/lib/NetworkManager/NetworkManager.state").read_text()
    assert (root / "var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan").read_text() == "0\n"
    assert (etc / "thinsmear/serve.conf").read_text() == "THINSMEAR_SERVE_OPTIONS=--camera auto --host 0.0.0.0\n"
    assert (root / "opt/thinsmear/current/kit.conf").read_text() == "THINSMEAR_MODEL=\n"  # the one inside our wheel
    assert re.search(r"^thinsmear:", (etc / "passwd").read_text(), re.M) and "plugdev:" in (etc / "group").read_text()
    assert os.readlink(root / "opt/thinsmear/current") == f"versions/{kit.id}/venv"
    assert machine.run("/opt/thinsmear/current/bin/thinsmear").stdout == "thinsmear, a stand-in\n"
    left = {path.relative_to(boot).as_posix() for path in boot.rglob("*") if path.is_file()}
    assert not left & {"user-data", "network-config", "userconf.txt", "firstrun.sh"}
    assert not any("secrets" in name or "kit" in name for name in left)
    key = re.search(r"psk=(\w+)", connection.read_text())
    assert key is not None
    assert not any(key[1].encode() in path.read_bytes() for path in boot.rglob("*") if path.is_file())


@needs_namespace
def test_first_boot_of_bookworm(tmp_path: Path, kit: Kit) -> None:
    machine = provisioned(tmp_path, kit, "bookworm", "--user", "keeper", "--keyboard", "fr,oss")
    root = machine.root
    boot = root / "boot/firmware"
    machine.run("sh", "/boot/firmware/firstrun.sh")
    assert "systemd." not in (boot / "cmdline.txt").read_text() and not (boot / "firstrun.sh").exists()
    assert FIRST_BOOT["bookworm"] in (boot / "cmdline.txt").read_text()  # the image's own part is not ours to touch
    assert (root / "etc/hostname").read_text() == "scope-1\n"
    assert (root / "etc/hosts").read_text() == "127.0.0.1\tlocalhost\n127.0.1.1\tscope-1\n"
    assert os.readlink(root / "etc/localtime") == "/usr/share/zoneinfo/Africa/Kampala"
    assert "\nen_GB.UTF-8 UTF-8\n" in (root / "etc/locale.gen").read_text() and (root / "var/locale-gen-ran").exists()
    assert 'XKBLAYOUT="fr"\nXKBVARIANT="oss"\n' in (root / "etc/default/keyboard").read_text()
    assert re.search(r"^keeper:x:1000:1000:.*:/home/keeper:", (root / "etc/passwd").read_text(), re.M)
    assert re.search(r"^video:x:44:keeper$", (root / "etc/group").read_text(), re.M)
    assert "keeper:*:" in (root / "etc/shadow").read_text() and "keeper:x:1000" in (root / "etc/group").read_text()
    assert (root / "etc/subuid").read_text() == "keeper:100000:65536\n"
    wants = root / "etc/systemd/system/multi-user.target.wants/thinsmear-first-boot.service"
    assert wants.is_symlink() and (wants.parent / os.readlink(wants)).exists()
    machine.run("sh", "/opt/thinsmear/setup/first-boot.sh")
    assert_ready(machine, kit)
    assert not wants.is_symlink()


@needs_namespace
def test_a_bookworm_card_that_fails_still_boots(tmp_path: Path, kit: Kit) -> None:
    """A step that fails (here: an unknown time zone) is named; after three attempts the normal boot goes on."""
    machine = provisioned(tmp_path, kit, "bookworm")
    boot = machine.root / "boot/firmware"
    settings = boot / "thinsmear/settings.sh"
    settings.write_text(settings.read_text().replace("Africa/Kampala", "Africa/Atlantis"))
    said = [machine.run("sh", "/boot/firmware/firstrun.sh").stdout for _ in range(2)]
    assert all("first boot: time_zone failed" in text for text in said)
    assert "systemd.run=" in (boot / "cmdline.txt").read_text()
    machine.run("sh", "/boot/firmware/firstrun.sh")
    assert "systemd." not in (boot / "cmdline.txt").read_text()
    machine.run("sh", "/opt/thinsmear/setup/first-boot.sh")
    assert_ready(machine, kit)


@needs_namespace
def test_first_boot_of_trixie(tmp_path: Path, kit: Kit) -> None:
    """With the stock image's Python of this system, the part of Trixie's first boot that is not cloud-init's."""
    trixie = make_small_kit(tmp_path / "for-trixie", "trixie")
    machine = provisioned(tmp_path, trixie, "trixie")
    if python_here() != "3.13":  # the interpreter that the kit asks for, as far as the script can see
        fake = machine.root / "fake/python3"
        fake.write_text('#!/bin/sh\ncase "$*" in *version_info*) echo 3.13;; *) exec /usr/bin/python3 "$@";; esac\n')
        fake.chmod(0o755)
    root = machine.root
    bootcmd = re.search(r'bootcmd:\n  - \["sh", "-c", "(.*)"\]\n', (root / "boot/firmware/user-data").read_text())
    assert bootcmd is not None
    command = bootcmd[1].replace('\\"', '"')
    machine.run("sh", "-c", command)
    assert (root / "etc/hostname").read_text() == "raspberrypi\n"  # cloud-init's work
    pretend_systemd(machine)
    machine.run("sh", "/opt/thinsmear/setup/first-boot.sh")
    assert_ready(machine, trixie)
    assert (root / "etc/cloud/cloud-init.disabled").exists()
    asked = (root / "var/systemctl").read_text().splitlines()
    at = asked.index("stop cloud-init-main.service")  # it would wait for the last stage, which is off now
    assert asked[at + 1] == "reset-failed cloud-init-main.service"
    before = machine.state()
    machine.run("sh", "-c", command)  # bootcmd is run at every boot as long as cloud-init is
    assert machine.state() == before


@needs_namespace
def test_a_power_cut_between_the_installation_and_the_clean_up(tmp_path: Path, kit: Kit) -> None:
    """The next boot takes the rest of the kit off the card, without installing from what is left of it."""
    machine = provisioned(tmp_path, kit, kit.target)
    boot = machine.root / "boot/firmware"
    machine.run("sh", "-c", "sh /boot/firmware/thinsmear/early.sh && sh /opt/thinsmear/setup/first-boot.sh")
    system = machine.root / "etc/systemd/system"
    wants = system / "multi-user.target.wants/thinsmear-first-boot.service"
    wants.symlink_to("../thinsmear-first-boot.service")
    shutil.copytree(kit.root, boot / "thinsmear/kit")
    (boot / "thinsmear/kit/install.sh").unlink()
    (boot / "thinsmear/booted").unlink()
    assert "setup/done" not in (system / "thinsmear-first-boot.service").read_text()  # or it would not be started
    machine.run("sh", "/opt/thinsmear/setup/first-boot.sh")
    assert_ready(machine, kit)
    assert (boot / "thinsmear/booted").exists() and not wants.is_symlink()


@needs_namespace
def test_installing_again_changes_nothing(tmp_path: Path, real_pip: Path) -> None:
    """With the real pip, which finds everything in the kit."""
    kit = make_small_kit(tmp_path / "made", TARGETS[python_here()], real_pip)
    machine = make_machine(tmp_path / "root", kit.target)
    shutil.copytree(kit.root, machine.root / "opt/kit")
    first = machine.run("sh", "/opt/kit/install.sh")
    assert "wrote /etc/systemd/system/thinsmear.service" in first.stdout
    (machine.root / "etc/thinsmear/serve.conf").write_text("THINSMEAR_SERVE_OPTIONS=--port 8080\n")
    before = machine.state()
    again = machine.run("sh", "-c", "sh /opt/kit/install.sh && thinsmear")
    assert "wrote" not in again.stdout and "installing" not in again.stdout
    assert again.stdout.endswith("thinsmear, a stand-in\n")
    assert machine.state() == before


@needs_namespace
def test_an_update_keeps_the_version_before(tmp_path: Path, kit: Kit) -> None:
    machine = make_machine(tmp_path / "root", kit.target)
    ids = []
    for version in ("1.0", "2.0", "3.0"):
        made = make_small_kit(tmp_path / version, kit.target, version=version)
        shutil.copytree(made.root, machine.root / "opt/kit", dirs_exist_ok=True)
        for wheel in (machine.root / "opt/kit/wheels").glob("thinsmear-*.whl"):
            if f"-{version}-" not in wheel.name:
                wheel.unlink()
        machine.run("sh", "/opt/kit/install.sh")
        ids.append(made.id)
    top = machine.root / "opt/thinsmear"
    assert os.readlink(top / "current") == f"versions/{ids[2]}/venv"
    assert os.readlink(top / "previous") == f"versions/{ids[1]}/venv"
    assert sorted(path.name for path in (top / "versions").iterdir()) == sorted(ids[1:])


@needs_namespace
def test_an_update_brings_its_model(tmp_path: Path, kit: Kit) -> None:
    """The service uses the newest kit's first model, whatever an earlier kit had; a --model set by hand would come later."""
    machine = make_machine(tmp_path / "root", kit.target)
    current = machine.root / "opt/thinsmear/current"
    for name in ("first.tflite", "second.tflite", None):
        models = () if name is None else (tmp_path / str(name),)
        for model in models:
            shutil.copy(default_model_path(), model)
        made = make_small_kit(tmp_path / f"kit of {name}", kit.target, models=models)
        shutil.rmtree(machine.root / "opt/kit", ignore_errors=True)
        shutil.copytree(made.root, machine.root / "opt/kit")
        machine.run("sh", "/opt/kit/install.sh")
        option = f"--model /opt/thinsmear/models/{name}" if name else ""
        assert (current / "kit.conf").read_text() == f"THINSMEAR_MODEL={option}\n"
        assert name is None or (machine.root / f"opt/thinsmear/models/{name}").is_file()
    assert (machine.root / "etc/thinsmear/serve.conf").read_text() == "THINSMEAR_SERVE_OPTIONS=\n"
    unit = (UNITS / "thinsmear.service").read_text()
    files = re.findall(r"^EnvironmentFile=-(.*)$", unit, re.M)
    assert files == ["/opt/thinsmear/current/kit.conf", "/etc/thinsmear/serve.conf"]
    assert "/bin/thinsmear serve $THINSMEAR_MODEL $THINSMEAR_SERVE_OPTIONS\n" in unit


# dpkg as far as it matters: what a package needs must be installed or come in the same call; else it is unpacked only
DPKG = {
    "dpkg-deb": 'sed -n "s/^$3: //p" "$2"',
    "dpkg-query": 'case "$2" in *db:Status-Status*) cat "/var/dpkg/$3";; *) cut -d" " -f2 "/var/dpkg/$3";; esac',
    "dpkg": """echo "$@" >>/var/dpkg-calls; shift; result=0; state=installed
for deb; do
    need=$(dpkg-deb --field "$deb" Depends)
    case " $need $* " in "  "*|*"/debs/${need}_"*) state=installed;; *) state=unpacked result=1;; esac
    echo "$state $(dpkg-deb --field "$deb" Version)" >"/var/dpkg/$(dpkg-deb --field "$deb" Package)"
done
exit $result""",
}


@needs_namespace
def test_packages_that_need_each_other(tmp_path: Path, kit: Kit) -> None:
    machine = make_machine(tmp_path / "root", kit.target)
    (machine.root / "var/dpkg").mkdir()
    for name, text in DPKG.items():
        (machine.root / "fake" / name).write_text(f"#!/bin/sh\n{text}\n")
        (machine.root / "fake" / name).chmod(0o755)
    debs = []
    for name, needs in (("camera", "library"), ("library", ""), ("there", "")):
        debs.append(tmp_path / f"{name}_1.0_arm64.deb")
        debs[-1].write_text(f"Package: {name}\nVersion: 1.0\nDepends: {needs}\n")
    (machine.root / "var/dpkg/there").write_text("installed 1.0\n")
    (machine.root / "var/dpkg/library").write_text("unpacked 1.0\n")  # by a call that did not end
    shutil.copytree(make_small_kit(tmp_path / "with", kit.target, debs=tuple(debs)).root, machine.root / "opt/kit")
    machine.run("sh", "/opt/kit/install.sh")
    machine.run("sh", "/opt/kit/install.sh")
    calls = (machine.root / "var/dpkg-calls").read_text()
    assert calls == "--install /opt/kit/debs/camera_1.0_arm64.deb /opt/kit/debs/library_1.0_arm64.deb\n"
    assert {path.read_text() for path in (machine.root / "var/dpkg").iterdir()} == {"installed 1.0\n"}


@needs_namespace
def test_a_file_that_cannot_be_written_ends_the_installation(tmp_path: Path, kit: Kit) -> None:
    """As on a full card: nothing may say that all is well, or the first boot would remove the kit."""
    machine = make_machine(tmp_path / "root", kit.target)
    shutil.copytree(kit.root, machine.root / "opt/kit")
    (machine.root / "etc/udev").write_text("no folder\n")
    done = machine.run("sh", "/opt/kit/install.sh", check=False)
    assert done.returncode == 1
    assert "cannot write /etc/udev/rules.d/60-thinsmear.rules" in done.stderr
    assert "wrote /etc/udev" not in done.stdout and "installed" not in done.stdout


@needs_namespace
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "opt/kit/units/thinsmear.service").write_text("x"), "the kit is damaged"),
        (
            lambda root: (root / "fake/uname").write_text("#!/bin/sh\necho armv7l\n"),
            "this kit is for aarch64, this machine is armv7l",
        ),
        (lambda root: (root / "fake/python3").write_text("#!/bin/sh\necho 3.9\n"), "here is 3.9"),
    ],
)
def test_kits_that_do_not_fit_are_refused(tmp_path: Path, kit: Kit, spoil: object, message: str) -> None:
    machine = make_machine(tmp_path / "root", kit.target)
    shutil.copytree(kit.root, machine.root / "opt/kit")
    assert callable(spoil)
    spoil(machine.root)
    for fake in (machine.root / "fake").iterdir():
        fake.chmod(0o755)
    done = machine.run("sh", "/opt/kit/install.sh", check=False)
    assert done.returncode == 1 and message in done.stderr
    assert not (machine.root / "opt/thinsmear/current").is_symlink()


@needs_namespace
def test_a_power_cut_while_installing(tmp_path: Path, kit: Kit) -> None:
    """A half-made version is made anew, and the one in use is only left for a whole one."""
    machine = make_machine(tmp_path / "root", kit.target)
    shutil.copytree(kit.root, machine.root / "opt/kit")
    half = machine.root / f"opt/thinsmear/versions/{kit.id}/venv/bin"
    half.mkdir(parents=True)
    (half / "thinsmear").write_text("#!/bin/sh\nexit 7\n")
    machine.run("sh", "/opt/kit/install.sh")
    assert machine.run("/opt/thinsmear/current/bin/thinsmear").stdout == "thinsmear, a stand-in\n"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed (apt: shellcheck)")
@pytest.mark.parametrize("script", [UNITS / "install.sh", *sorted(SCRIPTS.glob("*.sh"))], ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    done = subprocess.run(["shellcheck", "--severity=warning", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program at the place they name, and the groups that the installation makes left out."""
    for unit in [*UNITS.glob("*.service"), *SCRIPTS.glob("*.service")]:
        text = unit.read_text().replace("/opt/thinsmear/current/bin/thinsmear serve", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@needs_analyze
@pytest.mark.parametrize("name", ["thinsmear.service", "thinsmear-first-boot.service"])
def test_systemd_understands_the_units(units: Path, name: str) -> None:
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(units / name)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


@needs_analyze
def test_the_service_is_shut_in(units: Path) -> None:
    """Exposure below 3.0 of 10; systemd takes the threshold in tenths."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager", str(units / "thinsmear.service")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    exposure = re.search(r"Overall exposure level for thinsmear.service: ([0-9.]+)", done.stdout)
    assert exposure is not None and float(exposure[1]) < 3.0


def test_the_service_names_only_its_devices() -> None:
    text = (UNITS / "thinsmear.service").read_text()
    devices = re.findall(r"^DeviceAllow=(\S+) rw$", text, re.M)
    assert devices == [f"char-{name}" for name in ("video4linux", "media", "dma_heap", "usb_device", "apex")]
    for line in ("Type=notify", "WatchdogSec=30", "ProtectSystem=strict", "NoNewPrivileges=yes", "User=thinsmear",
                 "StateDirectory=thinsmear", "Restart=always", "DevicePolicy=closed", "MemoryMax=75%",
                 "LimitNOFILE=4096", "TasksMax=256"):  # fmt: skip
        assert f"\n{line}\n" in text
    # systemd finds these names when the service starts, so what gives them must be loaded by then
    modules = " ".join(f"modprobe@{name}.service" for name in ("videodev", "mc", "apex"))
    assert f"\nWants={modules}\n" in text and f"\nAfter={modules}\n" in text
    assert "ExecCondition" not in text  # one that fails once would leave the page off for good


def test_the_boards_watchdog_is_not_set_shorter_than_the_makers() -> None:
    """Raspberry Pi OS has a minute in 40-rpi-enable-watchdog.conf; the last name wins."""
    assert "\nRuntimeWatchdogSec=1min\n" in (UNITS / "thinsmear-system.conf").read_text()
    assert "/etc/systemd/system.conf.d/90-thinsmear.conf" in (UNITS / "install.sh").read_text()


@pytest.mark.parametrize(("when", "trigger"), [("ExecStartPost", "default-on"), ("ExecStopPost", "timer")])
def test_the_light_says_whether_the_page_answers(tmp_path: Path, when: str, trigger: str) -> None:
    """The unit's own command, on a stand-in for the kernel's LED; where none is wired, nothing happens."""
    line = re.search(rf"^{when}=-\+/bin/sh -c '(.*)'$", (UNITS / "thinsmear.service").read_text(), re.M)
    assert line is not None
    led = tmp_path / "trigger"
    command = line[1].replace("$$", "$").replace("/sys/class/leds/thinsmear/trigger", str(led))
    assert str(led) in command
    assert subprocess.run(["sh", "-c", command]).returncode == 0 and not led.exists()
    led.write_text("none")
    assert subprocess.run(["sh", "-c", command]).returncode == 0 and led.read_text() == f"{trigger}\n"


def test_udev_rules_name_the_accelerators() -> None:
    from edge_runtime.doctor.accelerators import USB_IDS

    rules = (UNITS / "60-thinsmear.rules").read_text()
    found = set(re.findall(r'ATTR\{idVendor\}=="(\w+)", ATTR\{idProduct\}=="(\w+)"', rules))
    assert found == USB_IDS
    assert 'SUBSYSTEM=="apex"' in rules and 'SUBSYSTEM=="video4linux"' in rules
