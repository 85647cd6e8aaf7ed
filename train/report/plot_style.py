"""What all plots share: colours, typography, and drawing without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import EnvironmentLacks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): distinguishable with every common form of colour blindness.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6B7280"
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial", "sans-serif"],
    "font.size": 10,
    "axes.edgecolor": "#9CA3AF",
    "axes.labelcolor": "#1F2937",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "xtick.color": "#4B5563",
    "ytick.color": "#4B5563",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
    # Text stays text (small, searchable), and the same plot gives the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "thinsmear",
}
Draw = Callable[["Axes"], None]


def render(
    draw: Draw | Sequence[Draw], size: tuple[float, float], form: str, heights: tuple[float, ...] = (1,)
) -> bytes:
    """Draw one panel, or several below each other with these relative heights, as "svg" or "png"."""
    matplotlib = matplotlib_or_error()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for axes, one in zip(panels, [draw] if callable(draw) else draw, strict=True):
            one(axes)
        return image_bytes(figure, form)


def image_bytes(figure: Any, form: str) -> bytes:
    """A figure as a file of this form; the same figure gives the same SVG."""
    stream = io.BytesIO()
    # A Figure without pyplot draws with Agg or SVG straight away: no display, no global state.
    figure.savefig(stream, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return stream.getvalue()


def matplotlib_or_error() -> Any:
    """The matplotlib module.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise EnvironmentLacks('Plots need matplotlib, which is missing here: pip install "thinsmear[host]"') from error
    return matplotlib
