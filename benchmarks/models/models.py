"""Finished models side by side: what each costs, how it does on the same cells, how far it is from the first."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness.percentiles import Interval, interval, median, summarise
from benchmarks.harness.unseen_patients import Judged, Overlap, overlap
from benchmarks.models.candidates import time_in_turns
from edge_runtime.common.text import printable
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import find_model, read_model_file
from edge_runtime.errors import BadModel, EnvironmentLacks
from edge_runtime.inspection.opening import open_classifier
from train.data.cache import default_cache, load_pixels
from train.evaluate.device_logits import device_logits
from train.metrics.bootstrap import LEVEL, paired_difference
from train.metrics.calibration import calibrated
from train.metrics.evaluation import evaluate
from train.metrics.patient_sums import HELD_SPECIFICITY, PatientSums, sum_by_patient

if TYPE_CHECKING:
    from benchmarks.harness.timing import Preset

COMPARED = ("accuracy", "auc")


@dataclass(frozen=True)
class ModelResult:
    """One model; where it could not be measured, ``error`` says why and the figures are None.

    Attributes:
        name: as it was given, without the folders where that is clear.
        id: first digits of the file's SHA-256.
        bytes: of the file, card and golden vectors included.
        input: height and width, pixels.
        milliseconds: median of the bare interpreter's calls, one thread, with its 95 % interval.
        ratio: to the first model's call of the same round, median with its 95 % interval; None when that one failed.
        accuracy, auc, sensitivity, ece: ``value``, ``low`` and ``high`` as ``thinsmear evaluate`` gives them; accuracy
            at P 0.5, sensitivity at specificity 0.975.
        ece_floor: ``mean`` and ``p95`` of the ECE that chance alone gives a perfectly calibrated model.
        difference: ``value``, ``low`` and ``high`` of each of :data:`COMPARED`, this model minus the first on the same
            cells; None for the first itself.
        unseen: see :class:`benchmarks.harness.unseen_patients.Overlap`.
    """

    name: str
    id: str | None = None
    bytes: int | None = None
    input: tuple[int, int] | None = None
    error: str | None = None
    milliseconds: float | None = None
    milliseconds_interval: Interval | None = None
    ratio: float | None = None
    ratio_interval: Interval | None = None
    accuracy: Mapping[str, Any] | None = None
    auc: Mapping[str, Any] | None = None
    sensitivity: Mapping[str, Any] | None = None
    ece: Mapping[str, Any] | None = None
    ece_floor: Mapping[str, float] | None = None
    difference: Mapping[str, Mapping[str, Any]] | None = None
    unseen: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class _ScoredModel:
    """A model's answers to the cells, and what is needed to time it and to compare it."""

    row: ModelResult
    flatbuffer: bytes
    tallies: PatientSums
    warnings: tuple[str, ...]
    overlap: Overlap
    runtime: dict[str, str]


def compare_models(names: Sequence[str], judged: Judged, preset: Preset, replicates: int, seed: int) -> dict[str, Any]:
    """Measure models against the first one.

    Args:
        names: .tflite files with a card, or names of models that come along; naming one twice shows the noise.
        judged: the cells.
        preset: how many rounds are timed.
        replicates: bootstrap resamplings.
        seed: of the bootstrap; with the same one ``thinsmear evaluate`` gives the same intervals.

    Returns:
        Plain JSON values: ``cells``, ``interval``, ``specificity`` (held for the sensitivities), ``runtime``,
        ``rounds``, ``models`` (see :class:`ModelResult`, in the order of ``names``) and ``warnings``.

    Raises:
        WrongUsage: there is no such model.
        BadData: images cannot be read.
    """
    paths = [find_model(name) for name in names]
    results: list[ModelResult] = []
    scored: dict[int, _ScoredModel] = {}
    for place, (name, path) in enumerate(zip(_labels(names, paths), paths, strict=True)):
        try:
            scored[place] = _score(name, path, judged, replicates, seed)
            results.append(scored[place].row)
        except (BadModel, EnvironmentLacks) as error:
            results.append(ModelResult(name, error=str(error)))
    networks = {str(place): one.flatbuffer for place, one in scored.items()}
    durations = time_in_turns(networks, preset) if networks else {}
    for place in scored:
        results[place] = _timed(results[place], durations[str(place)], durations.get("0"), place == 0)
        if place and 0 in scored:
            apart = _difference(scored[place].tallies, scored[0].tallies, replicates, seed)
            results[place] = replace(results[place], difference=apart)
    cells = judged.cells
    return {
        "cells": {
            "number": len(cells),
            "parasitized": int(cells.labels.sum()),
            "patients": None if cells.patients is None else len(set(cells.patients)),
            "part": judged.part,
        },
        "interval": {
            "resampled": "images" if cells.patients is None else "patients",
            "level": LEVEL,
            "replicates": replicates,
            "seed": seed,
        },
        "specificity": HELD_SPECIFICITY,
        "runtime": next((one.runtime for one in scored.values()), None),
        "rounds": len(next(iter(durations.values()), ())),
        "models": [one.to_json() for one in results],
        "warnings": _warnings(list(scored.values()), cells.patients is not None),
    }


def _timed(result: ModelResult, own: Sequence[int], first: Sequence[int] | None, is_first: bool) -> ModelResult:
    """With its time, and the ratio to the first model's call of the same round where that one could be timed."""
    spent = summarise(own)
    result = replace(result, milliseconds=spent.p50_ms, milliseconds_interval=spent.p50_interval_ms)
    if is_first:
        return replace(result, ratio=1.0)
    if first is None:
        return result
    ratios = sorted(mine / other for mine, other in zip(own, first, strict=True))
    return replace(result, ratio=median(ratios), ratio_interval=interval(ratios, 50))


def _labels(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The file's name where it tells the models apart, else all that was given."""
    short = [name if Path(name) != path else path.name for name, path in zip(names, paths, strict=True)]
    clear = len(set(short)) == len(set(paths))
    return [printable(name) for name in (short if clear else names)]


def _score(name: str, path: Path, judged: Judged, replicates: int, seed: int) -> _ScoredModel:
    """Everything but the time, by the functions that ``thinsmear evaluate`` uses."""
    file = read_model_file(path)
    if file.card is None:
        raise BadModel(f"{printable(path)} has no card; `thinsmear bench peers --peer` takes such files")
    classifiers = open_classifier(file).side_by_side(os.cpu_count() or 1)
    card: Card = classifiers[0].card
    cells = judged.cells
    logits = device_logits(classifiers, load_pixels(cells, card.input, default_cache()))
    found = evaluate(cells.labels, logits, cells.patients, card.output, card.points, replicates, seed)
    seen = overlap(card, judged)
    row = ModelResult(
        name,
        id=file.id,
        bytes=path.stat().st_size,
        input=(card.input.height, card.input.width),
        accuracy=found["metrics"]["accuracy"],
        auc=found["metrics"]["auc"],
        sensitivity={key: found["at_fixed"]["sensitivity"][key] for key in ("value", "low", "high")},
        ece=found["metrics"]["ece"],
        ece_floor=found["ece_floor"]["pooled"],
        unseen=seen.unseen,
    )
    interpreter = classifiers[0].interpreter
    return _ScoredModel(
        row,
        file.flatbuffer,
        sum_by_patient(cells.labels, calibrated(logits, card.output), cells.patients, logits),
        tuple(found["warnings"]),
        seen,
        {"name": interpreter.name, "version": interpreter.version},
    )


def _difference(own: PatientSums, first: PatientSums, replicates: int, seed: int) -> dict[str, dict[str, Any]]:
    found = paired_difference(own, first, replicates, seed)
    return {name: found[name].to_json() for name in COMPARED}


def _warnings(scored: Sequence[_ScoredModel], patients: bool) -> list[str]:
    """What a reader must know first; what holds for one model only begins with its name."""
    holders: dict[str, list[str]] = {}
    for one in scored:
        for warning in one.warnings:
            holders.setdefault(warning, []).append(one.row.name)
    found = [
        warning if len(names) == len(scored) else f"{', '.join(names)}: {warning}" for warning, names in holders.items()
    ]
    what = "patients" if patients else "images"
    found += [
        f"{len(common)} of these {what}, first {printable(common[0])}, are by content or by name among those that "
        f"{name} was trained on, so its figures flatter."
        for name, common in {one.row.name: one.overlap.common for one in scored}.items()
        if common
    ]
    untold = list(dict.fromkeys(one.row.name for one in scored if one.overlap.unseen is None))
    if untold:
        found.append(
            f"Whether {' and '.join(untold)} learnt from some of these patients, card and data do not tell: make sure "
            "that none of them was in the training."
        )
    return found
