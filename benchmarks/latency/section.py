"""``bench latency``: percentiles with intervals by threads, parts of a cell, cold starts, pools, the soak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.harness.percentiles import P99_NEEDS
from benchmarks.report.section import Detail, FigurePlot, FigureTable, Section, make_section, number, spread
from edge_runtime.common.text import printable
from edge_runtime.inspection.compute_units import ComputeUnits
from train.report.plot_style import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEADINGS = ("threads", "infer p50, ms", "p90", "p95", "p99", "from a file p50, ms", "over the floor",
             "from an array, over the floor", "first, ms", "init, ms", "result")  # fmt: skip
_PERCENTILES = ("p50", "p90", "p95", "p99")
_FIGURES = (*_PERCENTILES, "avg", "min", "max", "std")
_PARTS = {
    "file": "cell from a file",
    "decode": "  decode",
    "preprocess": "  preprocess",
    "infer": "  infer",
    "decide": "  decide",
    "bare_file": "floor: Pillow + bare interpreter",
    "array": "cell from an array",
    "bare": "floor: bare interpreter",
}


def section(document: Mapping[str, Any]) -> Section:
    """For each model its percentiles, pools, soak and cold starts; in detail the parts of a cell."""
    tables: list[FigureTable] = []
    energies: list[str] = []
    details: list[Detail] = []
    for model in document["models"]:
        of, threads = f"{_name(model)}, ", model["threads"]
        tables.append(FigureTable(f"{of}milliseconds, 95 % intervals", _HEADINGS, [_row(one) for one in threads]))
        if model["pools"]:
            tables.append(pools_table(model["pools"], f"{of}pools of interpreters"))
        tables += [table for one in threads for table in _soak(one, of)]
        tables.append(start_table(model))
        energies += [sentence for one in threads for sentence in _energy(one, of)]
        details += [Detail([_parts(one, of)], [*_how(one), *_conditions(one)]) for one in threads]
    if "compared" in document:
        details.append(Detail([comparison_table(document["compared"])]))
    return make_section(
        document,
        "Latency",
        {**machine_facts(document), "Preset": document["preset"], "Result": document["result"]},
        tables,
        energies,
        FigurePlot(
            lambda axes: _draw(document, axes), (7.5, 3.6), "Percentiles of one inference by threads",
            "Percentiles of one inference; bars are 95 % intervals.",
        ),
        details,
    )  # fmt: skip


def machine_facts(document: Mapping[str, Any]) -> dict[str, str]:
    """What the figures depend on; facts that the machine does not tell are left out."""
    machine, runtime = document["machine"], document["runtime"]
    clock = f", up to {machine['max_mhz']} MHz" if machine["max_mhz"] else ""
    throttled = None
    if machine["throttled"] is not None:
        throttled = f"{machine['throttled']:#x} ({', '.join(machine['throttle_flags']) or 'no flag up'})"
    facts = {
        "Board": machine["board"],
        "Processor": f"{machine['processor'] or 'unknown'}, {machine['processors']} usable{clock}",
        "Governor": machine["governor"],
        "Throttled": throttled,
        "Memory": f"{machine['memory_mib']:,} MiB" if machine["memory_mib"] else None,
        "Load": None if machine["load"] is None else f"{machine['load']:.2f} runnable processes in the last minute",
        "System": f"{machine['os']}, {machine['kernel']}",
        "Software": f"{machine['python']}, {runtime['name']} {runtime['version']}, thinsmear {machine['thinsmear']}",
    }
    return {name: value for name, value in facts.items() if value}


def start_table(model: Mapping[str, Any]) -> FigureTable:
    """Cold starts of the command and of the bare script, below the model and what runs where."""
    cold = model["cold_start"]
    rows = []
    for name, figures, ratio in (
        ("thinsmear classify one.png", cold["classify"], cold["ratio"]),
        ("bare script", cold["bare"], 1.0),
    ):
        times = (f"{figures[key]:.0f}" for key in ("median_ms", "min_ms", "max_ms"))
        peak = number(figures["peak_mib"], ".0f")
        rows.append((name, *times, peak, f"{figures['num_runs']}", f"{ratio:.2f}"))
    width, height = model["input"]
    caption = (
        f"{printable(model['path'])} (model {model['model']}, {model['bytes']:,} bytes, input {width}x{height}); "
        f"{ComputeUnits(**model['units'])}"
    )
    headings = ("process start to answer, ms", "median", "min", "max", "peak MiB", "runs", "ratio to the bare script")
    return FigureTable(caption, headings, rows)


def thread_detail(one: Mapping[str, Any]) -> Detail:
    """All of one model at one number of threads, for a terminal."""
    return Detail([_parts(one), *_soak(one)], [*_how(one), *_energy(one), *_conditions(one)])


def pools_table(pools: Sequence[Mapping[str, Any]], caption: str = "") -> FigureTable:
    """Pools of single-thread interpreters beside one."""
    rows = [
        (f"{pool['interpreters']}", f"{pool['cells_per_second']:.0f}", f"{pool['ratio']:.2f}",
         number(pool.get("ceiling"), ".2f"))
        for pool in pools
    ]  # fmt: skip
    return FigureTable(caption, ("interpreters", "cells a second", "ratio to one", "ceiling"), rows, words=0)


def comparison_table(compared: Mapping[str, Any]) -> FigureTable:
    """Each figure against its reference."""
    tolerance = compared["tolerance"]
    rows = []
    for one in compared["figures"]:
        ratio = one["ratio"]
        beyond = "slower" if ratio > 1 + tolerance else "quicker" if ratio < 1 - tolerance else "same"
        times = (f"{one['milliseconds']:.3f}", f"{one['reference']:.3f}", f"{ratio:.3f}")
        rows.append((one["figure"], one["model"], f"{one['threads']}", *times, beyond))
    headings = ("median", "model", "threads", "ms", "reference", "ratio", f"beyond {tolerance:.0%}")
    return FigureTable(f"Against {printable(compared['reference'])}", headings, rows, words=2)


def _name(model: Mapping[str, Any]) -> str:
    return f"{printable(model['path']).rpartition('/')[2]} (model {model['model']}, {model['bytes']:,} bytes)"


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    infer, whole = one["latency"], one["file"]
    return (
        f"{one['threads']}",
        *(spread(infer[f"{p}_ms"], infer.get(f"{p}_interval_ms"), ".2f") for p in _PERCENTILES),
        spread(whole["p50_ms"], whole.get("p50_interval_ms"), ".2f"),
        f"{one['ratios']['file']:.2f}",
        f"{one['ratios']['array']:.2f}",
        f"{infer['warmup_first_ms']:.1f}",
        f"{infer['init_ms']:.1f}",
        one["verdict"]["result"],
    )


def _parts(one: Mapping[str, Any], of: str = "") -> FigureTable:
    """A cell's parts beside the floor; ``of`` begins the caption."""
    summaries = {**one["stages"], **{name: one[name] for name in ("file", "bare_file", "array", "bare")}}
    rows = [
        (name, *(number(summaries[key][f"{figure}_ms"], ".3f") for figure in _FIGURES)) for key, name in _PARTS.items()
    ]
    caption = (
        f"{of}{_threads(one)}, {one['file']['num_runs']:,} runs: init {one['latency']['init_ms']:.1f} ms, first "
        f"inference {one['latency']['warmup_first_ms']:.2f} ms"
    )
    return FigureTable(caption, ("ms", *_FIGURES), rows)


