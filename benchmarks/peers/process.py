"""Starting, asking and ending the process of one peer; whatever goes wrong becomes the reason on its row."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edge_runtime
from benchmarks.peers.protocol import Job
from edge_runtime.common.text import printable

SECONDS = 900.0  # for one request; after that the process is taken for stuck
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
               "TF_NUM_INTEROP_THREADS")  # fmt: skip
_MISSING = re.compile(r"No module named '([\w.]+)'")


class PeerFailed(Exception):
    """A peer cannot go on; the message is the reason, for its row."""


@dataclass(frozen=True)
class First:
    """A peer's start.

    Attributes:
        milliseconds: from starting the process to its first answer.
        peak_mib: resident memory at most until then; None where the system does not tell.
        probability: the first answer.
        about: runtime, version, threads.
    """

    milliseconds: float
    peak_mib: float | None
    probability: float
    about: Mapping[str, str]


class PeerProcess:
    """One peer at work; a context manager that leaves no process behind.

    Attributes:
        first: see :class:`First`.

    Raises:
        PeerFailed: the runtime is missing, refuses the model, or crashes.
    """

    def __init__(self, job: Job) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - see close
        before = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(),
            text=True,
            encoding="utf-8",
        )
        try:
            answer = self._ask(job.to_json())
        except BaseException:
            self.close()
            raise
        milliseconds = (time.perf_counter() - before) * 1000
        peak = answer["peak_bytes"]
        self.first = First(
            milliseconds, None if peak is None else peak / (1 << 20), answer["probability"], answer["about"]
        )

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def load(self) -> None:
        """Decode all the job's images."""
        self._ask({"load": True})

    def time(self, cells: Sequence[int]) -> tuple[list[float], list[tuple[int, int]]]:
        """Classify cells one by one: P(parasitized), and nanoseconds of the whole call and inside the runtime."""
        answer = self._ask({"cells": list(cells)})
        return answer["probabilities"], [(whole, inside) for whole, inside in answer["times"]]

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _ask(self, request: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        watchdog = threading.Timer(SECONDS, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:  # it died before it read the request
            line = ""
        finally:
            watchdog.cancel()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        raise PeerFailed(reason(self._errors.read(), code))


def environment() -> dict[str, str]:
    """The environment of a peer: one thread for every library that reads it from there, no GPU, no chatter."""
    packages = str(Path(edge_runtime.__file__).parent.parent)  # so that a checkout works from any folder
    path = os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH"))))
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), **quiet, "PYTHONPATH": path}


def reason(complaints: str, code: int) -> str:
    """One sentence from what a process wrote before it failed."""
    missing = _MISSING.search(complaints)
    if missing:
        extra = "host" if missing[1].partition(".")[0] in ("tensorflow", "keras") else "peers"
        return f'the package {missing[1]} is missing: pip install "thinsmear[{extra}]"'
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    if code < 0:
        return f"its process was ended by signal {-code}" + (f" ({printable(lines[-1])})" if lines else "")
    return printable(lines[-1]) if lines else f"its process ended with code {code}"
