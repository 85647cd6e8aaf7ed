"""The packages a device needs, as wheels for its Python and processor, collected on a machine that has a network."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import import_module
from pathlib import Path
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, EnvironmentLacks

MACHINE = "aarch64"
# extras of the distribution that a device uses, when the distribution has them
DEVICE_EXTRAS = ("camera", "field", "serve")
_LAST_ERRORS = 6


@dataclass(frozen=True)
class Target:
    """A system a kit can be made for.

    Attributes:
        name: Debian's code name.
        python: version of the system's Python, for instance ``"3.11"``.
        glibc: second part of the C library's version (2.x), which bounds the wheels it can load.
        constraints: what the system's own packages ask of ours.
    """

    name: str
    python: str
    glibc: int
    constraints: tuple[str, ...] = ()

    @property
    def platforms(self) -> list[str]:
        """Platform tags of wheels that load there, best first."""
        return [f"manylinux_2_{minor}_{MACHINE}" for minor in range(self.glibc, 16, -1)] + [f"manylinux2014_{MACHINE}"]

    @property
    def abi(self) -> str:
        """Tag of the interpreter's binary interface, for instance ``"cp311"``."""
        return f"cp{self.python.replace('.', '')}"

    @property
    def markers(self) -> dict[str, str]:
        """The environment in which requirements' markers are decided (PEP 508)."""
        return {
            "implementation_name": "cpython", "implementation_version": f"{self.python}.0", "os_name": "posix",
            "platform_machine": MACHINE, "platform_python_implementation": "CPython", "platform_release": "",
            "platform_system": "Linux", "platform_version": "", "python_full_version": f"{self.python}.0",
            "python_version": self.python, "sys_platform": "linux",
        }  # fmt: skip


TARGETS = {
    # picamera2 comes from apt and is bound to apt's NumPy 1.24, so nothing may ask for NumPy 2 there
    "bookworm": Target("bookworm", "3.11", 36, ("numpy<2",)),
    "trixie": Target("trixie", "3.13", 41),
}

# runs pip with these arguments; replaced in tests
Pip = Callable[[Sequence[str]], None]


def run_pip(arguments: Sequence[str]) -> None:
    """Run this Python's pip, with the index that the user has configured.

    Raises:
        EnvironmentLacks: pip is missing, has no network, or finds no such package.
    """
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-_LAST_ERRORS:]
        said = printable(" ".join(lines))
        raise EnvironmentLacks(f"`pip {arguments[0]}` ended with {done.returncode}: {said} Check pip and the network.")


def collect(wheel: Path, target: Target, folder: Path, pip: Pip = run_pip) -> None:
    """Download into ``folder`` all wheels that ``wheel`` and pip need on the target; what is there already is kept.

    pip decides markers by the machine it runs on (another Python, another processor), so the result is checked
    against the target's markers, and what is missing there is fetched too.

    Raises:
        EnvironmentLacks: pip failed, or there is no wheel of something for the target.
    """
    extras = device_extras(wheel)
    named = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in target.constraints), encoding="utf-8")
        options = ["--only-binary=:all:", "--implementation=cp", f"--abi={target.abi}"]
        options += [f"--python-version={target.python}", f"--constraint={constraints}", f"--dest={folder}"]
        options += [f"--platform={platform}" for platform in target.platforms]
        pip(["download", "--quiet", *options, named, "pip"])
        for _ in range(10):
            lacking = missing([wheel, *folder.glob("*.whl")], target, extras)
            if not lacking:
                break
            pip(["download", "--quiet", *options, *sorted(lacking)])
    _require_complete(wheel, target, folder)


def _require_complete(wheel: Path, target: Target, folder: Path) -> None:
    lacking = missing([wheel, *folder.glob("*.whl")], target, device_extras(wheel))
    if lacking:
        raise EnvironmentLacks(
            f"The wheels for {target.name} are not complete: {', '.join(sorted(lacking))} missing; "
            "add them to the folder, or let pip download them."
        )


def check_complete(wheel: Path, target: Target, folder: Path) -> None:
    """Prove that a folder of wheels suffices to install ``wheel`` on the target without a network.

    Raises:
        EnvironmentLacks: something is missing.
        BadData: a wheel is damaged, or made for another Python or processor.
    """
    packaging = _packaging()
    tags = set(packaging.tags.cpython_tags(_version(target), [target.abi], target.platforms))
    tags |= set(packaging.tags.compatible_tags(_version(target), target.abi, target.platforms))
    for path in sorted(folder.glob("*.whl")):
        try:
            fits = packaging.utils.parse_wheel_filename(path.name)[3] & tags
        except packaging.utils.InvalidWheelFilename as error:
            raise BadData(f"{printable(path.name)} is not named as wheels are; take it out of the folder.") from error
        if not fits:
            raise BadData(
                f"{printable(path.name)} does not fit {target.name} (Python {target.python}, {MACHINE}); "
                "take it out of the folder."
            )
    _require_complete(wheel, target, folder)


def device_extras(wheel: Path) -> list[str]:
    """Those of :data:`DEVICE_EXTRAS` that the wheel declares."""
    declared = metadata(wheel).get_all("Provides-Extra") or []
    return [extra for extra in DEVICE_EXTRAS if extra in declared]


def metadata(wheel: Path) -> Message:
    """A wheel's ``METADATA``.

    Raises:
        BadData: not a wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return HeaderParser().parsestr(archive.read(name).decode("utf-8", "replace"))
    except (zipfile.BadZipFile, StopIteration, OSError) as error:
        raise BadData(f"{printable(wheel)} is no wheel ({error or 'no METADATA in it'}).") from error


def missing(wheels: Iterable[Path], target: Target, extras: Sequence[str] = ()) -> set[str]:
    """Requirements of the first wheel (with ``extras``), and of all it needs, that none of the wheels meets."""
    packaging = _packaging()
    paths = list(wheels)
    have: dict[str, list[Message]] = {}
    for path in paths:
        header = metadata(path)
        have.setdefault(packaging.utils.canonicalize_name(header["Name"]), []).append(header)
    first = metadata(paths[0])
    queue: list[tuple[Message, frozenset[str]]] = [(first, frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    lacking: set[str] = set()
    while queue:
        header, wanted = queue.pop()
        for line in header.get_all("Requires-Dist") or []:
            requirement = packaging.requirements.Requirement(line)
            if not _applies(requirement, target, wanted):
                continue
            name = packaging.utils.canonicalize_name(requirement.name)
            fitting = [h for h in have.get(name, []) if requirement.specifier.contains(h["Version"], prereleases=True)]
            if not fitting:
                lacking.add(f"{requirement.name}{requirement.specifier}")
            elif (name, frozenset(requirement.extras)) not in seen:
                seen.add((name, frozenset(requirement.extras)))
                queue.append((fitting[0], frozenset(requirement.extras)))
    return lacking


def _applies(requirement: Any, target: Target, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**target.markers, "extra": extra}) for extra in (extras or {""}) | {""})


def _version(target: Target) -> tuple[int, int]:
    major, minor = target.python.split(".")
    return int(major), int(minor)


def _packaging() -> Any:
    """The ``packaging`` library, which reads versions and markers; pip carries a copy where it is not installed."""
    for name in ("packaging", "pip._vendor.packaging"):
        try:
            for part in ("requirements", "tags", "utils"):
                import_module(f"{name}.{part}")
        except ImportError:
            continue
        return sys.modules[name]
    raise EnvironmentLacks("Making a kit needs pip; install it (`python -m ensurepip`).")
