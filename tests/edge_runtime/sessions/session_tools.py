"""What the tests of sessions share: a clock, a model record, and images with made-up results."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.sessions import CellRecord, FieldRecord, ModelRecord, Session, SessionPlan, Store, open_store
from edge_runtime.sessions.clock import Moment

BEGIN = 1_790_000_000.0  # September 2026
DETAILS = {
    "limits": ["species not identified"],
    "blank_rate": {"positives": 2, "cells": 1000, "patients": 10, "between_patient_sd": 0.001},
    "metrics": {
        "cells": {"total": 2000},
        "patients": {"total": 20, "infected": 10},
        "accuracy": {"value": 0.97, "low": 0.96, "high": 0.98},
        "auc": {"value": 0.995, "low": 0.99, "high": 0.999},
        "operating_points": {
            "review": {
                "threshold": 0.1,
                "confusion": {"tp": 990, "fn": 10},
                "sensitivity": {"value": 0.99, "low": 0.98, "high": 0.995},
            },
            "count": {
                "threshold": 0.9,
                "confusion": {"tp": 900, "fn": 100},
                "sensitivity": {"value": 0.9, "low": 0.87, "high": 0.93},
                "specificity": {"value": 0.998, "low": 0.995, "high": 0.999},
            },
        },
    },
}
MODEL = ModelRecord("ab" * 32, "tiny", 0.1, 0.9, DETAILS)
PLAN = SessionPlan("A17", stain="giemsa", operator="AB")


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, clock: str = "set", wall: float = BEGIN, monotonic: float = 100.0, boot: str = "boot-1") -> None:
        self.clock, self.wall, self.monotonic, self.boot = clock, wall, monotonic, boot

    def __call__(self) -> Moment:
        return Moment(self.wall, self.boot, self.monotonic, self.clock)

    def pass_seconds(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


def field(probabilities: list[float], accepted: bool = True) -> FieldRecord:
    """A whole field whose cells stand side by side; reviewed from 0.1, counted from 0.9."""
    cells = tuple(CellRecord(p, p >= 0.1, p >= 0.9, (i * 20, 0, 18, 20)) for i, p in enumerate(probabilities))
    quality = {"focus": 3.0, "saturated": 0.01, "exposure": 0.8, "density": 0.3, "accepted": accepted}
    if not accepted:
        quality["refused"] = [{"kind": "focus", "message": "blurred"}]
    return FieldRecord(cells, "field", {"border": 2, "clump": 1}, quality)


def image(number: int, width: int = 200, height: int = 40) -> bytes:
    """A PNG of noise, another one for every number."""
    pixels = np.random.default_rng(number).integers(90, 220, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def store_in(folder: Path, clock: Clock | None = None) -> Store:
    """A store that takes any free space."""
    return open_store(folder, create=True, min_free=0, clock=clock or Clock())


def filled(store: Store, fields: list[list[float]], plan: SessionPlan = PLAN, first: int = 0) -> Session:
    """A session with one field for each list of probabilities."""
    session = store.new_session(plan)
    for number, probabilities in enumerate(fields):
        store.add_field(session, image(first + number), field(probabilities), MODEL)
    return session
