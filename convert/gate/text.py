"""The drift gate's findings as a text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convert.gate.drift import Change, Drift
from edge_runtime.common.console import table
from edge_runtime.common.text import printable

_SHOWN = 10
_NAMES = {"auc": "AUC", "ece": "ECE"}


def gate_text(drift: Drift, paths: Sequence[str], name: str = "converted") -> str:
    """Everything a person needs to judge a conversion.

    Args:
        paths: of the held-out cells, to name those whose decision turned.
        name: heading of the converted model's column.
    """
    return "\n\n".join(_sections(drift, paths, name))


def _sections(drift: Drift, paths: Sequence[str], name: str) -> Iterator[str]:
    patients = "patients not known" if drift.patients is None else f"{drift.patients} patients"
    yield f"Drift gate: {drift.cells:,} held-out cells, {patients}"
    yield table(["figure", "float32", name, "change"], _figure_rows(drift), right=(1, 2, 3))
    yield table(
        ["decision", "threshold", name, "agreement", "sensitivity", "specificity"],
        [
            [p.name, f"{p.float_threshold:.4f}", f"{p.converted_threshold:.4f}", f"{p.agreement:.2%}",
             *(_shift(p.figures[rate]) for rate in ("sensitivity", "specificity"))]
            for p in drift.points
        ],
        right=(1, 2, 3, 4, 5),
    )  # fmt: skip
    yield table(
        ["turned decisions", "cells", "worse", "better", "p (McNemar)"],
        [[f.label, f.cells, f.worse, f.better, f"{f.p_value:.3g}"] for f in drift.flips],
        right=(1, 2, 3, 4),
    )
    change = drift.probability_change
    yield f"Change of P: mean {change['mean']:.4f}, 99th percentile {change['p99']:.4f}, largest {change['max']:.4f}"
    worst = [row for row in drift.per_patient if row.flips][:_SHOWN]
    if worst:
        yield table(
            ["patient", "cells", "float32", name, "turned", "mean change of P"],
            [
                [printable(p.patient), p.cells, f"{p.float_accuracy:.4f}", f"{p.converted_accuracy:.4f}", p.flips,
                 f"{p.mean_probability_change:.4f}"]
                for p in worst
            ],
            right=(1, 2, 3, 4, 5),
        )  # fmt: skip
    if len(drift.flipped):
        lines = [f"  {printable(paths[int(i)])}" for i in drift.flipped[:_SHOWN]]
        rest = len(drift.flipped) - len(lines)
        more = [f"  and {rest} more (all of them with --json)"] if rest else []
        yield "\n".join(["Cells whose decision turned, largest change first:", *lines, *more])
    yield table(
        ["limit", "measured", "allowed", "beyond by", ""],
        [
            [check.name, "-" if check.value is None else f"{check.value:.5f}", f"{check.limit:.5f}",
             f"{check.beyond:.5f}" if check.beyond else "", "passed" if check.passed else "FAILED"]
            for check in drift.decision.checks
        ],
        right=(1, 2, 3),
    )  # fmt: skip
    yield f"Gate {drift.decision.name}. {drift.decision.reason}"


def _figure_rows(drift: Drift) -> Iterator[list[str]]:
    for name, figure in drift.figures.items():
        values = ["undefined" if value is None else f"{value:.4f}" for value in (figure.reference, figure.converted)]
        yield [_NAMES.get(name, name), *values, _shift(figure)]
    if drift.accuracy_loss_bound is not None:
        yield ["accuracy loss, 95 % bound", "", "", f"{drift.accuracy_loss_bound:+.4f}"]


def _shift(change: Change) -> str:
    return "-" if change.change is None else f"{change.change:+.4f}"
