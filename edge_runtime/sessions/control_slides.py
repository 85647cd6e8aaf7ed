"""Slides known to hold parasites: looked at to the last cell, they say what this microscope's ranking finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.counting import CaptureCurve, CurveSource, capture_curve, depths
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.known_sessions import discard_known, known_session
from edge_runtime.sessions.records import POSITIVE
from edge_runtime.sessions.store.rows import one

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

MIN_CELLS, MIN_INFECTED = 1_000, 10  # of a slide that a curve may rest on


@dataclass(frozen=True)
class ControlSlide:
    """One slide with parasites.

    Attributes:
        session: code of its session.
        slide: code.
        cells: red cells counted.
        looked: of these, with a verdict.
        infected: of these, with asexual parasites.
        depths: of the infected cells, see :func:`edge_runtime.counting.depths`; empty unless a curve may rest on it.
    """

    session: str
    slide: str
    cells: int
    looked: int
    infected: int
    depths: tuple[float, ...] = ()

    @property
    def lacks(self) -> str | None:
        """Why no curve rests on it; None when one does."""
        if self.looked < self.cells or not self.cells:
            return f"{self.cells - self.looked:,} cells to look at"
        if self.cells < MIN_CELLS:
            return f"fewer than {MIN_CELLS:,} cells"
        if self.infected < MIN_INFECTED:
            return f"fewer than {MIN_INFECTED} infected cells"
        return None if self.depths else "no healthy cell"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "session": self.session,
            "slide": self.slide,
            "cells": self.cells,
            "looked": self.looked,
            "infected": self.infected,
            "used": self.lacks is None,
            "lacks": self.lacks,
        }


@dataclass(frozen=True)
class ControlSlides:
    """What was measured on this device with one model and one kind of image.

    Attributes:
        slides: those with cells, by code.
        model: first 12 digits of the model's SHA-256.
        device: see :func:`edge_runtime.sessions.clock.device_id`.
        kind: "field" or "cell".
    """

    slides: tuple[ControlSlide, ...]
    model: str
    device: str
    kind: str

    @property
    def curve(self) -> CaptureCurve | None:
        """What the ranking finds on them; None before the first one that was looked at to the last cell."""
        known = [slide.depths for slide in self.slides if slide.lacks is None]
        return capture_curve(known, CurveSource.OWN) if known else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``curve`` is null before the first slide that it may rest on."""
        curve = self.curve
        return {
            "model": self.model,
            "device": self.device,
            "kind": self.kind,
            "slides": [slide.to_json() for slide in self.slides],
            "curve": None if curve is None else curve.to_json(),
        }


def positive_session(
    store: Store, slide: str, model_sha256: str, kind: str, plan: Mapping[str, Any] | None = None
) -> Session:
    """The session of a slide known to hold parasites on this device; begun when there is none that fits.

    Args:
        model_sha256: what it is to be counted with.
        kind: "field" or "cell".
        plan: what else a new one is begun with.

    Raises:
        WrongUsage: the slide is no code.
    """
    return known_session(store, POSITIVE, slide, model_sha256, kind, plan)


def discard_positive(store: Store, slide: str) -> None:
    """Let no capture curve rest on a slide any more, of whatever device and model; its records stay.

    Raises:
        WrongUsage: there is no such slide, or it was discarded already.
    """
    if not discard_known(store, POSITIVE, slide):
        raise WrongUsage(
            f"No capture curve rests on a slide {printable(slide)!r}; `thinsmear session positive` lists them."
        )


def control_slides(store: Store, model_sha256: str, device: str, kind: str) -> ControlSlides:
    """The control slides that apply to a count: same model, same device, same kind of image, not discarded.

    Cells of refused images are left out.
    """
    with store.reading() as connection:
        rows = connection.execute(
            """SELECT s.id, s.code, s.slide, sum(f.cells) AS cells
            FROM sessions AS s JOIN fields AS f ON f.session_id = s.id JOIN models AS m ON m.id = s.model_id
            WHERE s.purpose = ? AND s.device = ? AND m.sha256 = ? AND f.kind = ? AND f.accepted AND f.cells > 0
            AND NOT s.discarded
            GROUP BY s.id ORDER BY s.slide, s.id""",
            (POSITIVE, device, model_sha256, kind),
        ).fetchall()
        newest = one(connection, "SELECT coalesce(max(id), 0) FROM verdicts")
        slides = tuple(_slide(store, tuple(row), newest) for row in rows)
    return ControlSlides(slides, model_sha256[:12], device, kind)


# A slide read to its end is asked for at every page of every other session. By database and session: the newest verdict
# of the store at that time, and what the slide said.
_READ: dict[tuple[str, int], tuple[int, ControlSlide]] = {}


def _slide(store: Store, row: tuple[int, str, str, int], newest: int) -> ControlSlide:
    """A slide as it is now; read again only if one of its cells has got a verdict since."""
    session_id, code, slide, cells = row
    key = (str(store.database), session_id)
    at, known = _READ.get(key, (-1, None))
    if known is not None and known.cells == cells and (known.session, known.slide) == (code, slide) and at <= newest:
        with store.reading() as connection:
            query = """SELECT EXISTS (SELECT 1 FROM verdicts AS v JOIN cells AS c ON c.id = v.cell_id
                JOIN fields AS f ON f.id = c.field_id WHERE v.id > ? AND f.session_id = ?)"""
            if not one(connection, query, at, session_id):
                _READ[key] = (newest, known)
                return known
    found = _read(store, session_id, code, slide, cells)
    _READ[key] = (newest, found)
    return found


def _read(store: Store, session_id: int, code: str, slide: str, cells: int) -> ControlSlide:
    infected, healthy, looked = [], [], 0
    with store.reading() as connection:
        for row in connection.execute(
            """SELECT c.probability, v.verdict FROM fields AS f JOIN cells AS c ON c.field_id = f.id
            JOIN current_verdicts AS v ON v.cell_id = c.id WHERE f.session_id = ? AND f.accepted""",
            (session_id,),
        ):
            looked += 1
            if row["verdict"] == "asexual":
                infected.append(row["probability"])
            elif row["verdict"] == "no-parasite":
                healthy.append(row["probability"])
    usable = looked == cells >= MIN_CELLS and len(infected) >= MIN_INFECTED and healthy
    known = tuple(np.asarray(depths(infected, healthy)).tolist()) if usable else ()
    return ControlSlide(code, slide, cells, looked, len(infected), known)
