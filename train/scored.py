"""Bring cells and scores together for an evaluation: of a run through Keras, of a model file as the device does."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime import __version__
from edge_runtime.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.console import note
from edge_runtime.errors import BadData, WrongUsage
from edge_runtime.names import printable, text
from train.cache import UnreadableCells, default_cache, load_pixels
from train.dataset import Cells, scan
from train.report import Subject

if TYPE_CHECKING:
    from train.run import Run


@dataclass(frozen=True)
class Request:
    """Which cells to score.

    Attributes:
        data: folder or CSV; None for a run's own data.
        split: "train", "val", "test", "all", or None: test where a split is known, else all.
        patients: regular expression that finds the patient in a file name, or None.
        skip_bad: leave out images that cannot be read.
    """

    data: Path | None
    split: str | None
    patients: str | None
    skip_bad: bool


@dataclass(frozen=True)
class Scored:
    """Cells with their logits [n] and everything an evaluation needs to know about them."""

    cells: Cells
    logits: np.ndarray
    output: OutputContract
    points: OperatingPoints
    subject: Subject
    warnings: tuple[str, ...]


def score_run(path: Path, request: Request) -> Scored:
    """Score a part of a run's own data, or of other data, with the run's Keras model.

    Raises:
        BadData: no run, unreadable images, or data that mix the run's images with others.
        WrongUsage: the part asked for holds nothing, or the other data have no such part.
        EnvironmentLacks: no TensorFlow.
    """
    from train.run import Run
    from train.scoring import keras_logits

    run = Run.open(path)
    if request.data is None:
        cells = run.cells
        parts: np.ndarray | None = run.parts
    else:
        cells = scan(request.data, request.patients)
        parts = _parts_in(run, cells)
    learnt = {path for path, part in zip(run.cells.paths, run.parts, strict=True) if part != "test"}
    own = not set(run.cells.paths).isdisjoint(cells.paths)
    cells, part = _select(cells, parts, request.split)
    warnings = split_warnings(run) if own else _seen_patients(run, cells)
    cells, pixels = _pixels(cells, run.contract, request.skip_bad)
    if part == "all" and not learnt.isdisjoint(cells.paths):
        warnings += ("The run was trained and tuned on some of these cells: the figures flatter; see --split test.",)
    logits = keras_logits(run.model(), run.contract, pixels)
    subject = run_subject(run, cells, part)
    return Scored(cells, logits, run.output, run.points, subject, (*warnings, *_part_warnings(part)))


def split_warnings(run: Run) -> tuple[str, ...]:
    """What the run's own split means for every figure on the run's own cells."""
    if run.config["data"]["split_by"] != "image":
        return ()
    return (
        "The split is by image: cells of one patient may lie in training, validation and test alike, so every figure "
        "is optimistic.",
    )


def run_subject(run: Run, cells: Cells, part: str) -> Subject:
    """What the report of a run's ``part`` is about."""
    return Subject(
        title=f"Evaluation of {printable(run.path)}, {_whose(part)}",
        model={"Run": text(run.path), **_described(run.config), "Input": _size(run.contract)},
        data=_data(cells, part),
        trained_on=_trained_on(run.config.get("data")),
        training=_flat(run.config),
        history=_history(run.path / "history.csv"),
        tools=_tools("tensorflow", "keras"),
    )


