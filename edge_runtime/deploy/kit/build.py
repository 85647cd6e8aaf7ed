"""Makes the offline kit: our wheel, the wheels it needs, models, units, rules and the script that installs them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.core.model_file import read_model_file
from edge_runtime.deploy.kit.manifest import MANIFEST, Kit, read_kit, write_manifest
from edge_runtime.deploy.kit.wheelhouse import (
    MACHINE,
    TARGETS,
    Pip,
    check_complete,
    collect,
    device_extras,
    metadata,
    run_pip,
)
from edge_runtime.errors import BadData, WrongUsage

INSTALL_SCRIPT = "install.sh"
_UNITS = resources.files("edge_runtime.deploy.kit") / "units"
# files of the kit's folder units/ that only newer systems understand, by the oldest target that does
_NEWER = {"thinsmear-backoff.conf": "trixie"}
_SOURCES = ("edge_runtime", "train", "convert", "benchmarks")
_BUILD_FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_EPOCH = 315_532_800  # 1980-01-01, the earliest time a ZIP archive can hold
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.tflite")


@dataclass(frozen=True)
class Sources:
    """What a kit is made of.

    Attributes:
        target: key of :data:`~edge_runtime.deploy.kit.wheelhouse.TARGETS`.
        models: model files to take along; the service uses the first, or without any the one inside our wheel.
        wheel: our wheel; None to build it from the checkout this program runs from.
        wheels: folder of wheels to use instead of downloading.
        debs: Debian packages to install before, for instance libedgetpu.
    """

    target: str
    models: tuple[Path, ...] = ()
    wheel: Path | None = None
    wheels: Path | None = None
    debs: tuple[Path, ...] = ()


def make_kit(sources: Sources, out: Path, pip: Pip = run_pip) -> Kit:
    """Make a kit in the folder ``out``; an older kit there is replaced, and only when the new one is complete.

    The same sources give the same bytes: no times, no paths of this machine, fixed order and permissions.

    Raises:
        WrongUsage: ``out`` holds something else, or a source does not exist.
        BadModel, BadData: a model or a wheel is damaged or does not fit.
        EnvironmentLacks: pip or the network is missing, or there is no wheel of something for the target.
    """
    out = Path(os.path.abspath(out))
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUsage(f"{printable(out)} is not empty and holds no kit; name a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name[:60]}.", dir=out.parent) as scratch:
        fresh = Path(scratch) / "kit"
        _fill(fresh, sources, Path(scratch), pip)
        _normalise(fresh)
        old = Path(scratch) / "old"
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    return read_kit(out)


def _fill(root: Path, sources: Sources, scratch: Path, pip: Pip) -> None:
    target = TARGETS[sources.target]
    wheels = root / "wheels"
    wheels.mkdir(parents=True)
    ours = build_wheel(scratch / "ours", pip) if sources.wheel is None else _existing(sources.wheel)
    header = metadata(ours)
    if header["Name"] != "thinsmear":
        raise WrongUsage(f"{printable(ours)} is the wheel of {header['Name']!r}; name that of thinsmear.")
    if sources.wheels is None:
        collect(ours, target, wheels, pip)
    else:
        _copy_wheels(_existing(sources.wheels), wheels)
    for stale in wheels.glob("thinsmear-*.whl"):
        stale.unlink()
    shutil.copyfile(ours, wheels / ours.name)
    if not any(wheels.glob("pip-*.whl")):
        raise WrongUsage(f"{printable(sources.wheels or wheels)} holds no wheel of pip, which installs the others.")
    check_complete(wheels / ours.name, target, wheels)
    models = _copy_models(sources.models, root / "models")
    for deb in sources.debs:
        if deb.suffix != ".deb":
            raise WrongUsage(f"{printable(deb)} is no Debian package; its name must end in .deb.")
        (root / "debs").mkdir(exist_ok=True)
        shutil.copyfile(_existing(deb), root / "debs" / deb.name)
    _copy_units(root, sources.target)
    first = next(iter(models), "")  # the service's; the manifest sorts the names
    facts = {"PYTHON_VERSION": target.python, "MACHINE": MACHINE, "VERSION": header["Version"], "MODEL": first}
    (root / "target.env").write_text("".join(f"{key}={shlex.quote(value)}\n" for key, value in facts.items()))
    write_manifest(root, {
        "name": "thinsmear", "version": header["Version"], "target": sources.target, "python": target.python,
        "machine": MACHINE, "extras": device_extras(ours), "model": first, "models": models,
    })  # fmt: skip


def build_wheel(folder: Path, pip: Pip = run_pip) -> Path:
    """Build our wheel from the checkout this program runs from, in a copy, so that the checkout stays as it is.

    Raises:
        WrongUsage: the program was installed, there is no checkout.
        EnvironmentLacks: pip cannot build.
    """
    checkout = Path(__file__).resolve().parents[3]
    if not all((checkout / name).is_file() for name in _BUILD_FILES):
        raise WrongUsage("This program does not run from a checkout; give the wheel that was installed with --wheel.")
    copy = folder / "source"
    copy.mkdir(parents=True)
    for package in _SOURCES:
        shutil.copytree(checkout / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for name in _BUILD_FILES:
        shutil.copyfile(checkout / name, copy / name)
    _normalise(copy)
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(_EPOCH)
    try:
        pip(["wheel", "--quiet", "--no-deps", f"--wheel-dir={folder / 'dist'}", str(copy)])
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
    return next((folder / "dist").glob("thinsmear-*.whl"))


def _existing(path: Path) -> Path:
    if not path.exists():
        raise WrongUsage(f"There is no {printable(path)}; check the path.")
    return path


def _copy_wheels(source: Path, wheels: Path) -> None:
    found = sorted(source.glob("*.whl"))
    if not found:
        raise WrongUsage(f"{printable(source)} holds no wheels (*.whl); name a folder that pip downloaded into.")
    for path in found:
        shutil.copyfile(path, wheels / path.name)


def _copy_models(models: Sequence[Path], folder: Path) -> dict[str, str]:
    """Copy the models and return their names with their SHA-256; each is read first, so no damaged one travels."""
    copied: dict[str, str] = {}
    for path in models:
        model = read_model_file(path)
        if not _MODEL_NAME.fullmatch(path.name) or path.name in copied:
            raise WrongUsage(
                f"The model name {printable(path.name)} cannot be used; take letters, digits, . _ - and the ending "
                ".tflite, and each name once."
            )
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)
        copied[path.name] = model.sha256
    return copied


def _copy_units(root: Path, target: str) -> None:
    (root / "units").mkdir()
    order = list(TARGETS)
    for entry in sorted(_UNITS.iterdir(), key=lambda entry: entry.name):
        if not entry.is_file() or entry.name.endswith(".py"):
            continue
        if order.index(target) < order.index(_NEWER.get(entry.name, order[0])):
            continue
        folder = root if entry.name == INSTALL_SCRIPT else root / "units"
        (folder / entry.name).write_bytes(entry.read_bytes())


def _normalise(root: Path) -> None:
    """Give everything below ``root`` the same time and plain permissions."""
    for path in [*sorted(root.rglob("*"), reverse=True), root]:
        if path.is_symlink():
            raise BadData(f"{printable(path)} is a link; a kit holds plain files.")
        mode = 0o755 if path.is_dir() or path.name == INSTALL_SCRIPT else 0o644
        if stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)
        os.utime(path, (_EPOCH, _EPOCH))
