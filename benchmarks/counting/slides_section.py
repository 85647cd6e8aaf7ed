"""``bench counting RUN``: slides simulated from held-out patients, detected and estimated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.report.section import FigurePlot, FigureTable, Section, make_section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEADINGS = ("cells", "parasites/µL", "detected", "95 %", "least patient", "estimate/µL", "bias/µL", "interval/µL",
             "holds", "95 %", "limit/µL")  # fmt: skip
_RED_CELLS = 5_000_000  # of documents that do not say how many there are in a microlitre


def section(document: Mapping[str, Any]) -> Section:
    """A table and a panel for each thing known about the blank rate."""
    settings, points = document["settings"], document["points"]
    of_setting = [[point for point in points if point["setting"] == number] for number in range(len(settings))]
    tables = [
        FigureTable(_heading(setting), _HEADINGS, [_row(point) for point in found], words=0)
        for setting, found in zip(settings, of_setting, strict=True)
    ]
    panels = [partial(_draw, setting, found) for setting, found in zip(settings, of_setting, strict=True)]
    return make_section(
        document,
        "Counts on slides of held-out patients",
        {"Infected": _infected(document), "Healthy": _healthy(document)},
        tables,
        _remarks(document),
        FigurePlot(
            panels,
            (7.0, 3.2 * len(panels)),
            "Share of slides detected against parasitaemia, by cells counted",
            "Slides detected; a panel for each blank rate and what is known of it.",
            (1,) * len(panels),
        ),
    )


def _infected(document: Mapping[str, Any]) -> str:
    held = document["held_out"]
    shares = [one["called"] / one["cells"] for one in held["infected"]]
    few = f" ({held['left_out']} more have too few parasitized cells)" if held["left_out"] else ""
    return (
        f"{len(shares)} infected patients{few}, of whose parasitized cells {_percent(min(shares))} to "
        f"{_percent(max(shares))} are called at the counting threshold {held['point']:.4f}, on average "
        f"{_percent(held['sensitivity'])}"
    )


def _healthy(document: Mapping[str, Any]) -> str:
    blanks = document["blanks"]
    bounds = ", ".join(
        f"{_percent(mean)} ({_density(mean, document)}/µL) at {float(value):g}"
        for value, mean in blanks["not_excluded"].items()
    )
    return (
        f"{blanks['patients']} healthy patients, {blanks['positives']} of whose {blanks['cells']:,} cells are called. "
        f"Beta-binomial of their blank rate: mean {_percent(blanks['mean'])} "
        f"({_density(blanks['mean'], document)}/µL), coefficient of variation between patients {blanks['spread']:.1f}"
        f"{'' if blanks['spread_known'] else ' (assumed: too few cells were called to tell)'}. Means that so few "
        f"called cells do not exclude (5 %), by the coefficient of variation: {bounds}"
    )


def _heading(setting: Mapping[str, Any]) -> str:
    return (
        f"Blank rate {setting['truth']} (mean {_percent(setting['mean'])}, spread {setting['spread']:.2f}), corrected "
        f"with {setting['slides']} {setting['known_from']} of {setting['cells']:,} cells in all"
    )


def _row(point: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{point['counted']:,}",
        f"{point['level']:,.0f}",
        f"{point['detected']}/{point['slides']}",
        f"{100 * point['detected_low']:.0f}-{100 * point['detected_high']:.0f}",
        "" if point["least_patient"] is None else f"{100 * point['least_patient']:.0f} %",
        f"{point['estimate']:,.0f}",
        f"{point['bias']:+,.0f}",
        f"{point['low']:,.0f}-{point['high']:,.0f}",
        f"{point['held']}/{point['slides']}",
        f"{100 * point['held_low']:.0f}-{100 * point['held_high']:.0f}",
        "none" if point["limit"] is None else f"{point['limit']:,.0f}",
    )


def _remarks(document: Mapping[str, Any]) -> list[str]:
    """How the tables are read, and how far so few patients speak for others."""
    patients, healthy = len(document["held_out"]["infected"]), document["blanks"]["patients"]
    return [
        "detected: more cells called than parasite-free slides explain (Currie, 5 %); at 0 parasites/µL these are "
        "false alarms. estimate, bias: mean of the corrected figure, which is never below 0. interval: median ends of "
        "its 95 % interval; holds: slides whose interval holds the truth. limit: median limit of detection.",
        f"Intervals in % are of the simulation: {patients} infected patients cannot exclude that {_unseen(patients)} "
        f"of people are found worse than any of them, nor {healthy} healthy ones that {_unseen(healthy)} have a higher "
        f"blank rate. Seed {document['seed']}; "
        f"{_red_cells(document):,.0f} red cells per microlitre.",
    ]


def _unseen(patients: int) -> str:
    """Share of people beyond all of these that so many cannot exclude (95 %)."""
    return f"{1 - 0.05 ** (1 / patients):.0%}"


def _draw(setting: Mapping[str, Any], found: list[Mapping[str, Any]], axes: Axes) -> None:
    """Detection against parasitaemia, a line for each number of cells."""
    for cells in dict.fromkeys(point["counted"] for point in found):
        line = [point for point in found if point["counted"] == cells]
        shares = [100 * point["detected"] / point["slides"] for point in line]
        axes.plot([point["level"] for point in line], shares, "o-", markersize=4, label=f"{cells:,} cells")
    axes.set_xscale("symlog", linthresh=1_000)
    levels = sorted({point["level"] for point in found})
    axes.set_xticks(levels, [f"{level:,.0f}" for level in levels])
    axes.minorticks_off()
    axes.set_ylim(-3, 103)
    known = f"{setting['slides']} {setting['known_from']}"
    axes.set_title(f"Blank rate {setting['truth']}, known from {known}", fontsize=10)
    axes.set_xlabel("infected cells per microlitre")
    axes.set_ylabel("slides detected, %")
    axes.legend(loc="upper left")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _density(rate: float, document: Mapping[str, Any]) -> str:
    return f"{float(f'{_red_cells(document) * rate:.2g}'):,.0f}"


def _red_cells(document: Mapping[str, Any]) -> float:
    return float(document.get("red_cells_per_microlitre", _RED_CELLS))
