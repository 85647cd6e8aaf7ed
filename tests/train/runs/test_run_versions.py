"""The commit a run records is that of this code, and of nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from train.runs.versions import checkout_commit, versions

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_only_tracked_code_has_a_commit_and_changes_are_said(tmp_path: Path) -> None:
    source = tmp_path / "code.py"
    source.write_text("one")
    assert checkout_commit(source) is None  # no repository
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "tag", "release")  # a tag's name is no commit
    commit = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert checkout_commit(source) == commit
    installed = tmp_path / "venv" / "code.py"
    installed.parent.mkdir()
    installed.write_text("one")
    assert checkout_commit(installed) is None  # inside somebody's repository, but not of it
    source.write_text("two")
    assert checkout_commit(source) == f"{commit}-dirty"


def test_versions_name_what_shapes_a_result() -> None:
    assert {"python", "numpy", "pillow"} <= set(versions())
