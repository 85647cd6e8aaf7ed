"""Plots of an evaluation as SVG or PNG bytes; colours stay apart for colour-blind readers and in grey print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.text import as_utf8
from train.report.plot_style import BLUE, GREEN, GREY, ORANGE, RED, STYLE, image_bytes, matplotlib_or_error, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes | None:
    """ROC curve with the three thresholds marked; None when a class is missing. ``form`` is "svg" or "png"."""
    curve = evaluation["curves"]["roc"]
    if curve is None:
        return None

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label="chance")
        axes.plot(curve["false_positive_rate"], curve["sensitivity"], color=BLUE, label=_area(evaluation, "auc", "AUC"))
        for (name, table), marker, colour in zip(_points(evaluation), "os^", (GREY, ORANGE, RED), strict=True):
            x = table["fp"] / (table["fp"] + table["tn"])
            y = table["tp"] / (table["tp"] + table["fn"])
            axes.plot(x, y, marker, color=colour, markersize=7, markeredgecolor="white", label=name, zorder=5)
        _square(axes, "False positive rate (1 - specificity)", "Sensitivity")
        axes.legend(loc="lower right", fontsize=8)
        # A good curve hugs the corner, so the corner is shown larger.
        corner = axes.inset_axes((0.42, 0.5, 0.54, 0.38))
        corner.plot(curve["false_positive_rate"], curve["sensitivity"], color=BLUE)
        corner.set(xlim=(0, 0.1), ylim=(0.9, 1.001))
        corner.tick_params(labelsize=8)
        corner.set_title("the corner, enlarged", fontsize=8, color=GREY)

    return render(draw, (4.0, 3.8), form)


def precision_recall_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes | None:
    """Precision against recall; None when a class is missing."""
    curve = evaluation["curves"]["precision_recall"]
    if curve is None:
        return None

    def draw(axes: Axes) -> None:
        axes.axhline(curve["base"], color=GREY, linestyle=":", linewidth=1.2, label="call everything")
        label = _area(evaluation, "average_precision", "AP")
        axes.plot(curve["recall"], curve["precision"], color=BLUE, label=label)
        _square(axes, "Recall (sensitivity)", "Precision, at this mix of cells")
        _legend_above(axes)

    return render(draw, (4.0, 3.8), form)


def reliability_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes:
    """Share parasitized against stated P per bin, with the number of cells of each bin."""
    curve = evaluation["curves"]["reliability"]

    def draw(axes: Axes) -> None:
        mean, observed = np.array(curve["mean"]), np.array(curve["observed"])
        errors = np.abs(np.stack([observed - curve["low"], np.array(curve["high"]) - observed]))
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label="perfect calibration")
        axes.errorbar(
            mean,
            observed,
            yerr=errors,
            fmt="o-",
            color=BLUE,
            capsize=3,
            markersize=5,
            linewidth=1.4,
            label=f"this model, ECE {evaluation['metrics']['ece']['value']:.4f}",
        )
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), ylabel="Share labelled parasitized")
        _legend_above(axes)

    def count(axes: Axes) -> None:
        axes.bar(np.array(curve["mean"]), curve["cells"], width=0.06, color=ORANGE)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_xlim(-0.01, 1.01)
        axes.minorticks_off()
        axes.set_ylabel("Cells")
        axes.set_xlabel("Stated P(parasitized)")

    return render([draw, count], (4.0, 3.8), form, heights=(4, 1))


def threshold_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes:
    """Sensitivity, specificity and precision at every threshold, log-odds spaced, operating points marked."""
    curve = evaluation["curves"]["thresholds"]

    def draw(axes: Axes) -> None:
        x = _log_odds(curve["threshold"])
        for name, colour, style in (
            ("sensitivity", BLUE, "-"),
            ("specificity", RED, "--"),
            ("precision", GREEN, "-."),
        ):
            axes.plot(x, [np.nan if v is None else v for v in curve[name]], color=colour, linestyle=style, label=name)
        for name, point in evaluation["operating_points"].items():
            place = float(np.clip(_log_odds([point["threshold"]])[0], x[0], x[-1]))
            axes.axvline(place, color=GREY, linewidth=1)
            axes.annotate(name, (place, 1.015), xycoords=("data", "axes fraction"), ha="center", color=GREY, fontsize=9)
        ticks = [0.003, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.998, 0.9995, 0.9999]
        axes.set_xticks(_log_odds(ticks), [f"{tick:g}" for tick in ticks])
        axes.set_xlabel("Threshold on P(parasitized)")
        axes.set_ylim(min(0.5, *_present(curve)) - 0.02, 1.005)
        axes.figure.legend(loc="outside lower center", ncols=3)

    return render(draw, (7.0, 3.6), form)


def patient_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes | None:
    """Accuracy of every patient against the number of cells; None when patients are unknown."""
    rows = evaluation["per_patient"]
    if not rows:
        return None

    def draw(axes: Axes) -> None:
        for name, infected, colour, marker in (("infected", True, BLUE, "o"), ("healthy", False, ORANGE, "^")):
            group = [row for row in rows if (row["parasitized"] > 0) == infected]
            if group:
                axes.scatter(
                    [row["cells"] for row in group],
                    [row["accuracy"] for row in group],
                    s=30,
                    c=colour,
                    marker=marker,
                    alpha=0.75,
                    edgecolors="white",
                    linewidths=0.6,
                    label=f"{name} patients ({len(group)})",
                )
        mean = evaluation["metrics"]["accuracy"]["value"]
        axes.axhline(mean, color=GREY, linewidth=1.2, label=f"all cells {mean:.3f}")
        for row in evaluation["worst_patients"][:3]:
            axes.annotate(
                as_utf8(row["patient"]),
                (row["cells"], row["accuracy"]),
                xytext=(6, -3),
                textcoords="offset points",
                fontsize=8,
                color="#374151",
                parse_math=False,
            )
        axes.set_xscale("log")
        cells = [row["cells"] for row in rows]
        ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if min(cells) / 2 <= t <= max(cells) * 2]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("Cells of the patient")
        axes.set_ylabel("Accuracy")
        _legend_above(axes, columns=3)

    return render(draw, (7.0, 3.6), form)


def prediction_plot(evaluation: Mapping[str, Any], form: str = "svg") -> bytes:
    """How the answers are spread for both labels, on a logarithmic scale so that the rare errors show."""
    predictions = evaluation["predictions"]

    def draw(axes: Axes) -> None:
        edges = np.linspace(0, 1, len(predictions["parasitized"]) + 1)
        width = (edges[1] - edges[0]) * 0.42
        centre = (edges[1:] + edges[:-1]) / 2
        axes.bar(centre - width / 2, predictions["uninfected"], width, color=ORANGE, label="labelled uninfected")
        axes.bar(centre + width / 2, predictions["parasitized"], width, color=BLUE, label="labelled parasitized")
        axes.axvline(evaluation["threshold"], color=GREY, linewidth=1)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_xlim(0, 1)
        axes.set_xlabel("P(parasitized)")
        axes.set_ylabel("Cells (log scale)")
        _legend_above(axes, columns=2)

    return render(draw, (7.0, 3.2), form)


def history_plot(history: Mapping[str, Sequence[float | None]], form: str = "svg") -> bytes | None:
    """Training history: every ``NAME`` with its ``val_NAME``, one panel each for up to three names.

    Args:
        history: columns of numbers, one row an epoch; ``phase`` marks where the second phase begins.
    """
    names = [name for name in ("loss", "auc", "accuracy") if name in history or f"val_{name}" in history]
    if not names:
        return None
    from matplotlib.figure import Figure

    with matplotlib_or_error().rc_context(STYLE):
        figure = Figure(figsize=(3.5 * len(names), 3.2), layout="constrained")
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            for column, colour, style in ((name, ORANGE, "--"), (f"val_{name}", BLUE, "-")):
                values = [np.nan if value is None else value for value in history.get(column, ())]
                if values:
                    label = "validation" if column.startswith("val_") else "training"
                    axes.plot(
                        np.arange(1, len(values) + 1),
                        values,
                        style,
                        color=colour,
                        marker="o",
                        markersize=3,
                        label=label,
                    )
            for epoch in _phase_starts(history.get("phase", ())):
                axes.axvline(epoch + 0.5, color=GREY, linewidth=1)
            axes.set_title(name.upper() if name == "auc" else name.capitalize(), fontsize=10, loc="left")
            axes.set_xlabel("Epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return image_bytes(figure, form)


def _legend_above(axes: Axes, columns: int = 1) -> None:
    """A legend over the axes, where no curve can be."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def _phase_starts(phases: Sequence[Any]) -> list[int]:
    return [i for i in range(1, len(phases)) if phases[i] != phases[i - 1]]


def _points(evaluation: Mapping[str, Any]) -> list[tuple[str, dict[str, int]]]:
    points = evaluation["operating_points"]
    return [(f"P ≥ {evaluation['threshold']:g}", evaluation["confusion"])] + [
        (f"{name}, P ≥ {points[name]['threshold']:.4g}", points[name]["confusion"]) for name in ("review", "count")
    ]


def _area(evaluation: Mapping[str, Any], name: str, title: str) -> str:
    entry = evaluation["metrics"][name]
    return f"{title} {entry['value']:.4f}" + (
        "" if entry["low"] is None else f" ({entry['low']:.4f}\N{EN DASH}{entry['high']:.4f})"
    )


def _present(curve: Mapping[str, Any]) -> list[float]:
    return [v for name in ("sensitivity", "specificity", "precision") for v in curve[name] if v is not None] or [0.0]


def _log_odds(probabilities: Sequence[float]) -> np.ndarray:
    p = np.clip(np.asarray(probabilities, dtype=float), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))


def _square(axes: Axes, x: str, y: str) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
