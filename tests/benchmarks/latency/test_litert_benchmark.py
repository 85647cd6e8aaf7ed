"""Our medians beside those of ``litert-benchmark``, the tool that comes with the runtime, on the same file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from benchmarks.harness.percentiles import interval
from benchmarks.harness.timing import Preset
from benchmarks.latency.latency import measure_latency, runtime_of
from benchmarks.latency.picture import cell_png
from edge_runtime.core.model_file import find_model, read_model_file

pytest.importorskip("ai_edge_litert.tools.benchmark_litert_model", reason="this runtime comes without its benchmark")
WITHIN = 0.15
ROUNDS = 9  # at once; more while the ratios scatter so much that their median is not known well enough
MOST_ROUNDS = 54
RUNS = 120


def theirs(model: Path, out: Path) -> float:
    """The tool's median, milliseconds, one thread."""
    command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model", f"--model={model}",
               f"--num_runs={RUNS}", "--warmup_runs=20", "--num_threads=1", f"--result_json={out}"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return float(json.loads(out.read_text())["latency"]["median_ms"])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_medians_agree_within_15_percent(tmp_path: Path) -> None:
    """In turns, and the median of the rounds' ratios: a machine that slows down slows both."""
    path = find_model(None)
    image = tmp_path / "cell.png"
    image.write_bytes(cell_png())
    model = read_model_file(path)
    runtime_of(model)
    ratios: list[float] = []
    while len(ratios) < MOST_ROUNDS and not known(ratios):
        for _ in range(ROUNDS):
            before = theirs(path, tmp_path / "tool.json")
            ours = measure_latency(model, image, 1, Preset(RUNS, 0, 20, 0)).inference.median_ms
            after = theirs(path, tmp_path / "tool.json")
            ratios.append(ours / ((before + after) / 2))
    assert median(ratios) == pytest.approx(1, abs=WITHIN), ratios


def known(ratios: list[float]) -> bool:
    """Whether the median's 95 % interval lies inside the bar, or outside of it."""
    ends = interval(sorted(ratios), 50)
    return ends is not None and (
        max(abs(end - 1) for end in ends) <= WITHIN or ends[0] > 1 + WITHIN or ends[1] < 1 - WITHIN
    )
