"""Debian arm64 userlands: downloaded with apt, unpacked without being installed, run under qemu without network.

Nothing of the machine is changed: the emulator is registered in a user namespace of the command's own, and what is
downloaded lies in ``THINSMEAR_CACHE`` (default ``~/.cache/thinsmear/arm64``), from where later runs take it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("THINSMEAR_CACHE") or Path.home() / ".cache/thinsmear/arm64")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# a Raspberry Pi 4's; qemu's own choice signs pointers, which Trixie is built to use and which is emulated very slowly
CPU = "cortex-a72"
# XNNPACK, whose kernels every board uses, gives way to slower ones that round otherwise unless it recognises the
# processor: it reads /sys and /proc/cpuinfo, and of the latter qemu 7 shows this machine's
CPUINFO = "".join(
    f"processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
    for number in range(os.cpu_count() or 1)
)
LAYOUT = "2"  # rises when userlands are unpacked differently, so that cached ones are made anew
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
LIBRARIES = "usr/lib/aarch64-linux-gnu"
DIST_PACKAGES = "usr/lib/python3/dist-packages"
# an ELF file for aarch64, by its first bytes; F: the emulator is opened now, so the userland need not hold it
ELF_AARCH64 = (
    r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{qemu}:F"
)
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child"]
ENTER = """
set -e
if mount -t binfmt_misc none "$ROOT/mnt" 2>/dev/null; then printf %s "$FORMAT" > "$ROOT/mnt/register"; fi
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc" 2>/dev/null || mount --rbind /proc "$ROOT/proc"
mkdir -p "$ROOT/sys"
mount --rbind /sys "$ROOT/sys"
mount --bind "$SHARED" "$ROOT/srv"
CPUFILE=$(mktemp); printf %s "$CPUINFO" > "$CPUFILE"; mount --bind "$CPUFILE" "$ROOT/proc/cpuinfo"
cd /
env -i QEMU_CPU="$CPU" PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "$(command -v chroot)" "$ROOT" "$@" || exit $?
exit 0  # no exec: as the first process of its namespace, a command that crashes under qemu would hang instead
"""


@dataclass(frozen=True)
class Userland:
    """An unpacked Debian arm64 system.

    Attributes:
        root: its top folder.
        shared: folder of this machine that it sees as /srv; pip in it takes packages from there, and only from there.
        numpy: version of the NumPy that apt has put into it.
    """

    root: Path
    shared: Path
    numpy: str | None = None

    def run(self, *command: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
        """Run a command in it as root, without network; nothing it starts outlives it."""
        settings = {
            "ROOT": str(self.root), "SHARED": str(self.shared), "CPU": CPU, "CPUINFO": CPUINFO,
            "FORMAT": ELF_AARCH64.format(qemu=shutil.which("qemu-aarch64-static")),
        }  # fmt: skip
        return subprocess.run(
            [*NAMESPACE, "sh", "-c", ENTER, "enter", *command],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def check(self, *command: str, timeout: float = 1800) -> str:
        """As :meth:`run`, for commands that must succeed; returns what they print."""
        done = self.run(*command, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@dataclass(frozen=True)
class Suite:
    """A Debian release, and what is unpacked of it besides a Python that can make environments."""

    name: str
    extra: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        return PYTHONS[self.name]

    @property
    def packages(self) -> tuple[str, ...]:
        return ("python3", "python3-venv", "libstdc++6", *self.extra)


@pytest.fixture(scope="session")
def emulation() -> None:
    """Skip where arm64 programs cannot be run."""
    for program in ("qemu-aarch64-static", "apt-get", "dpkg-deb", "unshare", "chroot"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is missing; on Debian: apt-get install qemu-user-static")
    if not KEYRING.exists():
        pytest.skip(f"{KEYRING} is missing; apt-get install debian-archive-keyring")
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    own = subprocess.run([*NAMESPACE, "mount", "-t", "binfmt_misc", "none", "/mnt"], capture_output=True)
    if own.returncode and not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
        pytest.skip("arm64 programs cannot be registered: Linux 6.7 or a registered qemu-aarch64 is needed")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built from a copy of the sources, so that nothing of earlier builds gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("edge_runtime", "train", "convert", "benchmarks"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(folder / "source"))
    (built,) = folder.glob("thinsmear-*.whl")
    return built


@pytest.fixture
def userland(emulation: None, wheel: Path, tmp_path: Path) -> Iterator[Callable[..., Userland]]:
    """Make a userland: ``userland("bookworm", "python3-numpy", with_venv=False)``, removed after the test.

    Our wheel and all it requires lie in its /srv, with the packages ``tools`` and what they require. With
    ``with_venv``, a plain environment /venv holds what our wheel requires, from an earlier run where there was one,
    but not our wheel.
    """
    root, shared = tmp_path / "root", tmp_path / "srv"

    def make(name: str, *extra: str, with_venv: bool = False, tools: tuple[str, ...] = ()) -> Userland:
        suite = Suite(name, extra)
        template = _cached("+".join((name, *extra)), (LAYOUT, *suite.packages), _unpack(suite))
        wheels = _wheelhouse(suite, wheel, template)
        shutil.copytree(wheels, shared)
        shutil.copy(wheel, shared)
        if tools:
            named = _cached(f"tools-{suite.python}", tools, lambda folder: _download(suite, folder, *tools))
            shutil.copytree(named, shared, dirs_exist_ok=True)
        if with_venv:
            called = "+".join((f"venv-{name}", *extra))
            template = _cached(called, (template.name, wheels.name), _with_venv(template, shared))
        _copy(template, root)
        return Userland(root, shared, system_numpy(template))

    yield make
    shutil.rmtree(root, ignore_errors=True)


def _with_venv(template: Path, shared: Path) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        _copy(template, folder)
        system = Userland(folder, shared)
        system.check("/usr/bin/python3", "-m", "venv", "/venv")
        system.check("/venv/bin/pip", "install", "thinsmear")
        system.check("/venv/bin/pip", "uninstall", "--yes", "thinsmear")

    return fill


def _copy(template: Path, root: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", str(template), str(root)], check=True)


def system_numpy(root: Path) -> str | None:
    """Version of the NumPy that apt has put into a userland."""
    found = [re.match(r"numpy-([\d.]+\d)\.", path.name) for path in (root / DIST_PACKAGES).glob("numpy-*")]
    return next((match[1] for match in found if match), None)


@contextmanager
def _lock() -> Iterator[None]:
    """One process at a time fills the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _cached(name: str, content: tuple[str, ...], fill: Callable[[Path], None]) -> Path:
    """A folder of the cache, filled when there is none for this content; it appears only when it is complete."""
    key = hashlib.sha256("\n".join((name, *content)).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    with _lock():
        if not folder.exists():
            for outdated in CACHE.glob(f"{name}-{'?' * len(key)}"):
                shutil.rmtree(outdated)
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="partial-") as partial:
                fill(Path(partial) / "content")
                (Path(partial) / "content").rename(folder)
    return folder


