"""Starts one command and prints what it took; run as a script of its own, by :mod:`benchmarks.latency.coldstart`.

Linux counts the memory that a process had before it became another program to that program's peak, so a peak taken
from a large parent is the parent's. This script imports next to nothing and is a small parent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def launch(command: list[str]) -> dict[str, object]:
    """Run a command: seconds from start to end, peak resident memory (None where unknown), exit code, last words."""
    read, write = os.pipe()
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=write)
    os.close(write)
    with open(read, "rb") as stream:
        complaints = stream.read()  # ends when the process has closed its stderr, that is, when it ends
    peak = None
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    else:
        process.wait()
    seconds = time.perf_counter() - before
    last = complaints.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return {"seconds": seconds, "peak_bytes": peak, "exit_code": process.returncode, "last_line": last}


if __name__ == "__main__":
    print(json.dumps(launch(sys.argv[1:])))
