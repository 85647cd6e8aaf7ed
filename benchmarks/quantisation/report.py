"""The files that ``bench accuracy`` leaves in its folder: Markdown, CSV, JSON, a picture of the trade, a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.quantisation.section import section
from benchmarks.report.forms import markdown
from benchmarks.report.page import draw, web_page
from edge_runtime.common.files import write_atomically

_TITLE = "Quantisation benchmark"


def write_all(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write accuracy.md, .csv, .json, .svg and .html into ``folder``; returns their paths.

    Args:
        document: see :func:`benchmarks.harness.envelope.envelope`, with its rows.
    """
    made = section(document)
    svg = draw(made)
    assert svg is not None
    contents: dict[str, bytes | str] = {
        "md": markdown(replace(made, title=_TITLE), "accuracy.svg", level=1),
        "csv": _csv(document["rows"]),
        "json": json.dumps(document, indent=1, allow_nan=False) + "\n",
        "svg": svg,
        "html": web_page([made], _TITLE),
    }
    paths = []
    for ending, content in contents.items():
        paths.append(folder / f"accuracy.{ending}")
        write_atomically(paths[-1], content)
    return paths


def _csv(rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    flat = [{**row["variant"], **{name: value for name, value in row.items() if name != "variant"}} for row in rows]
    writer = csv.DictWriter(stream, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()
