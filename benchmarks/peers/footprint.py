"""What a runtime weighs on the disk: the files of its distribution and of everything that it requires."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import edge_runtime

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OWN = "thinsmear"


def closure(packages: Iterable[str]) -> list[str]:
    """Installed distributions that these need, themselves included, sorted.

    Requirements of extras are left out; one that is not installed (another platform's, for instance) is passed over.
    """
    found: set[str] = set()
    waiting = [_normal(package) for package in packages]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for requirement in required:
            match = _NAME.match(requirement)
            if match and "extra" not in requirement.partition(";")[2]:
                waiting.append(_normal(match[0]))
    return sorted(found)


def installed_bytes(names: Iterable[str]) -> int:
    """Bytes of the files of these distributions, shared ones counted once, without compiled Python files.

    Of this program only what a device needs counts, wherever it is installed.
    """
    files: set[Path] = set()
    for name in names:
        if _normal(name) == _OWN:
            files.update(path for path in Path(edge_runtime.__file__).parent.rglob("*") if path.is_file())
            continue
        distribution = metadata.distribution(name)
        files.update(Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.is_file())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
