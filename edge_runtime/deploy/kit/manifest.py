"""The kit's list of contents: SHA-256 and size of every file, and the check that nothing was changed, lost or added."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"  # what the install script on the device checks with `sha256sum -c`
FORMAT = 1
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Kit:
    """A kit that was read and checked.

    Attributes:
        root: its folder.
        details: what :data:`MANIFEST` says besides the files (name, version, target, python, models, ...).
        files: path inside the kit to SHA-256, sorted; :data:`SUMS` itself is not among them.
        size: bytes of all files.
        id: first 12 digits of the SHA-256 of :data:`SUMS`, by which a device names what is installed.
    """

    root: Path
    details: dict[str, Any]
    files: dict[str, str]
    size: int
    id: str

    @property
    def target(self) -> str:
        """System for which the kit was made, ``"bookworm"`` or ``"trixie"``."""
        return str(self.details["target"])


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(root: Path, details: dict[str, Any]) -> None:
    """Write :data:`MANIFEST` and :data:`SUMS` for all files below ``root``. The same files give the same bytes."""
    names = [name for name in _names(root) if name not in (MANIFEST, SUMS)]
    files = {name: {"sha256": sha256_of(root / name), "bytes": (root / name).stat().st_size} for name in names}
    document = {"format": FORMAT, **details, "files": files}
    (root / MANIFEST).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sums = {name: str(entry["sha256"]) for name, entry in files.items()} | {MANIFEST: sha256_of(root / MANIFEST)}
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    (root / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def read_kit(root: Path) -> Kit:
    """Read a kit and prove by its sums that it is whole.

    Raises:
        WrongUsage: ``root`` is no kit.
        BadData: a file is missing, changed, or was added.
    """
    name = printable(root)
    if not (root / MANIFEST).is_file() or not (root / SUMS).is_file():
        raise WrongUsage(f"{name} is no kit (it has no {MANIFEST}); make one with `thinsmear device bundle --out DIR`.")
    try:
        details = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        lines = (root / SUMS).read_text(encoding="utf-8").splitlines()
        files = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
        listed, version, _ = details.pop("files"), details.pop("format"), details["target"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise BadData(f"The list of contents of {name} cannot be read ({error}); make the kit again.") from error
    if version != FORMAT:
        raise BadData(f"{name} has format {version!r}; this version reads {FORMAT}. Make the kit again.")
    unsafe = [path for path in files if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts]
    if unsafe or set(listed) | {MANIFEST} != set(files):
        raise BadData(f"The list of contents of {name} contradicts itself; make the kit again.")
    found = set(_names(root)) - {SUMS}
    for what, paths in (("is missing", set(files) - found), ("does not belong there", found - set(files))):
        if paths:
            raise BadData(f"{name} is not whole: {printable(min(paths))} {what}. Make the kit again.")
    for path, digest in files.items():
        if sha256_of(root / path) != digest:
            raise BadData(f"{name} is damaged: {printable(path)} is not what its SHA-256 says. Make the kit again.")
    size = sum((root / path).stat().st_size for path in [*files, SUMS])
    return Kit(root, details, dict(sorted(files.items())), size, sha256_of(root / SUMS)[:12])


def _names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
