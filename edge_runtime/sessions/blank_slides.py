"""The blank rate of this microscope: what the machine calls infected on slides known to hold no parasites."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.counting import KnownSlides
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.known_sessions import discard_known, known_session
from edge_runtime.sessions.records import BLANK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_FROM = """FROM sessions AS s JOIN fields AS f ON f.session_id = s.id JOIN models AS m ON m.id = s.model_id"""
_WHERE = """WHERE s.purpose = ? AND s.device = ? AND m.sha256 = ? AND f.kind = ? AND f.accepted AND f.cells > 0
    AND NOT s.discarded"""
FEW_SLIDES = 5  # below, the spread between slides is hardly known, and reports say so


@dataclass(frozen=True)
class BlankSlide:
    """One slide without parasites.

    Attributes:
        slide: code.
        cells: red cells looked at.
        infected: of these, called infected by the machine.
        looked: cells that a person has looked at, by rank or otherwise; None when nobody has, or nobody asked.
        read: of these, in which the person saw asexual parasites; None with ``looked``.
    """

    slide: str
    cells: int
    infected: int
    looked: int | None = None
    read: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, of those that are known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class MicroscopeBlankRate:
    """What was measured on this device with one model and one kind of image.

    Attributes:
        slides: those with cells, by code.
        model: first 12 digits of the model's SHA-256.
        device: see :func:`edge_runtime.sessions.clock.device_id`.
        kind: "field" or "cell".
    """

    slides: tuple[BlankSlide, ...]
    model: str
    device: str
    kind: str

    @property
    def known(self) -> KnownSlides | None:
        """For the corrections; None before the first slide."""
        if not self.slides:
            return None
        positives, cells = (tuple(getattr(s, name) for s in self.slides) for name in ("infected", "cells"))
        count = len(self.slides)
        source = f"{count} parasite-free {'slide' if count == 1 else 'slides'} of this microscope"
        return KnownSlides(positives, cells, source=source)

    @property
    def reader(self) -> KnownSlides | None:
        """What a person with the machine calls infected on the slides that somebody has looked at; None without one."""
        slides = [(slide.read or 0, slide.cells) for slide in self.slides if slide.looked]
        if not slides:
            return None
        read, cells = zip(*slides, strict=True)
        return KnownSlides(read, cells, source="parasite-free slides of this microscope, as a person read them")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``rate`` and ``between_slide_sd`` are null before the first slide."""
        known, reader = self.known, self.reader
        return {
            "model": self.model,
            "device": self.device,
            "kind": self.kind,
            "slides": [slide.to_json() for slide in self.slides],
            "cells": sum(s.cells for s in self.slides),
            "infected": sum(s.infected for s in self.slides),
            "rate": known.rate if known else None,
            "between_slide_sd": known.between_slide_sd if known else None,
            **({} if reader is None else {"reader": reader.to_json()}),
        }


def blank_session(
    store: Store, slide: str, model_sha256: str, kind: str, plan: Mapping[str, Any] | None = None
) -> Session:
    """The session of a slide known to hold no parasites on this device; begun when there is none that fits.

    Args:
        model_sha256: what it is to be counted with.
        kind: "field" or "cell".
        plan: what else a new one is begun with.

    Raises:
        WrongUsage: the slide is no code.
    """
    return known_session(store, BLANK, slide, model_sha256, kind, plan)


def discard_blank(store: Store, slide: str) -> None:
    """Let no count rest on a blank slide any more, of whatever device and model; its records stay.

    Raises:
        WrongUsage: there is no such blank slide, or it was discarded already.
    """
    if not discard_known(store, BLANK, slide):
        raise WrongUsage(f"No blank rate rests on a slide {printable(slide)!r}; `thinsmear session blank` lists them.")


def blank_rate(store: Store, model_sha256: str, device: str, kind: str, read: bool = False) -> MicroscopeBlankRate:
    """The blank slides that apply to a count: same model, same device, same kind of image.

    Refused fields and discarded slides are left out.

    Sessions on slides of one code are taken together: they are one slide.

    Args:
        read: also say what a person called infected on them, which takes a look at every cell.
    """
    which = (BLANK, device, model_sha256, kind)
    seen: dict[str, tuple[int, ...]] = {}
    with store.reading() as connection:
        rows = connection.execute(
            f"""SELECT s.slide, sum(f.cells) AS cells, sum(f.infected) AS infected {_FROM} {_WHERE}
            GROUP BY 1 ORDER BY 1""",
            which,
        ).fetchall()
        if read:
            verdicts = connection.execute(
                f"""SELECT s.slide, count(*) AS looked, sum(v.verdict = 'asexual') AS read {_FROM}
                JOIN cells AS c ON c.field_id = f.id JOIN current_verdicts AS v ON v.cell_id = c.id {_WHERE}
                GROUP BY 1""",
                which,
            )
            seen = {row["slide"]: (row["looked"], row["read"]) for row in verdicts}
    slides = tuple(BlankSlide(row["slide"], row["cells"], row["infected"], *seen.get(row["slide"], ())) for row in rows)
    return MicroscopeBlankRate(slides, model_sha256[:12], device, kind)
