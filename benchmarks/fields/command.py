"""The command ``thinsmear bench fields``."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import json_option, note, progress, verbosity_options
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.fields.detection import FieldScore
    from benchmarks.fields.domain_gap import Gap
    from benchmarks.harness.annotations import Truth
    from edge_runtime.core.classifier import Classifier

_IOUS = (0.3, 0.4, 0.5, 0.6, 0.7)


@click.command(
    short_help="How well whole fields are read, and how fast.",
    epilog="""\b
Examples:
  thinsmear bench fields fields/                      annotations.json, COCO *.json or VOC *.xml with their images
  thinsmear bench fields fields/ --from b07 --to b12  only the images whose names lie between
  thinsmear bench fields fields/ --gap                what masking, scale and stain are worth to the classifier
  thinsmear bench fields fields/ --scaling            time by image size and by threads
  thinsmear bench fields lab1/ lab2/ lab3/ --clean    each laboratory; those without annotations are malaria-free
  thinsmear bench fields fields/ --json > fields.json""",
)
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--clean", is_flag=True, help="Folders without annotations hold no malaria: what is counted is false.")
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@click.option("--from", "first", metavar="NAME", help="Leave out images whose names sort before this one.")
@click.option("--to", "last", metavar="NAME", help="Leave out images whose names sort after this one.")
@click.option("--iou", default=0.5, show_default=True, type=click.FloatRange(0.05, 0.95), help="Least overlap.")
@click.option("--timed", default=5, show_default=True, type=click.IntRange(0, 1000), help="Fields to time.")
@click.option("--gap", is_flag=True, help="Also the classifier on the same cells cut out raw, masked, scaled, stained.")
@click.option("--scaling", is_flag=True, help="Also time by image size and by threads.")
@click.option("--threads", type=click.IntRange(1, 64), help="Most threads of --scaling [the machine's, at most 4].")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write it as JSON.")
@json_option
@verbosity_options
def fields(
    data: tuple[Path, ...],
    clean: bool,
    model: str | None,
    first: str | None,
    last: str | None,
    iou: float,
    timed: int,
    gap: bool,
    scaling: bool,
    threads: int | None,
    save: Path | None,
    as_json: bool,
) -> None:
    """Read the annotated fields in DATA: cells found, infected cells found and ranked, time against the floor.

    Cells cut by the image's border are left aside on both sides. The floor is decoding the field once, resizing as
    many crops, and as many bare interpreter calls; both take turns, so the ratio holds on a busy machine too.

    Each folder is a laboratory of its own, and none is pooled with another; the main figures are the first annotated
    one's. Cells are kept in the user's cache as they were cut out, so another model is measured in a minute.
    """
    from benchmarks.fields.domain_gap import Gap
    from benchmarks.fields.section import section
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.report.forms import text
    from edge_runtime.inspection.opening import open_classifier

    check_folder(save)
    annotated, free = _laboratories(data, clean, first, last)
    left_out = [reason for truths in annotated.values() for truth in truths for reason in truth.left_out]
    if left_out:
        note(f"Annotated boxes that cannot be used are left out, {len(left_out):,}; first {left_out[0]}.")
    classifier = open_classifier(model)
    main = next(iter(annotated.values()), [])
    steps = Gap(classifier) if gap else None
    ious = sorted({*_IOUS, iou})
    scored = {name: _score(truths, classifier, ious) for name, truths in annotated.items()}
    document = summary(next(iter(scored.values()), {least: [] for least in ious}), iou)
    if steps is not None:
        _add_gap(steps, main)
        document["gap"] = steps.table()
    document["laboratories"] = _by_laboratory({name: some[iou] for name, some in scored.items()}, free, classifier)
    paths = [truth.path for truth in main] or [path for images in free.values() for path in images]
    document.update(_times(paths, classifier, timed, scaling, threads or min(os.cpu_count() or 1, 4)))
    document["model"] = classifier.model.id
    document["boxes_left_out"] = len(left_out)
    deliver("fields", document, lambda made: text(section(made, digits=4)), as_json, save)


def _laboratories(
    data: Sequence[Path], clean: bool, first: str | None, last: str | None
) -> tuple[dict[str, list[Truth]], dict[str, list[Path]]]:
    """Annotated fields, and images without malaria, by the name of their folder."""
    from benchmarks.harness.annotations import images_of, is_annotated, read_truth
    from edge_runtime.common.text import printable

    def chosen(path: Path) -> bool:
        return (first is None or path.name >= first) and (last is None or path.name <= last)

    annotated: dict[str, list[Truth]] = {}
    free: dict[str, list[Path]] = {}
    for folder in data:
        if not clean or is_annotated(folder):
            annotated[_new_name(folder, annotated)] = [t for t in read_truth(folder) if chosen(t.path)]
            continue
        # a folder of laboratories, where it holds no images itself
        below = sorted(path for path in folder.iterdir() if path.is_dir())
        images = {place: images_of(place) for place in ([folder] if images_of(folder) else below)}
        if not any(images.values()):
            raise WrongUsage(f"{printable(folder)} holds no images; name a folder of fields without malaria.")
        for place, found in images.items():
            if found:
                free[_new_name(place, free)] = [path for path in found if chosen(path)]
    if not any(annotated.values()) and not any(free.values()):
        raise WrongUsage("No annotated field lies between --from and --to; look at the names of the images.")
    return annotated, free


def _new_name(folder: Path, known: Mapping[str, object]) -> str:
    """The folder's name, or its path where another has that name already."""
    name = folder.resolve().name
    return str(folder) if name in known else name


