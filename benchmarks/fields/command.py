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
  thinsmear bench fields fields/ --json > fields.json""",
)
@click.argument("data", type=click.Path(path_type=Path, file_okay=False))
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
    data: Path,
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
    """
    from benchmarks.fields.domain_gap import Gap
    from benchmarks.fields.section import section
    from benchmarks.harness.annotations import read_truth
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.report.forms import text
    from edge_runtime.inspection.opening import open_classifier

    check_folder(save)
    chosen = [
        truth
        for truth in read_truth(data)
        if (first is None or truth.path.name >= first) and (last is None or truth.path.name <= last)
    ]
    if not chosen:
        raise WrongUsage("No annotated field lies between --from and --to; look at the names of the images.")
    left_out = [reason for truth in chosen for reason in truth.left_out]
    if left_out:
        note(f"Annotated boxes that cannot be used are left out, {len(left_out):,}; first {left_out[0]}.")
    classifier = open_classifier(model)
    steps = Gap(classifier) if gap else None
    scores = _score(chosen, classifier, sorted({*_IOUS, iou}), steps)
    document = summary(scores, iou)
    if steps is not None:
        document["gap"] = steps.table()
    document.update(_times(chosen, classifier, timed, scaling, threads or min(os.cpu_count() or 1, 4)))
    document["model"] = classifier.model.id
    document["boxes_left_out"] = len(left_out)
    deliver("fields", document, lambda made: text(section(made, digits=4)), as_json, save)


def _score(
    chosen: Sequence[Truth], classifier: Classifier, ious: Sequence[float], steps: Any
) -> dict[float, list[FieldScore]]:
    """Read each field once and score it at each overlap; no field's pixels are kept."""
    from benchmarks.fields.detection import score_field
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import FieldReader

    reader = FieldReader([classifier])
    scores: dict[float, list[FieldScore]] = {least: [] for least in ious}
    with progress(chosen, "fields", len(chosen)) as shown:
        for truth in shown:
            image = load_image(truth.path)
            result = reader.read(image)
            for least in ious:
                scores[least].append(score_field(truth, result, least))
            if steps is not None:
                steps.add(image, result.field, truth)
    return scores


def _times(chosen: Sequence[Truth], classifier: Classifier, timed: int, scaling: bool, threads: int) -> dict[str, Any]:
    from benchmarks.fields.time import summary as time_summary
    from benchmarks.fields.time import time_field, time_sizes, time_stages, time_threads

    paths = [truth.path for truth in chosen[:: max(len(chosen) // max(timed, 1), 1)]][:timed]
    found: dict[str, Any] = {}
    if paths:
        note(f"Timing {len(paths)} fields.")
        found["time"] = time_summary(
            [time_field(path, classifier) for path in paths], [time_stages(path, classifier) for path in paths]
        )
    if scaling:
        several = paths or [chosen[0].path]
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