def score_model(
    name: str, request: Request, threads: int, foreign: tuple[str | None, str | None, str | None]
) -> Scored:
    """Score labelled cells with a model file, exactly as a device would.

    Args:
        name: a .tflite file, or the name of a model that comes along.
        request: ``data`` is needed.
        threads: classifiers side by side.
        foreign: (labels, positive, input range) of a model without a card.

    Raises:
        WrongUsage: no data, no such model, or the data have no such part.
        BadModel: the model does not load.
    """
    from edge_runtime.modelfile import find_model, read_model_file
    from train.device_scores import device_logits, open_classifiers

    path = find_model(name)
    if request.data is None:
        raise WrongUsage(
            f"A model file does not know its data; name a folder: thinsmear evaluate {printable(name)} DATA."
        )
    model = read_model_file(path)
    classifiers = open_classifiers(model, threads, *foreign)
    cells = scan(request.data, request.patients)
    cells, part = _select(cells, None if cells.parts is None else np.asarray(cells.parts), request.split)
    cells, pixels = _pixels(cells, classifiers[0].contract, request.skip_bad)
    card, backend = classifiers[0].card, classifiers[0].interpreter
    subject = Subject(
        title=f"Evaluation of {printable(path.name)}, {_whose(part)}",
        model={
            "File": text(path),
            "SHA-256": model.sha256,
            "Size": f"{path.stat().st_size:,} bytes",
            **_described(card.details),
            "Input": _size(classifiers[0].contract),
        },
        data=_data(cells, part),
        trained_on=_trained_on(card.details.get("training")),
        tools=_tools() | {backend.name: backend.version},
    )
    warnings = _part_warnings(part)
    if part == "all":
        warnings += ("A model file does not list its patients: make sure that none of these were in its training.",)
    return Scored(cells, device_logits(classifiers, pixels), card.output, card.points, subject, warnings)


def _parts_in(run: Run, cells: Cells) -> np.ndarray | None:
    """The run's part of each cell, None when these are other data altogether."""
    known = dict(zip(run.cells.paths, run.parts, strict=True))
    parts = [known.get(path) for path in cells.paths]
    if not any(parts):
        return None if cells.parts is None else np.asarray(cells.parts)
    if not all(parts):
        stranger = cells.paths[parts.index(None)]
        raise BadData(
            f"{sum(part is None for part in parts)} images are not of the run although others are, first "
            f"{printable(stranger)}; evaluate the run's own data and new data apart."
        )
    return np.asarray([str(part) for part in parts])


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


def _part_warnings(part: str) -> tuple[str, ...]:
    seen = {
        "train": "These are training cells: the figures say how well they were learnt by heart, not how new ones fare.",
        "val": "Thresholds and calibration were chosen on these validation cells: the figures flatter.",
    }
    return (seen[part],) if part in seen else ()


def _whose(part: str) -> str:
    return "all cells" if part == "all" else f"{part} part"


def _size(contract: InputContract) -> str:
    return (
        f"{contract.width} x {contract.height}, {contract.channels}, {contract.fit} with a {contract.resample} filter"
    )


def _described(details: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {"name": "Name", "architecture": "Architecture", "recipe": "Recipe", "licence": "Licence"}
    return {title: details[key] for key, title in wanted.items() if isinstance(details.get(key), (str, int, float))}


def _data(cells: Cells, part: str) -> dict[str, Any]:
    patients = "not known" if cells.patients is None else len(set(cells.patients))
    return {
        "Folder": text(cells.root.absolute()),
        "Part evaluated": part,
        "Images": f"{len(cells):,}",
        "Patients": patients,
    }


def _trained_on(training: Any) -> dict[str, Any]:
    """What a run's configuration or a model's card says of the training data; empty when it says nothing."""
    if not isinstance(training, Mapping):
        return {}
    found = {}
    if isinstance(training.get("species"), str):
        found["Species"] = training["species"]
    parts = training.get("parts")
    for key, title in (("train", "Learnt from"), ("val", "Chosen on"), ("test", "Kept for test")):
        part = parts.get(key) if isinstance(parts, Mapping) else None
        if isinstance(part, Mapping) and isinstance(part.get("images"), int):
            patients = part.get("patients")
            who = "patients not known" if patients is None else f"{patients} patients"
            found[title] = f"{part['images']:,} cells ({part.get('parasitized', '?')} parasitized), {who}"
    if isinstance(training.get("split_by"), str):
        found["Split by"] = training["split_by"]
    return found


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one list of dotted names; long lists are left to config.json."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, (list, tuple)) or len(value) <= 4:
            flat[f"{prefix}{key}"] = value
    return flat


def _history(path: Path) -> dict[str, list[float | None]]:
    """Columns of a training history; cells that are no numbers become None."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        return {}
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _tools(*modules: str) -> dict[str, str]:
    loaded = {name: str(sys.modules[name].__version__) for name in ("numpy", *modules) if name in sys.modules}
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"thinsmear": __version__, **loaded, "on": now}
