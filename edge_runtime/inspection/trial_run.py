"""Load a model that nobody has vouched for in a process of its own first, because a malformed one can crash it.

A file with a card is protected by the SHA-256 on the card. For others the structure is checked
(:mod:`edge_runtime.inspection.graph`), but an operator's options can still send the runtime's C++ code astray.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from edge_runtime.errors import BadModel, EnvironmentLacks, ThinsmearError, WrongUsage

_SECONDS = 60.0
_MEMORY_BYTES = 4 << 30
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from edge_runtime.inspection.trial_run import child; sys.exit(child())"
)


@lru_cache(maxsize=2)  # one process for a whole pool of classifiers; failures are not kept
def try_model(flatbuffer: bytes, accelerator: str = "auto", seconds: float = _SECONDS) -> None:
    """Load and run the model once in a child process.

    Raises:
        BadModel: the runtime refuses it, crashes on it, or is not done after ``seconds``.
        EnvironmentLacks: no runtime is installed, or the Edge TPU cannot be used.
        WrongUsage: the model cannot run on the accelerator that is asked for.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, package_root, accelerator],
            input=flatbuffer,
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise BadModel(f"One run of the model took more than {seconds:.0f} s; it is damaged or too big.") from error
    message = done.stdout.decode("utf-8", "backslashreplace").strip()
    for kind in (EnvironmentLacks, WrongUsage):
        if done.returncode == kind.exit_code and message:
            raise kind(message)
    if done.returncode == BadModel.exit_code and message:
        raise BadModel(message)
    if done.returncode:
        raise BadModel(f"The runtime crashes on this model (exit status {done.returncode}); it is damaged.")


def child() -> int:
    """The child's part: model on stdin, accelerator as second argument, message on stdout, exit code as the error's."""
    _limit_memory()
    flatbuffer = sys.stdin.buffer.read()
    try:
        import numpy as np

        from edge_runtime.core.backends import open_interpreter

        interpreter = open_interpreter(flatbuffer, accelerator=sys.argv[2])
        interpreter.run(np.zeros(interpreter.input.shape, interpreter.input.dtype))
    except ThinsmearError as error:
        print(error)
        return error.exit_code
    except MemoryError:
        print("The model needs more memory than any cell classifier.")
        return BadModel.exit_code
    return 0


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here, no core file is wanted