def _unpack(suite: Suite) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        root = folder
        for name in ("bin", "sbin", "lib"):  # merged, as every Debian since bookworm
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        for package in download(suite.name, suite.packages, folder.parent / "apt"):
            content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
            unpack = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(root)]
            subprocess.run(unpack, stdin=content.stdout, check=True)
            assert content.wait() == 0, package.name
        for name in ("dev", "proc", "mnt", "srv", "root", "tmp"):
            (root / name).mkdir(exist_ok=True)
        _configure(root)

    return fill


def _configure(root: Path) -> None:
    """What the packages' own scripts would have done, as far as it matters here."""
    for name in ("blas", "lapack"):  # update-alternatives
        for library in (root / LIBRARIES / name).glob("lib*.so.3"):
            (root / LIBRARIES / library.name).symlink_to(f"{name}/{library.name}")
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))  # update-ca-certificates, for pip
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(path.read_bytes() for path in certificates))


def download(suite: str, packages: Sequence[str], folder: Path) -> list[Path]:
    """Packages of a Debian suite with all they depend on, resolved by apt for an empty arm64 system.

    Args:
        folder: for apt's state and the packages; those that an earlier call left there are not downloaded again.
    """
    shutil.rmtree(folder / "state", ignore_errors=True)
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [arch=arm64 signed-by={KEYRING}] {_mirror()} {suite} main\n")
    settings = {
        "APT::Architecture": "arm64", "APT::Architectures": "arm64", "Dir::State": folder / "state",
        "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache", "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null", "Dir::Log": folder, "APT::Sandbox::User": "root",
        "Dir::Bin::dpkg": "/bin/false",  # whatever happens, nothing is installed on this machine
    }  # fmt: skip
    apt = ["apt-get", "-qq", *(option for key, value in settings.items() for option in ("-o", f"{key}={value}"))]
    updated = subprocess.run([*apt, "update"], capture_output=True, text=True)
    if updated.returncode or not list((folder / "state/lists").glob("*Packages*")):
        pytest.skip(f"no Debian mirror can be reached: {updated.stderr.strip()[-200:]}")
    install = ["install", "--yes", "--no-install-recommends", "--download-only", *packages]
    done = subprocess.run([*apt, *install], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted((folder / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """The Debian mirror that this machine uses, so that its owner's choice holds here too."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in files:
        if path.is_file():
            lines = [
                line for line in path.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#")
            ]
            if match := re.search(r"https?://\S+/debian/?(?=\s|$)", "\n".join(lines)):
                return match[0]
    return "http://deb.debian.org/debian"


def _wheelhouse(suite: Suite, wheel: Path, template: Path) -> Path:
    """Everything our wheel requires, for aarch64: the newest, and what goes with the system's NumPy where it has one."""
    requirements = [f"{wheel.resolve()}"]
    numpy = system_numpy(template)
    choices = [requirements] if numpy is None else [requirements, [*requirements, f"numpy=={numpy}"]]

    def fill(folder: Path) -> None:
        for choice in choices:
            _download(suite, folder, *choice)
        for own in folder.glob("thinsmear-*"):
            own.unlink()

    required = (ROOT / "setup.cfg").read_text().partition("install_requires")[2].partition("[")[0]
    return _cached(f"wheels-{suite.python}-{numpy or 'any'}", (required,), fill)


def _download(suite: Suite, folder: Path, *requirements: str) -> None:
    """Wheels for aarch64 of these packages and all they require."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)]  # bookworm has glibc 2.36
    _pip(
        "download", "--only-binary=:all:", "--dest", str(folder), "--python-version", suite.python,
        *(option for name in ("manylinux2014_aarch64", *platforms) for option in ("--platform", name)),
        *requirements,
    )  # fmt: skip


def _pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr
