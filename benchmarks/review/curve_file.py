"""A file of capture curves of other laboratories, by the SHA-256 of the model's flatbuffer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_runtime.common.console import note
from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.counting import CaptureCurve
from edge_runtime.errors import BadData, WrongUsage


def read_curve(path: Path, digest: str) -> CaptureCurve:
    """A model's curve.

    Raises:
        WrongUsage: there is no such file, or no curve of the model in it.
        BadData: it is no file of curves.
    """
    curves = _curves(path)
    if digest not in curves:
        what = f"this model (flatbuffer {digest[:12]})"
        raise WrongUsage(f"{printable(path)} holds no curve of {what}; write it with --save-curve.")
    try:
        return CaptureCurve.from_json(curves[digest])
    except ValueError as error:
        raise BadData(f"{printable(path)}: {error}") from error


def add_curve(path: Path, digest: str, curve: CaptureCurve) -> None:
    """Add a model's curve, or replace it; the file is made when needed.

    Raises:
        BadData: it is no file of curves.
    """
    curves = _curves(path) if path.exists() else {}
    curves[digest] = curve.to_json()
    lines = [f" {json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(curves.items())]
    write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")
    note(f"Wrote {printable(path)}.")


def _curves(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WrongUsage(f"There is no file {printable(path)}; write it with --save-curve.") from error
    except ValueError as error:
        raise BadData(f"{printable(path)} is no JSON ({error}); write it again with --save-curve.") from error
    if not isinstance(found, dict):
        raise BadData(f"{printable(path)} is no file of capture curves by model; write it with --save-curve.")
    return found
