"""The benchmarks' help is there at once: no numeric package is loaded before a benchmark runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "PIL", "cv2", "matplotlib", "tensorflow", "ai_edge_litert")


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "--help"],
        ["bench", "models", "--help"],
        ["bench", "fields", "--help"],
        ["bench", "review", "--help"],
        ["bench", "peers", "--help"],
        ["bench", "latency", "--help"],
    ],
)
def test_help_needs_no_numpy(words: list[str]) -> None:
    script = (
        f"import sys; from edge_runtime.cli import run; run({words!r}); "
        f"print([m for m in sys.modules if m.split('.')[0] in {HEAVY!r}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert "Usage:" in done.stdout and done.stdout.rstrip().endswith("\n[]")
