"""``bench latency``: percentiles with intervals by threads, parts of a cell, cold starts, pools, the soak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.report.section import Picture, Section, Table, machine_of, number, spread
from edge_runtime.common.text import printable
from train.report.plot_style import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEADINGS = ("threads", "infer p50, ms", "p90", "p95", "p99", "from a file p50, ms", "over the floor",
             "from an array, over the floor", "first, ms", "init, ms", "result")  # fmt: skip
_PERCENTILES = ("p50", "p90", "p95", "p99")


def section(document: Mapping[str, Any]) -> Section:
    """A table for each model, one of cold starts, one of pools, and the minutes of a soak."""
    machine, runtime = document["machine"], document["runtime"]
    tables = []
    for model in document["models"]:
        name = _name(model)
        tables.append(
            Table(f"{name}, milliseconds, 95 % intervals", _HEADINGS, [_row(one) for one in model["threads"]])
        )
        if model["pools"]:
            rows = [
                (f"{pool['interpreters']}", f"{pool['cells_per_second']:.0f}", f"{pool['ratio']:.2f}",
                 number(pool.get("ceiling"), ".2f"))
                for pool in model["pools"]
            ]  # fmt: skip
            headings = ("interpreters", "cells a second", "ratio to one", "ceiling")
            tables.append(Table(f"{name}, pools of interpreters", headings, rows, words=0))
        soaked = [(one["threads"], one["minutes"]) for one in model["threads"] if one.get("minutes")]
        tables += [_minutes(name, threads, minutes) for threads, minutes in soaked]
    tables.append(_cold_starts(document["models"]))
    energies = [_energy(model, one) for model in document["models"] for one in model["threads"] if one.get("energy")]
    facts = {
        "Machine": machine_of(document),
        "Governor": machine["governor"] or "unknown",
        "System": f"{machine['os']}, {machine['kernel']}",
        "Software": f"{machine['python']}, {runtime['name']} {runtime['version']}, thinsmear {machine['thinsmear']}",
        "Preset": document["preset"],
        "Result": document["result"],
    }
    return Section(
        "latency",
        "Latency",
        facts,
        tables,
        energies,
        Picture(lambda axes: _draw(document, axes), (7.5, 3.6), "Percentiles of one inference by threads",
                "Percentiles of one inference; bars are 95 % intervals."),
        document["command"],
        document["date"],
        machine_of(document),
    )  # fmt: skip


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


def _cold_starts(models: Any) -> Table:
    rows = []
    for model in models:
        cold = model["cold_start"]
        own, bare = cold["classify"], cold["bare"]
        rows.append((_name(model), f"{own['median_ms']:.0f}", f"{bare['median_ms']:.0f}", f"{cold['ratio']:.2f}",
                     number(own["peak_mib"], ".0f"), number(bare["peak_mib"], ".0f")))  # fmt: skip
    headings = ("process start to answer", "classify, ms", "bare script, ms", "ratio", "peak MiB", "bare, MiB")
    return Table("", headings, rows)


def _minutes(name: str, threads: int, minutes: Any) -> Table:
    rows = [(f"{m['minute']}", f"{m['median_ms']:.3f}", f"{m['ratio'] - 1:+.1%}") for m in minutes]
    return Table(f"{name}, {threads} threads, minute by minute", ("minute", "p50, ms", "against the first"), rows)


def _energy(model: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    energy = one["energy"]
    return (
        f"Energy, {_name(model)}, {one['threads']} threads, estimated from the rails that the board measures: "
        f"{energy['watts']:.2f} W ({energy['idle_watts']:.2f} W idle), {energy['millijoules']:.1f} mJ a cell from a "
        f"file, {energy['millijoules_above_idle']:.1f} mJ above idle."
    )


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
