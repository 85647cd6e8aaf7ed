"""Whole synthetic slides in a store: drawn cells whose parasites are known, scored as a good model would."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.sessions import CellRecord, FieldRecord, SessionPlan, open_store
from edge_runtime.sessions.records import ObjectRecord
from tests.edge_runtime.sessions.ranking_tools import TRUSTED
from train.synthetic import draw_field, make_patient

_HEALTHY = "red blood cell"
_LEFT_OUT = ("white blood cell", "platelet")
_QUALITY = {"focus": 3.0, "saturated": 0.01, "exposure": 0.8, "density": 0.3, "accepted": True}


@dataclass(frozen=True)
class Slide:
    """A session of a drawn slide.

    Attributes:
        code: of the session.
        cells: red cells.
        truth: verdicts of the cells with parasites, by name.
    """

    code: str
    cells: int
    truth: dict[str, str]


def add_slide(
    store: Path, fields: int, parasitaemia: float = 0.05, size: tuple[int, int] = (1280, 960), trusted: bool = True,
    world: int = 3, left_out: bool = False,
) -> Slide:  # fmt: skip
    """Draw a slide into a store, which is made where there is none.

    Args:
        store: its folder.
        fields: of the slide.
        parasitaemia: share of infected cells.
        size: of a field, in pixels.
        trusted: whether the model's card has a capture curve.
        world: another slide for another number.
        left_out: whether the machine leaves the first infected and the last healthy cell of each field out, which are
            objects then.
    """
    draw = random.Random(world)
    patient = replace(make_patient(world, 1), parasitaemia=parasitaemia, healthy=False)
    model = TRUSTED if trusted else replace(TRUSTED, sha256="cd" * 32, details={})
    truth: dict[str, str] = {}
    cells = 0
    with open_store(store, create=True, min_free=0) as opened:
        session = opened.new_session(SessionPlan("A17", stain="giemsa"))
        for number in range(1, fields + 1):
            pixels, boxes = draw_field(np.random.default_rng([world, number]), patient, *size)
            whole = [box for box in boxes if not box["border"] and box["type"] not in _LEFT_OUT]
            objects: tuple[ObjectRecord, ...] = ()
            if left_out:
                objects, whole = _objects(whole)
                truth[f"{number}.o1"] = "asexual"
            records = []
            for place, box in enumerate(whole, 1):
                if box["type"] != _HEALTHY:
                    truth[f"{number}.{place}"] = "gametocyte" if box["type"] == "gametocyte" else "asexual"
                score = draw.random() ** 12 * 0.97 if box["type"] == _HEALTHY else 1 - draw.random() ** 3 * 0.5
                frame = (box["x"], box["y"], box["w"], box["h"])
                records.append(CellRecord(score, score >= 0.1, score >= 0.9, frame))
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
            record = FieldRecord(tuple(records), "field", {"border": len(boxes) - len(whole)}, _QUALITY, objects)
            opened.add_field(session, stream.getvalue(), record, model)
            cells += len(records)
    return Slide(session.code, cells, truth)


def _objects(whole: list[dict[str, Any]]) -> tuple[tuple[ObjectRecord, ...], list[dict[str, Any]]]:
    """An infected cell and a healthy one as objects, and the cells that are left."""
    infected = next(box for box in whole if box["type"] not in (_HEALTHY, "gametocyte"))
    healthy = next(box for box in reversed(whole) if box["type"] == _HEALTHY)
    chosen = ((infected, "clump", 0.93), (healthy, "debris", 0.6))
    objects = tuple(ObjectRecord((b["x"], b["y"], b["w"], b["h"]), reason, score) for b, reason, score in chosen)
    return objects, [box for box in whole if box is not infected and box is not healthy]
