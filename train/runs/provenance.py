"""Whether cells are a run's own: by name, and by the images that lie behind the names."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData
from train.data.dataset import Cells

if TYPE_CHECKING:
    from train.runs.run import Run


@dataclass(frozen=True)
class Ownership:
    """What cells are to a run.

    Attributes:
        parts: str [n], the run's part of each; None when they are other data.
        warnings: what a reader of figures on them must know about it.
    """

    parts: np.ndarray | None
    warnings: tuple[str, ...] = ()


def own_cells(run: Run) -> Ownership:
    """The run's own images where it expects them, with a warning when they have changed."""
    return Ownership(run.parts, () if _intact(run, run.cells.root) else (_changed(run),))


def ownership(run: Run, cells: Cells) -> Ownership:
    """Whether ``cells`` are the run's own, wherever they lie now, all of them or some.

    Names alone tell nothing: every ``thinsmear synth data`` gives the same ones. The run knows the fingerprint of all
    its images, so where all lie beside ``cells`` that decides; else files are compared with those of the same name at
    the run's own place; where these are gone too, labels and patients have to do.

    Raises:
        BadData: some of them are the run's and others are not.
    """
    place = {path: row for row, path in enumerate(run.cells.paths)}
    named = np.array([path in place for path in cells.paths])
    if not named.any():
        return Ownership(None)
    rows = np.array([place[path] for path in cells.paths if path in place])
    here, there = cells.subset(named), run.cells.subset(rows)
    told = tuple(_told(here, there))
    intact = _intact(run, cells.root)
    same = np.ones(len(rows), bool) if intact else _same_images(run, here, there)
    warnings: tuple[str, ...] = ()
    if same is None:
        same = np.full(len(rows), not told)
        warnings = (
            f"The run's images are no longer under {printable(run.cells.root)}, so these were compared with them by "
            "name, label and patient alone.",
        )
    if not same.any():
        others = f"{len(rows):,} of these images have the names of the run's but other contents"
        return Ownership(None, (f"{others}: they count as other data.",))
    own = named.copy()
    own[named] = same
    if not own.all():
        raise BadData(
            f"{int((~own).sum())} images are not of the run although others are, first "
            f"{printable(cells.paths[int(np.argmin(own))])}; evaluate the run's own data and new data apart."
        )
    if not intact and cells.root.resolve() == run.cells.root.resolve():
        warnings += (_changed(run),)
    return Ownership(run.parts[rows], (*warnings, *told))


def require_images(run: Run, cells: Cells, remedy: str) -> None:
    """Refuse cells of a run whose files are gone.

    Args:
        remedy: what to do, the end of the sentence.

    Raises:
        BadData: some are.
    """
    gone = [path for path in cells.paths if not (cells.root / path).is_file()]
    if gone:
        raise BadData(
            f"{len(gone):,} of {len(cells):,} images are not where {printable(run.path)} expects them, under "
            f"{printable(cells.root)}, first {printable(gone[0])}; {remedy}."
        )


def _intact(run: Run, root: Path) -> bool:
    """Whether all images of the run lie under ``root``, as they were when it was started."""
    found = replace(run.cells, root=root, digests=None)
    if not all(file.is_file() for file in found.files()):
        return False
    try:
        return bool(found.fingerprint == run.config["data"].get("fingerprint"))
    except BadData:  # one cannot be read
        return False


def _same_images(run: Run, here: Cells, there: Cells) -> np.ndarray | None:
    """bool [n], which files hold the image that the run's own of that name holds; None when nobody can tell."""
    pairs = list(zip(here.files(), there.files(), strict=True))
    if all(file.is_file() for _, file in pairs):
        return np.array([one.samefile(other) or filecmp.cmp(one, other, shallow=False) for one, other in pairs])
    complete = all((here.root / path).is_file() for path in run.cells.paths)
    return np.zeros(len(here), bool) if complete else None


def _told(here: Cells, there: Cells) -> list[str]:
    """Where the data's labels and patients are not those of the run's split."""
    other = here.labels != there.labels
    if here.patients is not None and there.patients is not None:
        other = other | np.array([a != b for a, b in zip(here.patients, there.patients, strict=True)])
    if not other.any():
        return []
    return [
        f"{int(other.sum()):,} of these images have another label or patient here than in the run's split; figures go "
        "by what stands here, the part by the run."
    ]


def _changed(run: Run) -> str:
    return (
        f"Images under {printable(run.cells.root)} have changed or are gone since the run was started (their "
        "fingerprint differs), so its split may not hold for them."
    )
