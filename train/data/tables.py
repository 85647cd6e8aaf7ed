"""JSON and CSV files of a run: written whole or not at all, with names in any encoding."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from edge_runtime.common.files import write_atomically


def write_json(path: Path, document: Any) -> None:
    """Indented JSON in ASCII, so that names in any encoding come back as they were; written atomically."""
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, headings: tuple[str, ...], rows: Any) -> None:
    """CSV with one heading line, written atomically; names that are not UTF-8 keep their bytes (:func:`read_csv`)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    write_atomically(path, stream.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of what :func:`write_csv` wrote, by heading.

    Raises:
        csv.Error: it is no CSV.
    """
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))
