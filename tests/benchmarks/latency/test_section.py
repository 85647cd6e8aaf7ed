"""How latency is shown, on a terminal and in a report alike."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

import pytest

from benchmarks.harness.minute_medians import Minute
from benchmarks.harness.surroundings import Readers
from benchmarks.harness.timing import Preset
from benchmarks.latency.latency import measure_latency, runtime_of
from benchmarks.latency.picture import cell_png
from benchmarks.latency.section import machine_facts, section, start_table, thread_detail
from benchmarks.report.forms import detail_text, markdown, table_text
from edge_runtime.core.model_file import read_model_file
from tests.benchmarks.report.documents import latency


def test_readings_of_the_board_and_conditions(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "benchmarks.latency.latency.by_minute", lambda *rest: (Minute(1, 2.0, 1.0), Minute(2, 2.6, 1.3))
    )
    image = tmp_path / "cell.png"
    image.write_bytes(cell_png())
    model = read_model_file(small_model)
    runtime_of(model)
    degrees, watts = chain([48.0], repeat(50.0)), chain([2.0] * 5, repeat(5.0))
    board = Readers(
        throttled=lambda: 0x50000,
        temperature=lambda: next(degrees),
        power=lambda: next(watts),
        governor=lambda: None,
        driver=lambda: None,
        sleep=lambda seconds: None,
    )
    preset = Preset(min_runs=5, min_seconds=1.1, warmup=0, cold_starts=0)
    measured = measure_latency(model, image, 1, preset, readers=board).to_json()
    shown = detail_text(thread_detail(measured))
    assert "temperature: 48.0 C before, 50.0 after, 50.0 at most" in shown
    assert "before: under-voltage since boot, throttled since boot" in shown
    assert "energy, estimated from the board's rails: 5.00 W (2.00 idle)" in shown
    assert "2         2.600             +30.0%" in shown
    assert "\nResult is : INVALID\n" in shown
    assert "\n  No thermal drift : No (minute 2 +30.0% against the first, 20% allowed)" in shown
    assert measured["minutes"][1] == {"minute": 2, "median_ms": 2.6, "ratio": 1.3}


def test_a_terminal_and_a_report_show_the_same_figures() -> None:
    document = latency()
    (model,) = document["models"]
    (one,) = model["threads"]
    report = markdown(section(document))
    for line in detail_text(thread_detail(one)).splitlines()[-2:]:
        assert line in report  # the conditions
    for name, value in machine_facts(document).items():
        assert f"- {name}: {value}\n" in report
    cells = table_text(start_table(model)).splitlines()[-2].split()
    assert cells[-5:] == ["290", "310", "59", "3", "1.50"]
    assert f"| {' | '.join(cells[-5:])} |" in report
