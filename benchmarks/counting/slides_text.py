"""How simulated slides look: tables for people, the sentences that go with them, and a picture."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING

from edge_runtime.common.console import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmarks.counting.simulated_slides import Setting, SlidePoint, SlideStudy

_COLUMNS = 120


def study_text(study: SlideStudy) -> str:
    """What the slides are made of, a table for each setting, and how to read it."""
    parts = [_made_of(study), *(_setting_text(study, number) for number in range(len(study.settings))), _reading(study)]
    return "\n\n".join(parts)


def _made_of(study: SlideStudy) -> str:
    held, blanks = study.held_out, study.blanks
    shares = [one.called / one.cells for one in held.infected]
    few = f" ({held.left_out} more have too few parasitized cells)" if held.left_out else ""
    bounds = ", ".join(
        f"{_percent(mean)} ({_density(mean)}/µL) at {value:g}" for value, mean in blanks.not_excluded.items()
    )
    infected = (
        f"Counting threshold {held.point:.4f}. Held out: {len(held.infected)} infected patients{few}, of whose "
        f"parasitized cells {_percent(min(shares))} to {_percent(max(shares))} are called, on average "
        f"{_percent(held.sensitivity)}."
    )
    healthy = (
        f"{blanks.patients} healthy patients, {blanks.positives} of whose {blanks.cells:,} cells are called. "
        f"Beta-binomial of their blank rate: mean {_percent(blanks.mean)} ({_density(blanks.mean)}/µL), coefficient of "
        f"variation between patients {blanks.spread:.1f}"
        f"{'' if blanks.spread_known else ' (assumed: too few cells were called to tell)'}. Means that so few called "
        f"cells do not exclude (5 %), by the coefficient of variation: {bounds}."
    )
    return f"{_folded(infected)}\n{_folded(healthy)}"


def _setting_text(study: SlideStudy, number: int) -> str:
    setting = study.settings[number]
    rows = [_row(point) for point in study.points if point.setting == number]
    headings = (
        "cells", "parasites/µL", "detected", "95 %", "least patient", "estimate/µL", "bias/µL", "interval/µL", "holds",
        "95 %", "limit/µL",
    )  # fmt: skip
    return f"{_heading(setting)}\n{table(headings, rows, right=range(len(headings)))}"


def _heading(setting: Setting) -> str:
    return (
        f"Blank rate {setting.truth} (mean {_percent(setting.mean)}), corrected with {setting.slides} "
        f"{setting.known_from} of {setting.cells:,} cells in all:"
    )


def _row(point: SlidePoint) -> tuple[str, ...]:
    return (
        f"{point.counted:,}",
        f"{point.level:,.0f}",
        f"{point.detected}/{point.slides}",
        f"{100 * point.detected_low:.0f}-{100 * point.detected_high:.0f}",
        "" if point.least_patient is None else f"{100 * point.least_patient:.0f} %",
        f"{point.estimate:,.0f}",
        f"{point.bias:+,.0f}",
        f"{point.low:,.0f}-{point.high:,.0f}",
        f"{point.held}/{point.slides}",
        f"{100 * point.held_low:.0f}-{100 * point.held_high:.0f}",
        "none" if point.limit is None else f"{point.limit:,.0f}",
    )


def _reading(study: SlideStudy) -> str:
    patients, healthy = len(study.held_out.infected), study.blanks.patients
    return _folded(
        "detected: more cells called than parasite-free slides explain (Currie, 5 %); at 0 parasites/µL these are "
        "false alarms. estimate, bias: mean of the corrected figure, which is never below 0. interval: median ends of "
        "its 95 % interval; holds: slides whose interval holds the truth. limit: median limit of detection. Intervals "
        f"in % are of the simulation: {patients} infected patients cannot exclude that {_unseen(patients)} of people "
        f"are found worse than any of them, nor {healthy} healthy ones that {_unseen(healthy)} have a higher blank "
        f"rate. {study.draws:,} draws an interval, seed {study.seed}; 5,000,000 red cells per microlitre."
    )


def _unseen(patients: int) -> str:
    """Share of people beyond all of these that so many cannot exclude (95 %)."""
    return f"{1 - 0.05 ** (1 / patients):.0%}"


def _folded(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, break_on_hyphens=False)


def study_picture(study: SlideStudy, form: str) -> bytes:
    """Detection against parasitaemia, a panel for each setting, a line for each number of cells; "svg" or "png".

    Raises:
        EnvironmentLacks: matplotlib is missing.
    """
    from train.report.plot_style import render

    panels = [partial(_draw, study, number) for number in range(len(study.settings))]
    return render(panels, (7.0, 3.2 * len(panels)), form, (1,) * len(panels))


def _draw(study: SlideStudy, number: int, axes: Axes) -> None:
    setting = study.settings[number]
    found = [point for point in study.points if point.setting == number]
    for cells in dict.fromkeys(point.counted for point in found):
        line = [point for point in found if point.counted == cells]
        shares = [100 * point.detected / point.slides for point in line]
        axes.plot([point.level for point in line], shares, "o-", markersize=4, label=f"{cells:,} cells")
    axes.set_xscale("symlog", linthresh=1_000)
    levels = sorted({point.level for point in found})
    axes.set_xticks(levels, [f"{level:,.0f}" for level in levels])
    axes.minorticks_off()
    axes.set_ylim(-3, 103)
    axes.set_title(f"Blank rate {setting.truth}, known from {setting.slides} {setting.known_from}", fontsize=10)
    axes.set_xlabel("infected cells per microlitre")
    axes.set_ylabel("slides detected, %")
    axes.legend(loc="upper left")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _density(rate: float) -> str:
    return f"{float(f'{5_000_000 * rate:.2g}'):,.0f}"
