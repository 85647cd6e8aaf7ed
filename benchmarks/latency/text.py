"""How latency figures are shown to people: the machine, a table a model, and the verdict with its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.harness.machine import Machine, throttle_flags
from benchmarks.harness.percentiles import P99_NEEDS, Summary
from benchmarks.latency.coldstart import ColdStart
from benchmarks.latency.latency import STAGES, Latency
from benchmarks.latency.throughput import Throughput
from edge_runtime.common.console import table
from edge_runtime.common.text import printable
from edge_runtime.core.model_file import ModelFile
from edge_runtime.inspection.compute_units import ComputeUnits

_HEADINGS = ("ms", "p50", "p90", "p95", "p99", "avg", "min", "max", "std")


def machine_text(machine: Machine, runtime: str) -> str:
    """The facts, a line each; those the machine does not tell are left out."""
    clock = f", up to {machine.max_mhz} MHz" if machine.max_mhz else ""
    throttled = None
    if machine.throttled is not None:
        throttled = f"{machine.throttled:#x} ({', '.join(throttle_flags(machine.throttled)) or 'no flag up'})"
    facts = (
        ("board", machine.board),
        ("processor", f"{machine.processor or 'unknown'}, {machine.processors} usable{clock}"),
        ("governor", machine.governor),
        ("throttled", throttled),
        ("memory", f"{machine.memory_mib:,} MiB" if machine.memory_mib else None),
        ("load", None if machine.load is None else f"{machine.load:.2f} runnable processes in the last minute"),
        ("system", f"{machine.os}, {machine.kernel}"),
        ("software", f"{machine.python}, {runtime}, thinsmear {machine.thinsmear}"),
    )
    return "\n".join(f"{name:10}{value}" for name, value in facts if value)


def model_text(model: ModelFile, size: tuple[int, int], units: ComputeUnits) -> str:
    """Heading of a model's figures, and what runs where."""
    bytes_ = model.path.stat().st_size
    return f"\n{printable(model.path)}  (model {model.id}, {bytes_:,} bytes, input {size[0]}x{size[1]})\n{units}"


def throughput_text(pools: Sequence[Throughput]) -> str:
    """Pools of single-thread interpreters beside one."""
    rows = [
        (pool.interpreters, f"{pool.cells_per_second:.0f}", f"{pool.ratio:.2f}", f"{pool.ceiling:.2f}")
        for pool in pools
    ]
    return "\n" + table(("interpreters", "cells a second", "ratio to one", "ceiling"), rows, right=range(4))


def cold_text(cold: ColdStart) -> str:
    """Cold starts of the command and of the bare script."""
    document = cold.to_json()
    rows = []
    for kind, name in (("classify", "thinsmear classify one.png"), ("bare", "bare script")):
        figures = document[kind]
        peak = figures["peak_mib"]
        rows.append(
            (name, *(f"{figures[key]:.0f}" for key in ("median_ms", "min_ms", "max_ms")),
             "-" if peak is None else f"{peak:.0f}", figures["num_runs"])
        )  # fmt: skip
    text = table(("process start, ms", "median", "min", "max", "peak MiB", "runs"), rows, right=range(1, 6))
    return f"{text}\nratio to the bare script: {cold.ratio:.2f}"


def latency_text(latency: Latency) -> str:
    """One model at one number of threads."""
    rows = [
        ("cell from a file", latency.file),
        *((f"  {name}", latency.stages[name]) for name in STAGES),
        ("floor: Pillow + bare interpreter", latency.bare_file),
        ("cell from an array", latency.array),
        ("floor: bare interpreter", latency.bare),
    ]
    threads = f"{latency.threads} thread{'s' if latency.threads > 1 else ''}"
    withheld = "" if latency.file.p99_ms is not None else f"\np99 is withheld below {P99_NEEDS:,} runs"
    board = "".join(f"\n{line}" for line in (*_board(latency), *_minutes(latency)))
    return (
        f"\n{threads}, {latency.file.num_runs:,} runs: init {latency.init_ms:.1f} ms, "
        f"first inference {latency.warmup_first_ms:.2f} ms\n"
        f"{table(_HEADINGS, [(name, *_figures(summary)) for name, summary in rows], right=range(1, 9))}{withheld}\n"
        f"95 % intervals: from a file {_intervals(latency.file)}; infer {_intervals(latency.inference)}\n"
        f"ratios to the floor (p50): from a file {latency.file_ratio:.3f}, from an array {latency.array_ratio:.3f}"
        f"{board}\n{latency.verdict}"
    )


def _figures(summary: Summary) -> Sequence[str]:
    values = (summary.p50_ms, summary.p90_ms, summary.p95_ms, summary.p99_ms, summary.avg_ms, summary.min_ms,
              summary.max_ms, summary.std_ms)  # fmt: skip
    return ["-" if value is None else f"{value:.3f}" for value in values]


def _intervals(summary: Summary) -> str:
    """The percentiles that have an interval, with it."""
    known = (("p50", summary.p50_interval_ms), ("p90", summary.p90_interval_ms), ("p95", summary.p95_interval_ms),
             ("p99", summary.p99_interval_ms))  # fmt: skip
    shown = [f"{name} {found[0]:.3f} to {found[1]:.3f}" for name, found in known if found is not None]
    return ", ".join(shown) or "too few runs"


def _board(latency: Latency) -> Iterator[str]:
    """Temperature, throttling and energy, where the board tells."""
    facts = latency.surroundings.to_json()
    if facts["temperature"] is not None:
        heat = facts["temperature"]
        yield f"temperature: {heat['before']:.1f} C before, {heat['after']:.1f} after, {heat['highest']:.1f} at most"
    if facts["throttled"] is not None:
        words = {when: ", ".join(facts["throttled"][f"flags_{when}"]) or "no flag up" for when in ("before", "after")}
        yield f"throttle flags: before: {words['before']}; after: {words['after']}"
    energy = latency.surroundings.energy
    if energy is not None:
        figures = energy.to_json(latency.file.median_ms)
        yield (
            f"energy, estimated from the board's rails: {energy.watts:.2f} W ({energy.idle_watts:.2f} idle), "
            f"{figures['millijoules']:.1f} mJ a cell from a file, {figures['millijoules_above_idle']:.1f} above idle"
        )


def _minutes(latency: Latency) -> Iterator[str]:
    """The soak minute by minute: the first, each fifth and the last."""
    chosen = [m for m in latency.minutes if m.minute == 1 or m.minute % 5 == 0 or m.minute == len(latency.minutes)]
    if chosen:
        shown = ", ".join(f"{m.minute}: {m.median_ms:.3f} ({m.ratio - 1:+.1%})" for m in chosen)
        yield f"bare interpreter, median ms by minute: {shown}"
