"""Packages that are installed but broken give one sentence with a cure, and exit code 3, from every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.common.installed import prove_it_loads, why_broken
from edge_runtime.errors import EnvironmentLacks

REPOSITORY = Path(__file__).parents[3]
NO_LIBRARY = "raise ImportError('libstdc++.so.6: cannot open shared object file: No such file or directory')"
NUMPY_2 = "raise SystemError('<built-in function _import_array> returned without setting an exception')"
NUMPY_2_TOLD = """import sys
sys.stderr.write('A module that was compiled using NumPy 1.x cannot be run in NumPy 2.x\\n' * 20)
raise ImportError('numpy.core.multiarray failed to import')"""
ILLEGAL = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
GLIBC = 'raise ImportError("/lib/libm.so.6: version `GLIBC_2.38\' not found (required by x.so)")'
OTHER = "raise ImportError('x.so: wrong ELF class: ELFCLASS64')"
# package -> what its import does; the others of the runtimes are not installed
MACHINES = {
    "numpy 2": ({"tflite_runtime": NUMPY_2}, "is built for NumPy 1 and fails with the installed NumPy"),
    "numpy 2, told": ({"tflite_runtime": NUMPY_2_TOLD}, "pip install ai-edge-litert"),
    "no libstdc++": (
        {"ai_edge_litert": NO_LIBRARY},
        r"needs the system's library libstdc\+\+.so.6, .* apt install libstdc",
    ),
    "illegal instruction": ({"ai_edge_litert": ILLEGAL}, r"built for a newer processor than this one .* SIGILL"),
    "old system": ({"ai_edge_litert": GLIBC}, r"built for a newer system than this one \(GLIBC_2.38 is missing\)"),
    "another processor": ({"ai_edge_litert": OTHER}, "built for another processor"),
    "old numpy": (
        {
            "ai_edge_litert": "raise RuntimeError('module compiled against API version 0xe but this version of numpy is 0xd')"
        },
        "was built for another NumPy than the installed",
    ),
    "both": ({"ai_edge_litert": NO_LIBRARY, "tflite_runtime": NUMPY_2}, "libstdc"),
    "none": ({}, "No TFLite runtime is installed"),
}
RUNTIMES = ("ai_edge_litert", "tflite_runtime", "tensorflow")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of packages that stands before all others; runtimes that a test does not put there are hidden."""
    folder = tmp_path / "packages"
    hider = f"""import os, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if top in {RUNTIMES!r} and not os.path.isdir(os.path.join({str(folder)!r}, top)):
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Hidden())
"""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(hider)
    Image.fromarray(np.full((16, 16, 3), 200, np.uint8)).save(tmp_path / "cell.png")
    return folder


def run(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(machine), str(REPOSITORY)])
    command = [sys.executable, "-m", "edge_runtime", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=machine.parent,
        env={**os.environ, "PYTHONPATH": paths},
        timeout=60,
    )


def install(machine: Path, packages: dict[str, str]) -> None:
    for package, code in packages.items():
        (machine / package).mkdir()
        (machine / package / "__init__.py").write_text("")
        (machine / package / "interpreter.py").write_text(code)


@pytest.mark.parametrize("name", MACHINES)
def test_a_broken_runtime_is_one_sentence_and_exit_code_three(name: str, machine: Path) -> None:
    packages, message = MACHINES[name]
    install(machine, packages)
    done = run(machine, "classify", "cell.png")
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
    assert_matches(message, done.stderr)


COMMANDS = [
    ["classify", "--field", "cell.png"],
    ["watch", "--camera", "replay:cell.png@0", "--cells"],
    ["show", "--golden"],
    ["serve", "--port", "0", "--store", "store"],
    ["evaluate", "default", "."],
    ["bench", "latency"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_every_command_that_loads_a_model_says_it(arguments: list[str], machine: Path) -> None:
    (machine.parent / "Parasitized").mkdir()
    (machine.parent / "Uninfected").mkdir()
    for folder in ("Parasitized", "Uninfected"):
        (machine.parent / "cell.png").read_bytes()
        Image.effect_noise((16, 16), 60).convert("RGB").save(machine.parent / folder / "C1_cell_1.png")
    install(machine, {"ai_edge_litert": NO_LIBRARY})
    done = run(machine, *arguments)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert_matches("needs the system's library libstdc", done.stderr)


def test_a_numpy_of_another_processor_is_said_before_it_ends_the_command(machine: Path) -> None:
    (machine / "numpy").mkdir()
    (machine / "numpy" / "__init__.py").write_text(ILLEGAL)
    done = run(machine, "classify", "cell.png")
    assert done.returncode == 3, done.stderr
    assert_matches("numpy.* was built for a newer processor than this one", done.stderr)


def test_a_numpy_that_does_not_load_is_one_sentence(machine: Path) -> None:
    (machine / "numpy").mkdir()
    (machine / "numpy" / "__init__.py").write_text(
        "raise ImportError('libopenblas.so.0: cannot open shared object file: No such file or directory')"
    )
    done = run(machine, "classify", "cell.png")
    assert done.returncode == 3, done.stderr
    assert_matches("libopenblas.so.0, which is missing; run `sudo apt install libopenblas0`", done.stderr)


def test_what_loaded_once_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[list[str]] = []
    run_child = subprocess.run

    def counted(command: list[str], **options: object) -> object:
        children.append(command)
        return run_child(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("edge_runtime.common.installed.subprocess.run", counted)
    for _ in range(3):
        prove_it_loads("wave", "wave")
    assert len(children) == 1


def test_the_first_error_of_a_chain_is_told() -> None:
    try:
        try:
            raise ImportError("libatomic.so.1: cannot open shared object file: No such file or directory")
        except ImportError as inner:
            raise SystemError("initialisation failed") from inner
    except SystemError as error:
        assert "sudo apt install libatomic1" in str(why_broken("ai_edge_litert", error))


def test_a_package_that_kills_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deadly.py").write_text(ILLEGAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentLacks, match="loading it ends in SIGILL"):
        prove_it_loads("deadly")


def assert_matches(pattern: str, text: str) -> None:
    import re

    assert re.search(pattern, text), text
