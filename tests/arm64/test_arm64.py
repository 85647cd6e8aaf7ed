"""On arm64 for real: the wheel in a Debian userland, installed offline, answers as this machine does."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.model_file import default_model_path, read_model_file
from edge_runtime.inspection.golden import golden_of

ROOT = Path(__file__).resolve().parents[2]
CELLS = 12
STEPS = 2  # of the output's quantisation; measured: none, as XNNPACK rounds alike on both processors
SUITES = ["bookworm", "trixie"]
# of the device's tests; the rest start programs by the dozen and count seconds, which emulation stretches tenfold
ROOMS = ("common", "core", "counting", "inspection")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(platform.machine() == "aarch64", reason="this is an arm64 machine: all other tests show it"),
]


def draw_images(folder: Path) -> None:
    """Synthetic cells, two of them as JPEG, and the golden images of the model."""
    synth = [
        "-m",
        "edge_runtime",
        "synth",
        str(folder),
        "--cells",
        str(CELLS),
        "--fields",
        "0",
        "--patients",
        "4",
        "-q",
    ]
    subprocess.run([sys.executable, *synth], cwd=ROOT, check=True, capture_output=True)
    for path in sorted(folder.rglob("*.png"))[:2]:
        Image.open(path).convert("RGB").save(path.with_suffix(".jpg"))
    golden = golden_of(read_model_file(default_model_path()))
    assert golden is not None
    for number, pixels in enumerate(golden.images):
        Image.fromarray(pixels).save(folder / f"golden_{number}.png")


def tensors_here(folder: Path, out: Path) -> Any:
    script = Path(__file__).with_name("tensors.py")
    subprocess.run([sys.executable, str(script), str(folder), str(out)], env={"PYTHONPATH": str(ROOT)}, check=True)
    return np.load(out, allow_pickle=False)


@pytest.mark.parametrize("suite", SUITES)
def test_a_plain_environment(suite: str, userland: Callable[..., Any], tmp_path: Path) -> None:
    """``python3 -m venv``, ``pip install thinsmear``; then doctor, golden vectors, and cells as on this machine."""
    device = userland(suite, with_venv=True)
    device.check("/venv/bin/pip", "install", "thinsmear")

    report = json.loads(device.check("/venv/bin/thinsmear", "doctor", "--json"))
    found = {finding["name"]: finding for finding in report["findings"]}
    assert report["ok"]
    assert found["architecture"]["message"] == "aarch64, 64-bit"
    for name in ("python", "numpy", "pillow", "runtime", "model", "golden"):
        assert found[name]["status"] == "ok", found[name]

    golden = json.loads(device.check("/venv/bin/thinsmear", "show", "--golden", "--json"))["golden"]
    assert golden["inputs_equal"] and golden["output_distance"] <= STEPS

    draw_images(device.shared / "images")
    lines = device.check("/venv/bin/thinsmear", "classify", "--json", "/srv/images").splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) == CELLS + 2 + golden["images"]
    assert {answer["model"] for answer in answers} == {read_model_file(default_model_path()).id}

    load = "import sys; from ai_edge_litert.interpreter import Interpreter as I; I(sys.argv[1]).allocate_tensors()"
    (model,) = (device.root / "venv/lib").glob("python*/site-packages/edge_runtime/models/default.tflite")
    noted = device.run("/venv/bin/python", "-c", load, f"/{model.relative_to(device.root)}").stderr
    assert "XNNPACK" in noted, f"these would not be a board's kernels: {noted}"
    device.shared.joinpath("tensors.py").write_bytes(Path(__file__).with_name("tensors.py").read_bytes())
    device.check("/venv/bin/python", "/srv/tensors.py", "/srv/images", "/srv/there.npz")
    there = np.load(device.shared / "there.npz", allow_pickle=False)
    here = tensors_here(device.shared / "images", tmp_path / "here.npz")
    assert len(here["inputs"]) == len(answers)
    np.testing.assert_array_equal(there["inputs"], here["inputs"], strict=True)
    assert there["outputs"].dtype == here["outputs"].dtype and there["outputs"].dtype.kind in "iu"
    apart = np.abs(there["outputs"].astype(int) - here["outputs"].astype(int))
    assert apart.max() <= STEPS, apart.ravel()
    np.testing.assert_array_equal(there["decisions"], here["decisions"])
    assert 0 < here["decisions"][:, 0].sum() < len(answers), "both labels should occur"


@pytest.mark.parametrize("suite", SUITES)
def test_beside_packages_of_apt(suite: str, userland: Callable[..., Any]) -> None:
    """``--system-site-packages`` with apt's NumPy and OpenCV, as docs/raspberry-pi.md has it; both stay as they were."""
    device = userland(suite, "python3-numpy", "python3-opencv")
    packages = device.root / "usr/lib/python3/dist-packages"
    before = {path: path.stat().st_mtime_ns for path in packages.rglob("*.so")}
    system = ["/usr/bin/python3", "-c", "import numpy; print(numpy.__version__)"]
    version = device.check(*system).strip()
    assert version == device.numpy

    device.check("/usr/bin/python3", "-m", "venv", "--system-site-packages", "/venv")
    device.check("/venv/bin/pip", "install", "thinsmear", f"numpy=={version}")

    used = device.check("/venv/bin/python", "-c", "import cv2, numpy; print(numpy.__version__, numpy.__file__)").split()
    assert used == [version, "/usr/lib/python3/dist-packages/numpy/__init__.py"]
    assert not list((device.root / "venv/lib").rglob("site-packages/numpy*"))
    assert device.check(*system).strip() == version
    assert {path: path.stat().st_mtime_ns for path in packages.rglob("*.so")} == before

    report = json.loads(device.check("/venv/bin/thinsmear", "doctor", "--json"))
    found = {finding["name"]: finding for finding in report["findings"]}
    assert found["numpy"] == {"name": "numpy", "status": "ok", "message": f"NumPy {version}", "cure": None}
    assert found["golden"]["status"] == "ok"


def test_the_devices_own_tests(userland: Callable[..., Any]) -> None:
    """Those of what decides: images, models, arithmetic and golden vectors, with what the base install holds."""
    tools = ("pytest", "pytest-timeout", "hypothesis")
    device = userland("bookworm", "dash", "coreutils", with_venv=True, tools=tools)  # a stand-in is a script
    device.check("/venv/bin/pip", "install", "thinsmear", *tools)
    checkout = device.shared / "checkout"
    for name in ("edge_runtime", "train", "convert", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, checkout)
    folders = [f"/srv/checkout/tests/edge_runtime/{room}" for room in ROOMS]
    settings = ["-c", "/srv/checkout/pyproject.toml", "--rootdir", "/srv/checkout", "-o", "timeout=3600"]
    command = ["/venv/bin/python", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *settings]
    speed = "not milliseconds"  # of a real processor
    done = device.run(*command, "-k", speed, *folders, timeout=3000)
    print(done.stdout[-5000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
