"""Every file of the four packages travels: modules, page, schemas, models, scripts, references."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("edge_runtime", "train", "convert", "benchmarks")


def files(root: Path) -> set[str]:
    """Files of the packages below ``root``, relative to it, without what Python compiles."""
    found = (path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_a_build_leaves_nothing_behind(tmp_path: Path) -> None:
    if find_spec("setuptools") is None:  # not imported: it refuses to be where something has loaded distutils before
        pytest.skip("the build needs setuptools")
    copy, built = tmp_path / "copy", tmp_path / "built"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    expected = files(copy)
    command = ["-c", "import setuptools; setuptools.setup()", "--quiet", "build_py", "--build-lib", str(built)]
    done = subprocess.run([sys.executable, *command], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert expected - files(built) == set()
