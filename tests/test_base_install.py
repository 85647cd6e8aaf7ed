"""The base install, as a device gets it: a wheel in an empty environment, without TensorFlow, that classifies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.deploy.kit.build import build_wheel
from edge_runtime.errors import EnvironmentLacks


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds nothing but the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("device")
    try:
        wheel = build_wheel(folder / "wheel")  # from a copy: no stale build/ of the checkout gets in
    except EnvironmentLacks as error:
        assert "No matching distribution" in str(error), error
        pytest.skip("no package registry can be reached")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    installed = subprocess.run(
        [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--retries", "1", str(wheel)],
        capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    if installed.returncode and "No matching distribution" in installed.stderr:
        pytest.skip("no package registry can be reached")
    assert installed.returncode == 0, installed.stderr
    return folder / "venv/bin"


def environment() -> dict[str, str]:
    """This process's without PYTHONPATH, which would let a checkout pass for what is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(device: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(device / "thinsmear"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment())


def test_it_classifies_without_tensorflow(device: Path, tmp_path: Path) -> None:
    listing = [str(device / "python"), "-m", "pip", "list", "--format=json"]
    packages = json.loads(subprocess.check_output(listing, env=environment()))
    names = {package["name"].lower() for package in packages}
    assert "thinsmear" in names
    assert not names & {"tensorflow", "keras", "matplotlib", "scipy"}

    Image.fromarray(np.full((140, 140, 3), 180, np.uint8)).save(tmp_path / "cell.png")
    done = run(device, "classify", "--json", "cell.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["label"] in ("Parasitized", "Uninfected") and 0 <= answer["probability"] <= 1

    assert run(device, "show", "default", "--golden", cwd=tmp_path).returncode == 0


def test_training_says_what_is_missing(device: Path, tmp_path: Path) -> None:
    done = run(device, "train", "cells", "--out", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ") and 'pip install "thinsmear[host]"' in done.stderr
