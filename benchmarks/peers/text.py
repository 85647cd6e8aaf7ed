"""The comparison with other runtimes for people: a table, the reasons of those left out, and how threads were held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runtime.common.console import table

HEADINGS = ("peer", "model", "ms a cell", "ratio", "infer ms", "start ms", "peak MiB", "installed MB", "accuracy",
            "AUC", "agrees")  # fmt: skip


def row_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One measured row of the document as text; ``ratio`` with its interval."""
    low, high = row["ratio_interval"] or (None, None)
    ratio = _number(row["ratio"], ".2f") + (f" ({low:.2f} to {high:.2f})" if low is not None else "")
    return (
        row["name"],
        row["precision"],
        _number(row["cell"]["p50_ms"], ".2f"),
        ratio,
        _number(row["infer"]["p50_ms"], ".2f"),
        _number(row["start_ms"], ".0f"),
        _number(row["peak_mib"], ".0f"),
        _number(row["installed_bytes"] / 1e6, ".0f"),
        _number(row["accuracy"], ".4f"),
        _number(row["auc"], ".4f"),
        _number(row["agreement"], ".4f"),
    )


def text(document: Mapping[str, Any]) -> str:
    """For a terminal."""
    measured, failed = split(document["rows"])
    lines = [table(HEADINGS, [row_cells(row) for row in measured], right=range(2, len(HEADINGS)))]
    lines += [f"not measured: {name_of(row)}: {row['error']}" for row in failed]
    return "\n".join([*lines, "", *remarks(document)])


def remarks(document: Mapping[str, Any]) -> list[str]:
    """What was measured and how, a sentence each."""
    cells = document["cells"]
    patients = f" of {cells['patients']} patients" if cells["patients"] else ""
    found = [
        f"{cells['number']} cells{patients} ({cells['origin']}), decoded before; ms a cell is resize, preparation and "
        f"inference, p50 of {document['rounds'] * document['block']} cells in {document['rounds']} rounds.",
        "ratio: over thinsmear in the same round, median and 95 % interval; start: process start to first answer; "
        "peak: resident memory until then; installed: the packages it needs.",
    ]
    pinned = f"all processes stay on processor {document['cpu']}" if document["cpu"] is not None else "not pinned"
    ways: dict[str, str] = {}
    for row in document["rows"]:
        if row["error"] is None:
            ways[f"{row['runtime']} {row['version']}"] = row["threads"]
    found.append(f"One thread each, {pinned}; {'; '.join(f'{name}: {how}' for name, how in ways.items())}.")
    return found


def split(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Those measured and those not."""
    return [row for row in rows if row["error"] is None], [row for row in rows if row["error"] is not None]


def name_of(row: Mapping[str, Any]) -> str:
    """Name and precision."""
    return f"{row['name']} {row['precision']}".strip()


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
