"""What is left of a command that runs in a process of its own."""

from __future__ import annotations

import subprocess


def rest(running: subprocess.Popen[str], timeout: float = 30.0) -> tuple[str, str]:
    """What it still prints until it ends: stdout and stderr.

    After ``stdout.readline()``, ``communicate()`` would lose the lines that were read ahead of the one that was asked
    for.
    """
    assert running.stdout is not None and running.stderr is not None
    output, error = running.stdout.read(), running.stderr.read()
    running.wait(timeout)
    return output, error
