"""Errors per operator as a table for people, as CSV and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from convert.layers.operator_errors import HEALTHY, SUSPICIOUS, OperatorError
from edge_runtime.common.console import table
from edge_runtime.common.files import atomic_file, write_atomically
from edge_runtime.common.text import printable

_COLUMNS = ("index", "operator", "name", "scale", "rmse", "ratio", "cosine", "snr", "snr_so_far", "tensor")


def layers_text(errors: Sequence[OperatorError]) -> str:
    """All operators in order, then what to look at."""
    rows = [
        [e.index, e.operator, printable(e.name), _number(e.scale, 5), f"{e.rmse:.5f}", _number(e.ratio, 3),
         f"{e.cosine:.5f}", _number(e.snr, 1), _number(e.snr_so_far, 1), "suspicious" if e.suspicious else ""]
        for e in errors
    ]  # fmt: skip
    headings = ["", "operator", "layer", "scale", "rmse", "rmse/scale", "cosine", "SNR dB", "SNR so far", ""]
    return f"{table(headings, rows, right=(0, 3, 4, 5, 6, 7, 8))}\n\n{_conclusion(errors)}"


def write_csv(errors: Sequence[OperatorError], path: Path) -> None:
    """One line an operator; what does not exist (a scale of a float tensor) is empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(error) for error in errors)
    write_atomically(path, stream.getvalue())


def write_plot(errors: Sequence[OperatorError], path: Path) -> None:
    """Two panels over the operators: rmse/scale with its two marks, and both signal-to-noise ratios.

    The ending of ``path`` decides the format (png, svg, pdf).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(8.0, 0.16 * len(errors)), 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    places = range(len(errors))
    shades = ["#d55e00" if e.suspicious else "#0072b2" for e in errors]
    upper.bar(places, [e.ratio or 0.0 for e in errors], color=shades)
    upper.axhline(HEALTHY, color="#009e73", linewidth=1, label=f"rounding alone ({HEALTHY:.3f})")
    upper.axhline(SUSPICIOUS, color="#d55e00", linewidth=1, linestyle="--", label=f"suspicious ({SUSPICIOUS})")
    upper.set_ylabel("rmse / scale, own error")
    upper.legend(loc="upper left", fontsize=8)
    lower.plot(places, [_or_nan(e.snr) for e in errors], ".", color="#0072b2", label="own error")
    lower.plot(places, [_or_nan(e.snr_so_far) for e in errors], color="#cc79a7", label="everything before included")
    lower.set_ylabel("signal to noise, dB")
    lower.legend(loc="upper right", fontsize=8)
    lower.set_xticks(list(places), [e.name for e in errors], rotation=90, fontsize=6)
    lower.set_xlim(-1, len(errors))
    with atomic_file(path) as stream:
        figure.savefig(stream, format=path.suffix.lstrip(".").lower() or "png", dpi=120)


def _conclusion(errors: Sequence[OperatorError]) -> str:
    measured = [e for e in errors if e.ratio is not None]
    if not measured:
        return "No operator has a quantised output, so there is no step to compare an error with."
    suspicious = sorted((e for e in measured if e.suspicious), key=lambda e: -(e.ratio or 0.0))
    healthy = f"{HEALTHY:.3f} is what rounding alone gives, above {SUSPICIOUS} is suspicious"
    if not suspicious:
        worst = max(measured, key=lambda e: e.ratio or 0.0)
        return f"No operator is suspicious; the largest rmse/scale is {worst.ratio:.3f} ({worst.name}). {healthy}."
    names = ", ".join(f"{printable(e.name)} ({e.ratio:.2f})" for e in suspicious[:5])
    return f"{len(suspicious)} operators are suspicious, worst first: {names}. {healthy}."


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
