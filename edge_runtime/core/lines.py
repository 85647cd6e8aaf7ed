"""The lines of ``classify --json`` and of the API: one for a cell, and one in its place when an image is unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_runtime.core.classifier import CellResult
    from edge_runtime.errors import BadImage

Document = dict[str, Any]


def cell_line(source: str, result: CellResult, model: str) -> Document:
    """A line of ``classify --json``.

    Args:
        source: name of the image, valid Unicode.
        model: its short hash.
    """
    return {
        "source": source,
        "label": result.label,
        "probability": result.probability,
        "review": result.review,
        "count": result.count,
        "model": model,
    }


def error_line(source: str, error: BadImage) -> Document:
    """What stands in the place of any line for an image that cannot be read."""
    return {"source": source, "error": {"kind": error.kind, "message": str(error)}}
