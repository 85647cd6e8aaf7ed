"""How long a field takes: against the least it can take, by stage, by image size, and with several threads."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.harness.timing import Preset, take_turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import Classifier

WIDTHS = (640, 1280, 2560, 4000)  # to which a field is resampled, longer side
_ROUNDS = 5
_BARE = 240  # bare calls a round
_SIDE = 66  # pixels of the floor's crops
STAGES_OF_TIME = ("decode", "light and scale", "mask", "split", "gates and overlaps", "crops", "classify", "quality")


@dataclass(frozen=True)
class FieldTime:
    """Milliseconds of one field, the least of some rounds each.

    Attributes:
        field: from the file's bytes to verdicts.
        segment: of it, finding the cells.
        floor: of :func:`floor_call` with as many cells.
    """

    field: float
    segment: float
    floor: float


def preset() -> Preset:
    """A few rounds, one to warm up."""
    return Preset(min_runs=_ROUNDS, min_seconds=0, warmup=1, cold_starts=0)


def floor_call(content: bytes, classifier: Classifier, count: int) -> Callable[[], object]:
    """The least that reading a field can take: decode it once, resize as many crops, call the bare interpreter.

    Args:
        content: the file's bytes.
        count: crops, all of one usual size, spread over the field.
    """
    from benchmarks.harness.bare import Bare

    bare = Bare(classifier.interpreter.name, classifier.model.flatbuffer, 1)
    contract, tensor = classifier.contract, classifier.interpreter.input
    blank = np.zeros(tensor.shape, tensor.dtype)

    def run() -> None:
        with Image.open(io.BytesIO(content)) as opened:
            picture = opened.convert("RGB")
        for k in range(count):
            x, y = (k * 97) % max(picture.width - _SIDE, 1), (k * 61) % max(picture.height - _SIDE, 1)
            crop = picture.crop((x, y, x + _SIDE, y + _SIDE))
            np.asarray(crop.resize((contract.width, contract.height), Image.Resampling.BILINEAR))
            bare.run(blank)

    return run


def time_field(path: Path, classifier: Classifier) -> FieldTime:
    """One field against the floor, taking turns."""
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import FieldReader, segment

    content = path.read_bytes()
    image = load_image(content)
    reader = FieldReader([classifier])
    calls: dict[str, Callable[[], object]] = {
        "field": lambda: reader.read(load_image(content)),
        "segment": lambda: segment(image),
        "floor": floor_call(content, classifier, len(segment(image).cells)),
    }
    rounds = take_turns(calls, preset())
    return FieldTime(**{name: min(rounds.durations[name]) / 1e6 for name in calls})


def time_stages(path: Path, classifier: Classifier) -> dict[str, float]:
    """Milliseconds of each of :data:`STAGES_OF_TIME`, each run by itself on what the one before it gives."""
    from edge_runtime.core.images import load_image
    from edge_runtime.core.preprocess import resize
    from edge_runtime.fields import segment
    from edge_runtime.fields.crops import cell_pixels, colour_table
    from edge_runtime.fields.quality import measure_quality
    from edge_runtime.fields.segmentation.exclusions import gate
    from edge_runtime.fields.segmentation.mask import cell_mask, pale_patches
    from edge_runtime.fields.segmentation.overlaps import settle_overlaps
    from edge_runtime.fields.segmentation.scale import working_picture
    from edge_runtime.fields.segmentation.split import split_cells

    content = path.read_bytes()
    image = load_image(content)
    field = segment(image)
    work = field.work
    if not field.cells:
        return {}

    def mask() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        inside = cell_mask(work.darkness, work.level, work.light.noise, work.diameter)
        return inside, pale_patches(work.darkness, inside, work.level, work.light.noise, work.diameter)

    inside, patches = mask()
    labels, shapes = split_cells(inside, patches, work.diameter)
    colours = colour_table(field.stain)

    def crops() -> list[NDArray[np.uint8]]:
        return [resize(cell_pixels(image, cell, colours), classifier.contract) for cell in field.cells]

    pixels = np.stack(crops())
    calls: tuple[Callable[[], object], ...] = (
        lambda: load_image(content),
        lambda: working_picture(image),
        mask,
        lambda: split_cells(inside, patches, work.diameter),
        lambda: settle_overlaps(work, labels, shapes, gate(work, labels, shapes)),
        crops,
        lambda: [classifier.decide(logit) for logit in classifier.logits(pixels)],
        lambda: measure_quality(image, field),
    )
    rounds = take_turns(dict(zip(STAGES_OF_TIME, calls, strict=True)), preset())
    return {name: min(rounds.durations[name]) / 1e6 for name in STAGES_OF_TIME}


def time_sizes(path: Path, classifier: Classifier) -> list[dict[str, float]]:
    """One field resampled to :data:`WIDTHS`: size, cells found, and milliseconds without decoding."""
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import FieldReader

    image = load_image(path)
    reader = FieldReader([classifier])
    images = [_resampled(image, width / max(image.shape[:2])) for width in WIDTHS]
    calls = {str(k): (lambda picture=picture: reader.read(picture)) for k, picture in enumerate(images)}
    rounds = take_turns(calls, preset())
    return [
        {
            "width": picture.shape[1],
            "height": picture.shape[0],
            "cells": len(reader.read(picture).verdicts),
            "field_ms": min(rounds.durations[str(k)]) / 1e6,
        }
        for k, picture in enumerate(images)
    ]


def time_threads(paths: Sequence[Path], classifier: Classifier, most: int) -> list[dict[str, float]]:
    """Fields with 1 to ``most`` threads, against one thread in the same rounds.

    Two questions, two figures: how much sooner one field is done when its cells are shared out, and how many more
    fields are done when each thread reads its own. ``bare`` is what as many threads of bare interpreter calls gain,
    the most that this machine gives at this moment.
    """
    from edge_runtime.core.images import load_image
    from edge_runtime.core.pool import ordered_map
    from edge_runtime.fields import FieldReader

    contents = [path.read_bytes() for path in paths]
    contents *= -(-2 * most // len(contents))
    pool = [classifier, *(classifier.twin() for _ in range(most - 1))]
    tensor = classifier.interpreter.input
    blank = np.zeros(tensor.shape, tensor.dtype)

    def one_field(threads: int) -> Callable[[], object]:
        reader = FieldReader(pool[:threads])
        return lambda: reader.read(load_image(contents[0]))

    def all_fields(threads: int) -> Callable[[], object]:
        readers = [FieldReader([one]) for one in pool[:threads]]
        return lambda: list(ordered_map(lambda reader, item: reader.read(load_image(item)), readers, contents))

    def bare(threads: int) -> Callable[[], object]:
        def share(one: Classifier, calls: int) -> None:
            for _ in range(calls):
                one.interpreter.run(blank)

        return lambda: list(ordered_map(share, pool[:threads], [_BARE // threads] * threads))

    kinds = {"field": one_field, "fields": all_fields, "bare": bare}
    counts = range(1, most + 1)
    calls = {f"{kind} {threads}": make(threads) for kind, make in kinds.items() for threads in counts}
    rounds = take_turns(calls, preset())
    median = {name: float(np.median(rounds.durations[name])) for name in calls}
    return [
        {
            "threads": threads,
            "field_ms": median[f"field {threads}"] / 1e6,
            "fields_per_second": len(contents) / (median[f"fields {threads}"] / 1e9),
            **{f"{kind}_gain": median[f"{kind} 1"] / median[f"{kind} {threads}"] for kind in kinds},
        }
        for threads in counts
    ]


def summary(times: Sequence[FieldTime], stages: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Medians over fields; the ratio is the median of each field's own."""
    middle = {f"{name}_ms": float(np.median([asdict(time)[name] for time in times])) for name in asdict(times[0])}
    return {
        **middle,
        "ratio": float(np.median([time.field / time.floor for time in times])),
        "stages_ms": {
            name: float(np.median([entry[name] for entry in stages if entry])) for name in STAGES_OF_TIME if any(stages)
        },
    }


def _resampled(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
