"""Load a model that nobody has vouched for in a process of its own first, because a malformed one can crash it.

A file with a card is protected by the SHA-256 on the card. For others the structure is checked
(:mod:`edge_runtime.inspection.graph`), but an operator's options can still send the runtime's C++ code astray. What the
model answers on the trial's inputs tells probabilities from logits.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import BadModel, EnvironmentLacks, ThinsmearError, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.backends import TensorInfo

_SECONDS = 60.0
_ENOUGH_SECONDS = 10.0  # for the inputs of a trial; a slow model gets fewer
_MEMORY_BYTES = 4 << 30
_BEYOND = 50.0  # times the range of pixels: far outside, only what is bounded by its own form stays in 0..1
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from edge_runtime.inspection.trial_run import child; sys.exit(child())"
)


@lru_cache(maxsize=2)  # one process for a whole pool of classifiers; failures are not kept
def try_model(
    flatbuffer: bytes,
    accelerator: str = "auto",
    seconds: float = _SECONDS,
    shape: tuple[int, ...] | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> tuple[tuple[float, ...], ...]:
    """Load the model and run it on a few inputs in a child process.

    Args:
        shape: of the input, where the model leaves it open.
        low: what the darkest pixel is in a float input, and ...
        high: ... the brightest.

    Returns:
        the output values of each input, in real numbers; what is no number is left out with all of its input.

    Raises:
        BadModel: the runtime refuses it, crashes on it, or is not done after ``seconds``.
        EnvironmentLacks: no runtime is installed, or the Edge TPU cannot be used.
        WrongUsage: the model cannot run on the accelerator that is asked for.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    wish = json.dumps({"accelerator": accelerator, "shape": shape, "low": low, "high": high})
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, package_root, wish], input=flatbuffer, capture_output=True, timeout=seconds
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
    return tuple(tuple(map(float, values)) for values in json.loads(message.splitlines()[-1]))


def child() -> int:
    """The child's part: model on stdin, wishes as second argument; answers or a message on stdout, the error's code."""
    _limit_memory()
    flatbuffer = sys.stdin.buffer.read()
    try:
        answers = _answers(flatbuffer, json.loads(sys.argv[2]))
    except ThinsmearError as error:
        print(error)
        return error.exit_code
    except MemoryError:
        print("The model needs more memory than any cell classifier.")
        return BadModel.exit_code
    print(json.dumps(answers))
    return 0


def _answers(flatbuffer: bytes, wish: dict[str, Any]) -> list[list[float]]:
    import time

    import numpy as np

    from edge_runtime.core.backends import open_interpreter

    interpreter = open_interpreter(flatbuffer, accelerator=wish["accelerator"])
    if wish["shape"] is not None:
        interpreter.reshape(tuple(wish["shape"]))
    begin = time.monotonic()
    answers = []
    for batch in trial_inputs(interpreter.input, wish["low"], wish["high"]):
        raw = interpreter.run(batch).astype(np.float64)
        output = interpreter.output
        real = (raw - output.zero_point) * output.scale if output.scale else raw
        if np.isfinite(real).all():
            answers.append(real.reshape(batch.shape[0], -1)[0].tolist())
        if time.monotonic() - begin > _ENOUGH_SECONDS:
            break
    return answers


def trial_inputs(tensor: TensorInfo, low: float, high: float) -> Iterator[NDArray[Any]]:
    """Black, white, noise, half dark; for float inputs also values far beyond what pixels can be."""
    import numpy as np

    generator = np.random.default_rng(0)
    shape, middle, half = tensor.shape, (low + high) / 2, (high - low) / 2
    ramp = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    noise = generator.uniform(-1, 1, (6, *shape))
    tints = generator.uniform(-1, 1, (6, *(side if side in (1, 3) else 1 for side in shape))) * np.ones(shape)
    patterns: list[NDArray[np.float64]] = [np.full(shape, -1.0), np.ones(shape), ramp, -ramp, *noise[:3], *tints[:3]]
    if tensor.dtype.kind == "f":
        yield from ((middle + half * pattern).astype(tensor.dtype) for pattern in patterns)
        beyond = [np.full(shape, -1.0), np.ones(shape), *noise[3:], *tints[3:]]
        yield from ((middle + _BEYOND * half * pattern).astype(tensor.dtype) for pattern in beyond)
        return
    limits = np.iinfo(tensor.dtype)
    centre, reach = (limits.max + limits.min) / 2, (limits.max - limits.min) / 2
    yield from (np.round(centre + reach * pattern).astype(tensor.dtype) for pattern in patterns)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here, no core file is wanted
