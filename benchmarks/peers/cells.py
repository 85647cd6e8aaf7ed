"""The cells that every peer classifies: labelled ones of patients nobody trained on where that is known, else any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.core.images import load_image
from edge_runtime.core.sources import find_sources
from edge_runtime.errors import BadImage, WrongUsage

if TYPE_CHECKING:
    from train.data.dataset import Cells
    from train.data.reading import Reading
    from train.runs.run import Run


@dataclass(frozen=True)
class Chosen:
    """Cells to be classified.

    Attributes:
        files: their images.
        labels: int [n], 1 parasitized; None when the folder does not tell.
        patients: how many they come from; None when unknown.
        origin: what they are, in words.
        calibration: images a quantiser may look at; none of them is among ``files``.
    """

    files: tuple[str, ...]
    labels: np.ndarray | None
    patients: int | None
    origin: str
    calibration: tuple[str, ...] = ()


def choose_cells(
    data: Path | None, run: Run | None, most: int, seed: int, calibration: int = 300, reading: Reading | None = None
) -> Chosen:
    """Draw cells.

    Args:
        data: a folder or CSV of labelled cells, or a folder of any images; without it the run's own test patients.
        run: whose training and validation patients are left out where ``data`` holds its images, and whose training
            images calibrate.
        most: cells at most.
        seed: of the draw.
        calibration: images for quantisers at most.
        reading: what the user says about ``data``.

    Raises:
        WrongUsage: there is nothing to classify.
        BadData: a damaged CSV.
    """
    if data is None and run is None:
        raise WrongUsage("Say what to classify with --data, or give a --run, whose test patients are then taken.")
    cells, origin = _cells(data, run, reading)
    if cells is None:
        assert data is not None
        files = _readable([source.path for source in find_sources([str(data)]).sources])
        drawn = _draw(len(files), most, seed)
        if not drawn:
            raise WrongUsage(f"There is no image in {printable(data)}; name a folder of cells.")
        rest = [file for number, file in enumerate(files) if number not in set(drawn)]
        return Chosen(tuple(files[i] for i in drawn), None, None, origin, tuple(rest[:calibration]))
    drawn = _draw(len(cells), most, seed)
    kept = set(_readable([str(file) for file in cells.subset(drawn).files()]))
    part = cells.subset([i for i in drawn if str(cells.root / cells.paths[i]) in kept])
    if not len(part):
        raise WrongUsage(f"There is no cell to classify among the {origin}.")
    return Chosen(
        tuple(map(str, part.files())),
        part.labels,
        None if part.patients is None else len(set(part.patients)),
        origin,
        _calibration(cells, drawn, run, data, calibration, seed),
    )


def _cells(data: Path | None, run: Run | None, reading: Reading | None) -> tuple[Cells | None, str]:
    from train.data.scan import scan

    if data is None:
        assert run is not None
        return run.cells.subset(run.indices("test")), "test patients of the run"
    try:
        cells = scan(data, reading)
    except WrongUsage:
        if not data.is_dir() or reading:
            raise
        return None, "images without labels"
    if run is None:
        return cells, "cells of the data"
    parts = dict(zip(run.cells.paths, run.parts, strict=True))
    known = np.array([parts.get(path, "") for path in cells.paths])
    if not (known != "").any():
        return cells, "cells of data that the run has not seen"
    return cells.subset(np.flatnonzero(known == "test")), "test patients of the run"


def _calibration(
    cells: Cells, drawn: list[int], run: Run | None, data: Path | None, size: int, seed: int
) -> tuple[str, ...]:
    """The run's training images, chosen as its own int8 file chooses them, in ``data`` when they have moved there;
    without a run, cells that were not drawn. Only those that can be read."""
    if run is None:
        rest = np.setdiff1d(np.arange(len(cells)), drawn)
        rest = np.sort(np.random.default_rng(seed).permutation(rest)[:size])
        return tuple(_readable([str(file) for file in cells.subset(rest).files()]))
    from convert.quantise.representative import choose

    chosen = choose(run.cells.labels, run.cells.patients, run.parts, size, seed)
    for root in (run.cells.root, data):
        found = _readable([] if root is None else [str(root / run.cells.paths[i]) for i in chosen])
        if found:
            return tuple(found)
    return ()


def _draw(count: int, most: int, seed: int) -> list[int]:
    return [int(i) for i in np.sort(np.random.default_rng(seed).permutation(count)[:most])]


def _readable(files: list[str]) -> list[str]:
    """Those that are images; a broken one would otherwise end every peer."""
    kept = []
    for file in files:
        try:
            load_image(Path(file))
        except BadImage:
            continue
        kept.append(file)
    return kept
