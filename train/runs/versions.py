"""Versions of what shapes a result, and the commit of the code, for a run's files and a model's card."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of what shapes a result: thinsmear, Python, the numeric packages and, in a checkout, the commit."""
    found = {"python": platform.python_version()}
    for package in ("thinsmear", "tensorflow", "keras", "numpy", "pillow", "ai-edge-litert"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    commit = checkout_commit(Path(__file__))
    return found if commit is None else {**found, "git": commit}


def checkout_commit(source: Path) -> str | None:
    """The commit a source file was checked out with, with "-dirty" when its checkout has changed since.

    None where git does not track the file: an installed copy may lie inside another project's repository, whose
    commit says nothing about this code.
    """

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", *arguments]
        done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", source.name)
        return git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None
