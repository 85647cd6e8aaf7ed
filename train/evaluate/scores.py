"""Bring cells and scores together for an evaluation: of a run through Keras, of a model file as the device does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.core.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import WrongUsage
from train.data.cache import UnreadableCells, default_cache, load_pixels
from train.data.dataset import Cells
from train.data.near_copies import find_near_copies, near_copies_warning
from train.data.reading import Reading
from train.data.scan import scan
from train.evaluate.exchanged import exchanged_remedy
from train.evaluate.report_header import model_header, run_header
from train.metrics.calibration import calibrated
from train.report.report import ReportHeader
from train.runs.provenance import own_cells, ownership, require_images

if TYPE_CHECKING:
    from edge_runtime.inspection.opening import ModelDescription
    from train.runs.run import Run


@dataclass(frozen=True)
class Request:
    """Which cells to score.

    Attributes:
        data: folder or CSV; None for a run's own data.
        split: "train", "val", "test", "all", or None: test where a split is known, else all.
        reading: what the user says about the data.
        skip_bad: leave out images that cannot be read.
    """

    data: Path | None
    split: str | None
    reading: Reading
    skip_bad: bool


@dataclass(frozen=True)
class Scores:
    """Cells with their logits and everything an evaluation needs to know about them.

    Attributes:
        cells: n labelled cells.
        logits: float64 [n], before temperature and bias. Of folds: each cell's from the model that has not seen its
            patient, with ``output`` fitted out of fold too, or logits already calibrated and ``output`` left at its
            default.
        output: calibration.
        points: operating points.
        header: what the report is about.
        warnings: what is known about these scores that a reader must know first.
        remedy: what to do where the classes look exchanged, the end of a sentence.
    """

    cells: Cells
    logits: np.ndarray
    output: OutputContract
    points: OperatingPoints
    header: ReportHeader
    warnings: tuple[str, ...] = ()
    remedy: str | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """float64 [n], the calibrated P(parasitized)."""
        return calibrated(self.logits, self.output)


def score_run(path: Path, request: Request) -> Scores:
    """Score a part of a run's own data, or of other data, with the run's Keras model.

    Raises:
        BadData: no run, unreadable images, or data that mix the run's images with others.
        WrongUsage: the part asked for holds nothing, or the other data have no such part.
        EnvironmentLacks: no TensorFlow.
    """
    from train.network.keras_logits import keras_logits
    from train.runs.run import Run

    run = Run.open(path)
    if request.data is None:
        cells, found = run.cells, own_cells(run)
    else:
        cells = scan(request.data, request.reading)
        found = ownership(run, cells)
    own, parts = found.parts is not None, found.parts
    if parts is None and cells.parts is not None:
        parts = np.asarray(cells.parts)
    cells, part = _select(cells, parts, request.split)
    if request.data is None:
        require_images(run, cells, f"name the folder they lie in now: thinsmear evaluate {printable(path)} DATA")
    learnt = {path for path, part in zip(run.cells.paths, run.parts, strict=True) if part != "test"}
    warnings = found.warnings + (split_warnings(run) if own else _seen_patients(run, cells))
    cells, pixels = _pixels(cells, run.contract, request.skip_bad)
    if own and part == "all" and not learnt.isdisjoint(cells.paths):
        warnings += ("The run was trained and tuned on some of these cells: the figures flatter; see --split test.",)
    logits = keras_logits(run.model(), run.contract, pixels)
    header = run_header(run, cells, part)
    warnings += (*_of_these_cells(cells, pixels), *_part_warnings(part))
    remedy = exchanged_remedy(path, request.data, request.reading)
    return Scores(cells, logits, run.output, run.points, header, warnings, remedy)


def split_warnings(run: Run) -> tuple[str, ...]:
    """What the run's own split means for every figure on the run's own cells."""
    if run.config["data"]["split_by"] != "image":
        return ()
    return (
        "The split is by image: cells of one patient may lie in training, validation and test alike, so every figure "
        "is optimistic.",
    )


def score_model(name: str, request: Request, threads: int, description: ModelDescription) -> Scores:
    """Score labelled cells with a model file, exactly as a device would.

    Args:
        name: a .tflite file, or the name of a model that comes along.
        request: ``data`` is needed.
        threads: classifiers side by side.
        description: of a model without a card.

    Raises:
        WrongUsage: no data, no such model, or the data have no such part.
        BadModel: the model does not load.
    """
    from edge_runtime.core.model_file import find_model, open_model
    from edge_runtime.inspection.opening import open_classifier
    from train.evaluate.device_logits import device_logits

    path = find_model(name)
    if request.data is None:
        raise WrongUsage(
            f"A model file does not know its data; name a folder: thinsmear evaluate {printable(name)} DATA."
        )
    first = open_classifier(open_model(path), description=description)
    classifiers = first.side_by_side(threads)
    cells = scan(request.data, request.reading)
    cells, part = _select(cells, None if cells.parts is None else np.asarray(cells.parts), request.split)
    cells, pixels = _pixels(cells, first.contract, request.skip_bad)
    card, backend = first.card, first.interpreter
    header = model_header(first.model, card, (backend.name, backend.version), cells, part)
    warnings = _of_these_cells(cells, pixels) + _part_warnings(part)
    if part == "all":
        warnings += ("A model file does not list its patients: make sure that none of these were in its training.",)
    taken = None
    if first.model.card is None:
        taken = ",".join(description.names() or first.model.labels)
    remedy = exchanged_remedy(name, request.data, request.reading, taken, description.input_range)
    return Scores(cells, device_logits(classifiers, pixels), card.output, card.points, header, warnings, remedy)


def _seen_patients(run: Run, cells: Cells) -> tuple[str, ...]:
    if run.cells.patients is None or cells.patients is None:
        return ()
    seen = {name for name, part in zip(run.cells.patients, run.parts, strict=True) if part != "test"}
    common = sorted(seen & set(cells.patients))
    if not common:
        return ()
    return (
        f"{len(common)} of these patients have names that the run was trained or tuned on, first "
        f"{printable(common[0])}; if they are the same people, the figures flatter.",
    )


def _select(cells: Cells, parts: np.ndarray | None, split: str | None) -> tuple[Cells, str]:
    part = split or ("all" if parts is None else "test")
    if part == "all":
        return cells, part
    if parts is None:
        raise WrongUsage(f"These data have no {part} part; leave --split out, or name a run and its own data.")
    chosen = np.flatnonzero(parts == part)
    if not len(chosen):
        raise WrongUsage(f"The {part} part of these data holds no image; parts found: {', '.join(np.unique(parts))}.")
    return cells.subset(chosen), part


def _pixels(cells: Cells, contract: InputContract, skip_bad: bool) -> tuple[Cells, np.ndarray]:
    try:
        return cells, load_pixels(cells, contract, default_cache())
    except UnreadableCells as error:
        if not skip_bad:
            raise
        if len(error.indices) == len(cells):
            raise WrongUsage("None of the images can be read, so there is nothing to evaluate.") from error
        note(f"Left out: {error}")
        kept = cells.subset(np.setdiff1d(np.arange(len(cells)), error.indices))
    return kept, load_pixels(kept, contract, default_cache())


def _of_these_cells(cells: Cells, pixels: np.ndarray) -> tuple[str, ...]:
    """What a reader must know of the cells themselves: patients that only some have, and cells that come again."""
    found = []
    if cells.unnamed:
        found.append(
            f"{cells.of_no_patient}; so patients are not known and every interval is too narrow: "
            f"{cells.remedy_of_no_patient}."
        )
    near = near_copies_warning(find_near_copies(pixels), cells)
    return (*found, *([] if near is None else [near]))


def _part_warnings(part: str) -> tuple[str, ...]:
    seen = {
        "train": "These are training cells: the figures say how well they were learnt by heart, not how new ones fare.",
        "val": "Thresholds and calibration were chosen on these validation cells: the figures flatter.",
    }
    return (seen[part],) if part in seen else ()
