"""What a store keeps, as plain values: sessions, models, fields with their cells, verdicts, running totals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edge_runtime.core.card import LIMITS
from edge_runtime.counting import RedCells, red_cells, stop_rule
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code

if TYPE_CHECKING:
    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.fields import FieldResult

COUNT, BLANK, POSITIVE = "count", "blank", "positive"
FIELD, CELL = "field", "cell"
KINDS = {FIELD: "whole fields", CELL: "images of single cells"}
STAINS = ("giemsa", "field", "wright", "wright-giemsa", "leishman", "jsb", "diff-quik", "other")
VERDICTS = {
    "asexual": "asexual parasite",
    "gametocyte": "gametocyte only",
    "no-parasite": "not a parasite",
    "unsure": "unsure",
}
SPECIES = ("falciparum", "vivax", "ovale", "malariae", "knowlesi", "mixed")
STAGES = ("ring", "trophozoite", "schizont")
_MAGNIFICATION = (10.0, 4000.0)
# of a model card, what a report needs to say how good the model is and what it was trained on, and a review by rank to
# say what its ranking finds
_CARD_PARTS = ("name", "architecture", "metrics", "blank_rate", "capture", "flatbuffer_sha256", "licence")


@dataclass(frozen=True)
class SessionPlan:
    """What a person says when a session begins; there is deliberately no free text, name or birth date.

    Attributes:
        slide: code of the slide.
        participant: code; None for slides of known truth, and only for those.
        site: code.
        operator: code of who is at the microscope.
        stain: one of :data:`STAINS`.
        magnification: of objective, eyepiece and camera as the site counts it, 10 to 4,000.
        red_cells: measured red cells per microlitre.
        haematocrit: in %.
        stop_rule: see :func:`edge_runtime.counting.stop_rule`.
        purpose: "count"; "blank" for a slide known to hold no parasites, "positive" for one known to hold some.
    """

    slide: str
    participant: str | None = None
    site: str | None = None
    operator: str | None = None
    stain: str | None = None
    magnification: float | None = None
    red_cells: float | None = None
    haematocrit: float | None = None
    stop_rule: str | None = None
    purpose: str = COUNT

    def check(self) -> None:
        """WrongUsage when a code is none, or a figure out of range."""
        for what in ("slide", "site", "operator"):
            value = getattr(self, what)
            if value is not None:
                checked_code(what, value)
        if self.stain is not None and self.stain not in STAINS:
            raise WrongUsage(f"The stain {self.stain!r} is none of {', '.join(STAINS)}.")
        low, high = _MAGNIFICATION
        if self.magnification is not None and not low <= self.magnification <= high:
            raise WrongUsage(f"A magnification of {self.magnification:g} is outside {low:g} to {high:,.0f}.")
        self.red_cells_per_microlitre()
        if self.stop_rule is not None:
            stop_rule(self.stop_rule)

    def red_cells_per_microlitre(self) -> RedCells:
        """Red cells to multiply with; WrongUsage when a figure is out of range."""
        return red_cells(self.red_cells, self.haematocrit)


@dataclass(frozen=True)
class Session:
    """A session as stored.

    Attributes:
        id: row.
        code: as people type it.
        plan: see :class:`SessionPlan`.
        device: see :func:`edge_runtime.sessions.clock.device_id`.
        model_id: row of the one model it is counted with; None before the first field.
        software: version that began it.
        recorded_at: ISO 8601, UTC.
        clock: "set", "unset" or "settled".
        discarded: it is a blank that no count rests on any more.
    """

    id: int
    code: str
    plan: SessionPlan
    device: str
    model_id: int | None
    software: str
    recorded_at: str
    clock: str
    discarded: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the rows' numbers."""
        return {
            "session": self.code,
            **asdict(self.plan),
            "device": self.device,
            "software": self.software,
            "recorded_at": self.recorded_at,
            "clock": self.clock,
            "discarded": self.discarded,
        }


