"""The command ``thinsmear bench fields``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.console import emit_json, json_option, progress, table, verbosity_options
from edge_runtime.counting import wilson
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fields import FieldScore, Truth
    from edge_runtime.classifier import Classifier

_ROUNDS = 5


@click.command(
    short_help="How well whole fields are read, and how fast.",
    epilog="""\b
Examples:
  thinsmear bench fields fields/                      a folder with annotations.json and its images
  thinsmear bench fields fields/ --from b07 --to b12  only the images whose names lie between
  thinsmear bench fields fields/ --json > fields.json""",
)
@click.argument("data", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@click.option("--from", "first", metavar="NAME", help="Leave out images whose names sort before this one.")
@click.option("--to", "last", metavar="NAME", help="Leave out images whose names sort after this one.")
@click.option("--iou", default=0.5, show_default=True, type=click.FloatRange(0.05, 0.95), help="Least overlap.")
@click.option("--timed", default=5, show_default=True, type=click.IntRange(0, 1000), help="Fields to time.")
@json_option
@verbosity_options
def fields(
    data: Path, model: str | None, first: str | None, last: str | None, iou: float, timed: int, as_json: bool
) -> None:
    """Read the annotated fields in DATA: cells found, infected cells found and ranked, time against the floor.

    Cells cut by the image's border are left aside on both sides. The floor is decoding the field once, resizing as
    many crops, and as many bare interpreter calls; both take turns, so the ratio holds on a busy machine too.
    """
    from benchmarks.fields import read_truth, score_field
    from edge_runtime.classifier import Classifier
    from edge_runtime.fields import FieldReader
    from edge_runtime.images import load_image

    chosen = [
        truth
        for truth in read_truth(data)
        if (first is None or truth.path.name >= first) and (last is None or truth.path.name <= last)
    ]
    if not chosen:
        raise WrongUsage("No annotated field lies between --from and --to; look at the names in annotations.json.")
    classifier = Classifier.open(model)
    reader = FieldReader([classifier])
    scores = []
    with progress(chosen, "fields", len(chosen)) as shown:
        for truth in shown:
            scores.append(score_field(truth, reader.read(load_image(truth.path)), iou))
    times = [_time(truth, classifier) for truth in chosen[:: max(len(chosen) // timed, 1)][:timed]] if timed else []
    document = summary(scores, times, iou)
    document["model"] = classifier.model.id
    if as_json:
        emit_json(document)
    else:
        click.echo(_text(document))


def summary(scores: Sequence[FieldScore], times: Sequence[tuple[float, float, float]], iou: float) -> dict[str, Any]:
    """All figures as plain JSON values; undefined ones are None."""
    from benchmarks.fields import STAGES, ranking, rates

    inner, whole = rates([score.inner for score in scores]), rates([score.whole for score in scores])
    found = [entry for score in scores for entry in score.infected]
    ranks = [entry for score in scores for entry in score.scores]
    stages = {
        stage: {
            "cells": sum(kind == stage for kind, _ in found),
            "found": sum(hit for kind, hit in found if kind == stage),
            "auc": _defined(ranking(ranks, stage)),
        }
        for stage in STAGES
    }
    document: dict[str, Any] = {
        "benchmark": "fields",
        "fields": len(scores),
        "accepted": sum(score.accepted for score in scores),
        "iou": iou,
        "precision": _defined(inner.precision),
        "recall": _defined(inner.recall),
        "f1": _defined(inner.f1),
        "f1_with_border": _defined(whole.f1),
        "infected": {"cells": len(found), "found": sum(hit for _, hit in found), "interval": _wilson(found)},
        "stages": stages,
        "auc": _defined(ranking(ranks)),
    }
    if times:
        ordered = sorted(own / floor for own, floor, _ in times)
        document["time"] = {
            "field_ms": sorted(own for own, _, _ in times)[len(times) // 2],
            "segment_ms": sorted(part for _, _, part in times)[len(times) // 2],
            "floor_ms": sorted(floor for _, floor, _ in times)[len(times) // 2],
            "ratio": ordered[len(ordered) // 2],
        }
    return document


def _time(truth: Truth, classifier: Classifier) -> tuple[float, float, float]:
    """Milliseconds from the file's bytes to verdicts, of the floor, and of finding the cells; best of some rounds."""
    from benchmarks.fields import floor_call
    from benchmarks.timing import Preset, take_turns
    from edge_runtime.fields import FieldReader, segment
    from edge_runtime.images import load_image

    content = truth.path.read_bytes()
    image = load_image(content)
    reader = FieldReader([classifier])
    floor = floor_call(content, classifier, len(segment(image).cells))
    rounds = take_turns(
        {
            "field": lambda: reader.read(load_image(content)),
            "floor": floor,
            "segment": lambda: segment(image),
        },
        Preset(min_runs=_ROUNDS, min_seconds=0, warmup=0, cold_starts=0),
    )
    own, least, part = (min(rounds.durations[name]) / 1e6 for name in ("field", "floor", "segment"))
    return own, least, part


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _wilson(found: Sequence[tuple[str, bool]]) -> list[float] | None:
    """95 % interval of the share found (Wilson 1927)."""
    if not found:
        return None
    interval = wilson(sum(hit for _, hit in found), len(found))
    return [interval.low, interval.high]


def _text(document: dict[str, Any]) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}"

    infected = document["infected"]
    rows: list[tuple[str, str]] = [
        ("fields (accepted)", f"{document['fields']} ({document['accepted']})"),
        (f"F1 at IoU {document['iou']:g}, border left aside", number(document["f1"])),
        ("precision, recall", f"{number(document['precision'])}, {number(document['recall'])}"),
        ("F1 with border cells", number(document["f1_with_border"])),
        ("infected cells found", f"{infected['found']} of {infected['cells']}"),
        ("AUC infected against red cells", number(document["auc"])),
    ]
    for stage, entry in document["stages"].items():
        rows.append((f"  {stage}", f"{entry['found']} of {entry['cells']} found, AUC {number(entry['auc'])}"))
    if "time" in document:
        time = document["time"]
        rows.append(("a field, one thread", f"{time['field_ms']:.0f} ms (finding cells {time['segment_ms']:.0f} ms)"))
        rows.append(("against the floor", f"{time['ratio']:.2f}x of {time['floor_ms']:.0f} ms"))
    return table(("figure", "value"), rows)
