"""Checkpoints of a training: weights, optimizer and progress in one file that is either whole or absent."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from edge_runtime.common.files import write_atomically
from edge_runtime.errors import BadData

_STATE = "state_json"


def save(path: Path, arrays: dict[str, Sequence[np.ndarray]], state: dict[str, Any]) -> None:
    """Write groups of arrays and a JSON-able state; the previous checkpoint stays until the new one is complete."""
    flat = {f"{group}/{i}": array for group, values in arrays.items() for i, array in enumerate(values)}
    buffer = io.BytesIO()
    flat[_STATE] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    np.savez(buffer, **flat)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, Any]]:
    """Read what :func:`save` wrote.

    Raises:
        BadData: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = json.loads(archive[_STATE].tobytes())
            arrays: dict[str, list[np.ndarray]] = {}
            for name in archive.files:  # in the order they were written
                if name != _STATE:
                    arrays.setdefault(name.split("/")[0], []).append(archive[name])
            return arrays, state
    except (OSError, ValueError, KeyError, IndexError, BadZipFile) as error:
        raise BadData(f"The checkpoint {path} is damaged: {error}; start again without --resume.") from error


def assign(variables: Any, values: Sequence[np.ndarray]) -> None:
    """Give variables these values.

    Raises:
        BadData: they are of another network.
    """
    if len(variables) != len(values) or any(tuple(a.shape) != b.shape for a, b in zip(variables, values, strict=True)):
        raise BadData("The checkpoint belongs to another network; start again without --resume.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