def _score(chosen: Sequence[Truth], classifier: Classifier, ious: Sequence[float]) -> dict[float, list[FieldScore]]:
    """Read each field once and score it at each overlap; no field's pixels are kept."""
    from benchmarks.fields.detection import score_field
    from benchmarks.fields.kept_cells import read_field
    from train.data.cache import default_cache

    scores: dict[float, list[FieldScore]] = {least: [] for least in ious}
    with progress(chosen, "fields", len(chosen)) as shown:
        for truth in shown:
            read = read_field(truth.path, classifier, default_cache())
            for least in ious:
                scores[least].append(score_field(truth, read, least))
    return scores


def _add_gap(steps: Gap, chosen: Sequence[Truth]) -> None:
    """Score the cells of fields cut out in several ways."""
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import segment

    with progress(chosen, "crops", len(chosen)) as shown:
        for truth in shown:
            image = load_image(truth.path)
            steps.add(image, segment(image), truth)


def _by_laboratory(
    scored: Mapping[str, Sequence[FieldScore]], free: Mapping[str, Sequence[Path]], classifier: Classifier
) -> list[dict[str, Any]]:
    from benchmarks.fields.kept_cells import read_field
    from benchmarks.fields.laboratories import annotated_laboratory, healthy_of, malaria_free_laboratory
    from train.data.cache import default_cache

    found = [annotated_laboratory(name, scores, classifier) for name, scores in scored.items()]
    for name, paths in free.items():
        with progress(paths, name, len(paths)) as shown:
            read = [read_field(path, classifier, default_cache()) for path in shown]
        fields = [healthy_of(one.logits, classifier) for one in read]
        found.append(malaria_free_laboratory(name, fields, sum(one.accepted for one in read)))
    return found


def _times(chosen: Sequence[Path], classifier: Classifier, timed: int, scaling: bool, threads: int) -> dict[str, Any]:
    from benchmarks.fields.time import summary as time_summary
    from benchmarks.fields.time import time_field, time_sizes, time_stages, time_threads

    paths = list(chosen[:: max(len(chosen) // max(timed, 1), 1)])[:timed]
    found: dict[str, Any] = {}
    if paths:
        note(f"Timing {len(paths)} fields.")
        found["time"] = time_summary(
            [time_field(path, classifier) for path in paths], [time_stages(path, classifier) for path in paths]
        )
    if scaling:
        several = paths or [chosen[0]]
        note("Timing image sizes and threads.")
        found["sizes"] = time_sizes(several[0], classifier)
        found["threads"] = time_threads(several, classifier, threads)
    return found


def summary(scores: Mapping[float, Sequence[FieldScore]], iou: float) -> dict[str, Any]:
    """All figures of quality as plain JSON values; undefined ones are None.

    Args:
        scores: of the same fields by least overlap.
        iou: the overlap that the main figures are for.
    """
    from benchmarks.fields.detection import ranking, rates
    from benchmarks.harness.annotations import STAGES

    main = scores[iou]
    inner, whole = rates([score.inner for score in main]), rates([score.whole for score in main])
    found = [entry for score in main for entry in score.infected]
    ranks = [entry for score in main for entry in score.scores]
    by_iou = []
    for least, some in sorted(scores.items()):
        measured = rates([score.inner for score in some])
        hits = [hit for score in some for _, hit in score.infected]
        by_iou.append(
            {
                "iou": least,
                "precision": _defined(measured.precision),
                "recall": _defined(measured.recall),
                "f1": _defined(measured.f1),
                "infected_found": sum(hits),
                "infected": len(hits),
            }
        )
    return {
        "benchmark": "fields",
        "fields": len(main),
        "accepted": sum(score.accepted for score in main),
        "iou": iou,
        "precision": _defined(inner.precision),
        "recall": _defined(inner.recall),
        "f1": _defined(inner.f1),
        "f1_with_border": _defined(whole.f1),
        "by_iou": by_iou,
        "infected": _found([hit for _, hit in found]),
        "stages": {
            stage: {**_found([hit for kind, hit in found if kind == stage]), "auc": _defined(ranking(ranks, stage))}
            for stage in STAGES
        },
        "auc": _defined(ranking(ranks)),
    }


def _found(hits: Sequence[bool]) -> dict[str, Any]:
    """How many, with the 95 % interval of their share (Wilson 1927)."""
    from edge_runtime.counting import wilson  # here, so that the group's help needs no NumPy

    interval = wilson(sum(hits), len(hits)) if hits else None
    return {
        "cells": len(hits),
        "found": sum(hits),
        "interval": None if interval is None else [interval.low, interval.high],
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
