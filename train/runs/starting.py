"""Lay a run directory: all of it is known before the first file is written, and config.json comes last."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from edge_runtime.errors import WrongUsage
from train.data.dataset import Cells
from train.data.splits import Split
from train.data.tables import write_csv, write_json
from train.data.teacher import COLUMNS, TEACHER
from train.runs.run import patients_hash, split_hash, write_split

_SPLIT = "split.csv"
# What a stop before config.json leaves: the files themselves, or one in the making (edge_runtime.common.files).
_LEFT_BEHIND = re.compile(r"(split|teacher)\.csv|\.(split\.csv|teacher\.csv|config\.json)\.[0-9a-f]{12}\.tmp")


def check_vacant(out: Path, *inputs: Path | None) -> None:
    """Refuse to start a run where anything lies but what a start that was cut short left there.

    Args:
        out: the new run directory.
        inputs: files the run is made from, which must not be taken for such leftovers.

    Raises:
        WrongUsage: something else lies there.
    """
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else {""}
    # The split is written first, so a teacher's file alone is somebody's own.
    own = names != {TEACHER} and all(_LEFT_BEHIND.fullmatch(name) for name in names)
    read = any(out.resolve() in path.resolve().parents for path in inputs if path is not None)
    if names and (read or not own):
        resume = f", or use --resume {out}" if "config.json" in names else ""
        raise WrongUsage(f"{out} already exists and is not empty; choose another --out{resume}.")


def lay_run(out: Path, cells: Cells, split: Split, taught: dict[str, float] | None, config: dict[str, Any]) -> None:
    """Write what a run starts from.

    Args:
        out: the run directory.
        cells, split: what goes into ``split.csv``.
        taught: the teacher's probabilities by path, for ``teacher.csv``.
        config: goes into ``config.json``, which makes a run directory of the folder.

    Raises:
        WrongUsage: something has come to lie there since :func:`check_vacant`.
    """
    check_vacant(out)
    out.mkdir(parents=True, exist_ok=True)
    for left in out.iterdir():
        left.unlink()
    write_split(out / _SPLIT, cells, split.parts)
    if taught is not None:
        write_csv(out / TEACHER, COLUMNS, taught.items())
    write_json(out / "config.json", config)


def describe(cells: Cells, split: Split) -> dict[str, Any]:
    """The data of a run for its ``config.json``; reads every image once more, for the fingerprint."""
    parts = {}
    for part in ("train", "val", "test"):
        rows = split.indices(part)
        parts[part] = {
            "images": len(rows),
            "parasitized": int(cells.labels[rows].sum()),
            "patients": None if cells.patients is None else len({cells.patients[i] for i in rows}),
        }
    return {
        "root": os.path.abspath(cells.root),
        "fingerprint": cells.fingerprint,
        "images": len(cells),
        "ignored_files": cells.ignored,
        "left_out": dict(cells.left_out),
        "split_by": split.by,
        "split_seed": split.seed,
        "split_sha256": split_hash(cells, split.parts),
        "patients_sha256": patients_hash(cells.patients, split.parts),
        "parts": parts,
    }
