"""How the report looks: legends beside the curves, and captions that fit a narrow screen."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from edge_runtime.core.card import OperatingPoints, OutputContract
from train.metrics.evaluation import evaluate
from train.report import plot_style, plots
from train.report.style import CSS

HISTORY = {"phase": [1, 2, 2], "loss": [0.6, 0.3, 0.2], "val_loss": [0.5, None, 0.3], "val_auc": [None, 0.8, 0.9]}


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    generator = np.random.default_rng(1)
    labels = np.arange(200) % 2
    logits = 3.0 * labels - 1.5 + generator.normal(0, 1, 200)
    patients = [f"C{i // 25}" for i in range(200)]
    return evaluate(labels, logits, patients, OutputContract(), OperatingPoints(0.2, 0.95), replicates=100)


@pytest.mark.parametrize("name", ["precision_recall", "reliability", "threshold", "patient", "prediction", "history"])
def test_no_legend_lies_over_a_curve(name: str, evaluation: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    for module in (plots, plot_style):
        monkeypatch.setattr(module, "image_bytes", lambda figure, form: figures.append(figure) or b"")
    getattr(plots, f"{name}_plot")(HISTORY if name == "history" else evaluation)
    (figure,) = figures
    figure.draw_without_rendering()
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    assert legends
    for legend in legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(axes.bbox) for axes in figure.axes)
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


def test_captions_of_wide_tables_wrap_on_narrow_screens() -> None:
    (rule,) = re.findall(r"(?m)^caption \{[^}]*\}", CSS)
    assert "max-width: calc(100vw" in rule and "sticky" in rule