def _soak(one: Mapping[str, Any], of: str = "") -> list[FigureTable]:
    """The bare interpreter minute by minute, in a measurement of two minutes or more."""
    rows = [(f"{m['minute']}", f"{m['median_ms']:.3f}", f"{m['ratio'] - 1:+.1%}") for m in one.get("minutes", ())]
    headings = ("minute", "p50, ms", "against the first")
    return [FigureTable(f"{of}{_threads(one)}, minute by minute", headings, rows)] if rows else []


def _how(one: Mapping[str, Any]) -> Iterator[str]:
    """How sure the figures are, and what the board did meanwhile, where it tells."""
    if one["file"]["p99_ms"] is None:
        yield f"p99 is withheld below {P99_NEEDS:,} runs"
    yield f"95 % intervals: from a file {_intervals(one['file'])}; infer {_intervals(one['latency'])}"
    ratios = one["ratios"]
    yield f"ratios to the floor (p50): from a file {ratios['file']:.3f}, from an array {ratios['array']:.3f}"
    heat, flags = one.get("temperature"), one.get("throttled")
    if heat is not None:
        yield f"temperature: {heat['before']:.1f} C before, {heat['after']:.1f} after, {heat['highest']:.1f} at most"
    if flags is not None:
        words = {when: ", ".join(flags[f"flags_{when}"]) or "no flag up" for when in ("before", "after")}
        yield f"throttle flags: before: {words['before']}; after: {words['after']}"


def _intervals(summary: Mapping[str, Any]) -> str:
    """The percentiles that have an interval, with it."""
    known = ((name, summary.get(f"{name}_interval_ms")) for name in _PERCENTILES)
    shown = [f"{name} {found[0]:.3f} to {found[1]:.3f}" for name, found in known if found is not None]
    return ", ".join(shown) or "too few runs"


def _energy(one: Mapping[str, Any], of: str = "") -> list[str]:
    """What a cell takes, on a board that measures its power."""
    energy = one.get("energy")
    if energy is None:
        return []
    return [
        f"{of}{_threads(one)}: energy, estimated from the board's rails: {energy['watts']:.2f} W "
        f"({energy['idle_watts']:.2f} idle), {energy['millijoules']:.1f} mJ a cell from a file, "
        f"{energy['millijoules_above_idle']:.1f} mJ above idle"
    ]


def _conditions(one: Mapping[str, Any]) -> Iterator[str]:
    """Whether the figures may be quoted, and each condition with its answer."""
    yield f"Result is : {one['verdict']['result']}"
    answers = {True: "Yes", False: "No", None: "Unknown"}
    for condition in one["verdict"]["conditions"]:
        yield f"  {condition['name']} : {answers[condition['met']]} ({condition['detail']})"


def _threads(one: Mapping[str, Any]) -> str:
    return f"{one['threads']} thread{'s' if one['threads'] > 1 else ''}"


def _draw(document: Mapping[str, Any], axes: Axes) -> None:
    lines = [(model, one) for model in document["models"] for one in model["threads"]]
    for place, (_, one) in enumerate(lines):
        for percent, colour in zip(_PERCENTILES, (BLUE, GREEN, ORANGE, GREY), strict=True):
            value, interval = one["latency"][f"{percent}_ms"], one["latency"].get(f"{percent}_interval_ms")
            if value is None:
                continue
            if interval is not None:
                axes.plot(interval, [place, place], "-", color=colour, linewidth=3, alpha=0.5)
            axes.plot(value, place, "o", color=colour, label=percent if place == 0 else None)
    names = [f"{printable(model['path']).rpartition('/')[2]}, {one['threads']} thr." for model, one in lines]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("Milliseconds")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(_PERCENTILES))
