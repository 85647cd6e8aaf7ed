"""What all tests share: a clean environment, a tiny trained run, and the real images where they are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
SIZE = 32
with contextlib.suppress(ImportError):
    import hypothesis

    # On a busy machine inputs are made slowly, which says nothing about the code.
    calm = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
    hypothesis.settings.register_profile("calm", **calm)
    hypothesis.settings.load_profile("calm")
# Started in the background of a shell, tests and the programs they start would ignore Ctrl-C.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def proven_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that knows which packages load on this machine, so that not each child process proves them anew."""
    folder = tmp_path_factory.mktemp("proven")
    prove = "from edge_runtime.common.installed import prove_it_loads as p; p('numpy'); "
    prove += "p('ai_edge_litert', 'ai_edge_litert.interpreter')"
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    subprocess.run([sys.executable, "-c", prove], env=environment, check=False, capture_output=True)
    return folder / "thinsmear" / "loads"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proven_packages: Path) -> None:
    """No test reads or fills the user's cache."""
    home = tmp_path.with_name(f"{tmp_path.name}-cache-home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    if proven_packages.is_dir():
        shutil.copytree(proven_packages, home / "thinsmear" / "loads", dirs_exist_ok=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with nih_cells and iml_fields: THINSMEAR_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("THINSMEAR_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "nih_cells").is_dir():
        pytest.skip(f"no real cell images in {folder}; set THINSMEAR_DATA to their folder")
    return folder


def draw_cell(generator: np.random.Generator, infected: bool) -> np.ndarray:
    """A disc on black, with a dark square inside when infected: uint8 [32, 32, 3]."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 16) ** 2 + (columns - 16) ** 2 < 200
    pixels = np.where(disc[..., None], generator.integers(170, 220, (SIZE, SIZE, 3)), 0)
    if infected:
        y, x = generator.integers(9, 18, 2)
        pixels[y : y + 6, x : x + 6] = (90, 20, 110)
    return pixels.astype(np.uint8)


def draw_patients(root: Path, patients: int, each: int) -> Path:
    """Cells of both classes for every patient, in the layout of the NIH collection."""
    generator = np.random.default_rng(7)
    for label in ("Parasitized", "Uninfected"):
        (root / label).mkdir(parents=True)
        for patient in range(patients):
            for number in range(each):
                path = root / label / f"C{patient}P{patient}_cell_{number}.png"
                Image.fromarray(draw_cell(generator, label == "Parasitized")).save(path)
    return root


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of the test processes makes and the others wait for; pytest removes it with its own."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    shared.mkdir(exist_ok=True)
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir()  # fails where another process failed to make it: once is enough
            make(folder)
            done.touch()
    return folder


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run of a small network whose held-out part is large enough for a conclusive gate.

    All test processes share it: a test that writes copies it first.
    """
    pytest.importorskip("tensorflow")

    def make(folder: Path) -> None:
        from train.network.network import Network
        from train.trainer.recipe import Recipe
        from train.training import RunPlan, finish_run, start_run

        data = draw_patients(folder / "cells", patients=40, each=14)
        recipe = Recipe(epochs=4, batch=32, rate=3e-3, ema=0.0, warmup=0.0)
        network = Network("cnn_128", SIZE, weights=None)
        finish_run(start_run(folder / "run", RunPlan(data, network, recipe, cache=folder / "cache")))

    run = made_once(tmp_path_factory, "trained", make) / "run"
    before = state(run)
    yield run
    assert state(run) == before, "a test wrote into the run that all share"


@pytest.fixture
def eager() -> Iterator[None]:
    """Small trainings are over sooner than TensorFlow has traced them."""
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)
