"""Process start to answer: ``thinsmear classify one.png`` against the shortest script that calls the runtime once.

The files are in the page cache (one start of each kind is thrown away first): what is measured is Python's start,
the imports, loading the model and one answer, not the speed of the memory card.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edge_runtime
from benchmarks.harness.bare import bare_script
from benchmarks.harness.percentiles import median
from edge_runtime.common.console import progress
from edge_runtime.common.text import printable
from edge_runtime.errors import ThinsmearError


@dataclass(frozen=True)
class Started:
    """One process: how long it took, and its peak resident memory where the system tells."""

    milliseconds: float
    peak_mib: float | None


@dataclass(frozen=True)
class ColdStart:
    """Starts of both kinds, in turns.

    Attributes:
        classify: ``python -m edge_runtime classify``.
        bare: the bare script.
    """

    classify: tuple[Started, ...]
    bare: tuple[Started, ...]

    @property
    def ratio(self) -> float:
        """Median of ``classify`` over median of ``bare``."""
        return _median(self.classify) / _median(self.bare)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"classify": _figures(self.classify), "bare": _figures(self.bare), "ratio": self.ratio}


def measure_cold_starts(model: Path, image: Path, backend: str, starts: int, edgetpu: bool = False) -> ColdStart:
    """Start both kinds of process in turns.

    Args:
        model: file with a card.
        image: a cell image.
        backend: name of the back end in use.
        starts: of each kind.
        edgetpu: whether the model was compiled for an Edge TPU.

    Raises:
        ThinsmearError: a process failed; the message has its last line.
    """
    classify = [sys.executable, "-m", "edge_runtime", "classify", "-q", "--json", "--model", str(model), str(image)]
    bare = [sys.executable, "-c", bare_script(backend, edgetpu), str(model)]
    kinds: dict[str, list[Started]] = {"classify": [], "bare": []}
    with progress(range(starts + 1), "cold starts") as rounds:
        for number in rounds:
            for kind, command in (("classify", classify), ("bare", bare)):
                started = _start(command)
                if number:
                    kinds[kind].append(started)
    return ColdStart(tuple(kinds["classify"]), tuple(kinds["bare"]))


def _start(command: Sequence[str]) -> Started:
    packages = str(Path(edge_runtime.__file__).parent.parent)  # so that a checkout works from any folder
    path = os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH"))))
    launcher = [sys.executable, "-S", str(Path(__file__).with_name("launcher.py")), *command]
    environment = {**os.environ, "PYTHONPATH": path}
    answer = subprocess.run(launcher, env=environment, capture_output=True)
    if answer.returncode:
        raise ThinsmearError(f"No process could be started to be timed: {printable(answer.stderr.decode()[-200:])}")
    result = json.loads(answer.stdout)
    if result["exit_code"]:
        raise ThinsmearError(
            f"The process for the cold start ended with code {result['exit_code']}: {printable(result['last_line'])}"
        )
    peak = result["peak_bytes"]
    return Started(result["seconds"] * 1000, None if peak is None else peak / (1 << 20))


def _median(starts: Sequence[Started]) -> float:
    return median(sorted(start.milliseconds for start in starts))


def _figures(starts: Sequence[Started]) -> dict[str, Any]:
    peaks = [start.peak_mib for start in starts if start.peak_mib is not None]
    return {
        "median_ms": _median(starts),
        "min_ms": min(start.milliseconds for start in starts),
        "max_ms": max(start.milliseconds for start in starts),
        "peak_mib": max(peaks) if peaks else None,
        "num_runs": len(starts),
    }