@dataclass(frozen=True)
class ModelRecord:
    """The model behind a field's cells.

    Attributes:
        sha256: of the whole file.
        name: from the card, or of the file.
        review_point: operating point for review.
        count_point: operating point for counting.
        details: parts of the card, plain JSON values.
    """

    sha256: str
    name: str
    review_point: float
    count_point: float
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, classifier: Classifier) -> ModelRecord:
        """Of a loaded classifier."""
        card = classifier.card
        details: dict[str, Any] = {"limits": list(LIMITS)}
        details |= {name: card.details[name] for name in _CARD_PARTS if name in card.details}
        training = card.details.get("training")
        if isinstance(training, Mapping):
            details["training"] = {name: training[name] for name in ("species", "images", "parts") if name in training}
        name = str(card.details.get("name") or classifier.model.path.stem)
        return cls(classifier.model.sha256, name, card.points.review, card.points.count, details)


@dataclass(frozen=True)
class CellRecord:
    """One cell as the machine saw it.

    Attributes:
        probability: calibrated P(parasitized), 0..1.
        review: a person should look.
        count: counts as infected.
        box: left, top, width, height in pixels of the upright image; None when the image is the cell.
    """

    probability: float
    review: bool
    count: bool
    box: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.probability) and 0 <= self.probability <= 1):
            raise ValueError(f"A probability lies in 0..1, not at {self.probability}.")

    @property
    def suspected(self) -> bool:
        """Whether a person should look, whichever operating point says so."""
        return self.review or self.count


@dataclass(frozen=True)
class ObjectRecord:
    """A place in what a field leaves out that looks like an infected cell; in no count of the machine's.

    Attributes:
        box: left, top, width, height in pixels of the upright image.
        reason: why it was left out, as :class:`edge_runtime.fields.FieldObject` has it.
        probability: calibrated P(parasitized), 0..1.
    """

    box: tuple[int, int, int, int]
    reason: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"box": list(self.box), "reason": self.reason, "probability": self.probability}


@dataclass(frozen=True)
class FieldRecord:
    """One image's result.

    Attributes:
        cells: in the order of the classifier.
        kind: "field", or "cell" when the image shows one cell and nothing else.
        excluded: things that were found and are no countable cells, by reason.
        quality: what was measured, plain JSON values; ``accepted`` false keeps the cells out of every count.
        objects: what was left out and looks infected, highest first.
    """

    cells: tuple[CellRecord, ...]
    kind: str = FIELD
    excluded: Mapping[str, int] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    objects: tuple[ObjectRecord, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether its cells count."""
        return bool(self.quality.get("accepted", True))

    @classmethod
    def of(cls, result: CellResult | FieldResult) -> FieldRecord:
        """Of what the classifier found in an image: one cell, or the cells of a field."""
        from edge_runtime.core.classifier import CellResult

        if isinstance(result, CellResult):
            return cls((_cell(result, None),), CELL)
        pairs = zip(result.verdicts, result.field.cells, strict=True)
        cells = tuple(_cell(verdict, cell.box) for verdict, cell in pairs)
        objects = tuple(ObjectRecord(_plain(o.box), o.reason, float(o.probability)) for o in result.objects)
        return cls(cells, FIELD, result.field.excluded_counts(), result.quality.to_json(), objects)


@dataclass(frozen=True)
class Totals:
    """A session so far. Cells of refused fields are in none of the figures but ``refused``.

    Attributes:
        fields: accepted whole fields.
        single_cells: accepted images of one cell.
        refused: images whose quality was not accepted.
        cells: red cells counted.
        suspected: cells that a person should look at.
        infected: cells that the machine counts as infected.
    """

    fields: int
    single_cells: int
    refused: int
    cells: int
    suspected: int
    infected: int

    @property
    def kind(self) -> str:
        """ "cell" for a session of single-cell images, else "field"."""
        return CELL if self.single_cells else FIELD

    def to_json(self) -> dict[str, int]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Added:
    """What became of an image that was added.

    Attributes:
        number: of its field in the session, from 1 up.
        repeat: the same image was there already, so nothing was added.
    """

    number: int
    repeat: bool


def _cell(result: CellResult, box: tuple[int, int, int, int] | None) -> CellRecord:
    """A cell in Python's own numbers, which are all that the database takes."""
    plain = None if box is None else _plain(box)
    return CellRecord(float(result.probability), bool(result.review), bool(result.count), plain)


def _plain(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x, y, w, h = box
    return int(x), int(y), int(w), int(h)
