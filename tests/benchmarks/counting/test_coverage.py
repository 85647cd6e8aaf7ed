"""Coverage of the intervals: a small seeded grid always, the published one on demand."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.counting.command import counting
from benchmarks.counting.coverage import (
    BEYOND,
    EXACT_BAR,
    LEAST_BAR,
    MEAN_BAR,
    SCENARIOS,
    CoverageGrid,
    coverage_grid,
    exact_coverage,
)
from benchmarks.counting.section import section
from benchmarks.harness.envelope import envelope
from benchmarks.report.section import Section
from edge_runtime.errors import GateFailed


def made(grid: CoverageGrid) -> Section:
    return section(envelope("counting", grid.to_json()))


@pytest.mark.parametrize("counted", [50, 500, 5_000])
@pytest.mark.parametrize("expected", [0.1, 0.7, 3.7, 20.3])
def test_the_exact_interval_never_covers_less_than_it_says(counted: int, expected: float) -> None:
    assert exact_coverage(counted, expected / counted) >= EXACT_BAR


def test_small_grid() -> None:
    """100 replicates have a standard error of 2.2 points, so the least of the points is not held to its bar here."""
    grid = coverage_grid(SCENARIOS, counted=(10_000,), expected=(0.3, 3, 50), replicates=100)
    assert len(grid.points) == 18
    assert MEAN_BAR[0] <= grid.mean <= MEAN_BAR[1]
    assert grid.least > LEAST_BAR - 3 * 0.022
    assert grid.exact_least >= EXACT_BAR
    (detail,) = made(grid).details
    (table,) = detail.tables
    assert len(table.rows) == 6
    assert table.rows[0][2] == f"{100 * grid.points[0].coverage:.1f}"


def test_the_grid_would_notice_an_interval_that_ignores_the_blank() -> None:
    """The same counts under a blank rate ten times the validation slides' are not covered."""
    from dataclasses import replace

    from benchmarks.counting import coverage as module

    honest = replace(SCENARIOS[3], blank=0.0002)
    original = module._validation
    try:
        module._validation = lambda scenario, generator: original(honest, generator)  # type: ignore[assignment]
        grid = coverage_grid(SCENARIOS[3:4], counted=(10_000,), expected=(1, 10), replicates=60)
    finally:
        module._validation = original
    assert grid.least < 0.5 and not grid.passed
    assert made(grid).remarks[0].startswith("NOT within the bars")


def test_the_command_prints_the_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.counting.coverage.SCENARIOS", SCENARIOS[:1])
    monkeypatch.setattr("benchmarks.counting.coverage.BEYOND", BEYOND[:1])
    monkeypatch.setattr(
        "benchmarks.counting.coverage.coverage_grid", partial(coverage_grid, counted=(500,), expected=(1, 5))
    )
    arguments = ["--replicates", "50", "--draws", "500", "-q", "--save", str(tmp_path / "grid.json")]
    printed = CliRunner().invoke(counting, arguments)
    assert "no blank" in printed.output and "lognormal *" in printed.output and "0.94 to 0.98" in printed.output
    saved = json.loads((tmp_path / "grid.json").read_text())
    assert {point["within"] for point in saved["points"]} == {True, False}
    again = json.loads(CliRunner().invoke(counting, [*arguments, "--json"]).stdout)
    passing = {name: saved[name] for name in ("date", "machine")}  # a second may have passed, and the load have changed
    assert {**again, **passing} == saved


def test_a_missed_bar_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.counting.coverage.SCENARIOS", SCENARIOS[:1])
    monkeypatch.setattr("benchmarks.counting.coverage.BEYOND", ())
    monkeypatch.setattr("benchmarks.counting.coverage.LEAST_BAR", 1.01)
    monkeypatch.setattr(
        "benchmarks.counting.coverage.coverage_grid", partial(coverage_grid, counted=(500,), expected=(1,))
    )
    result = CliRunner().invoke(counting, ["--replicates", "50", "--draws", "500"])
    assert isinstance(result.exception, GateFailed)
    assert "NOT within the bars" in result.output


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_published_grid() -> None:
    grid = coverage_grid(SCENARIOS, replicates=1_000)
    assert grid.passed, (grid.mean, grid.least, grid.exact_least)
