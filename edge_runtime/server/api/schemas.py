"""Shapes of requests and answers, for checking what comes in and for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.sessions.codes import LONGEST
from edge_runtime.sessions.records import SPECIES, STAGES, STAINS

_MOST = 1_000_000_000
_STOP = r"^(who|cdc|bsh|nvp|[1-9][0-9]?(\.[0-9]{1,3})?%|100%|0\.[0-9]{0,3}[1-9])$"
Code = Annotated[str, Field(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}$")]
Species = Literal[SPECIES]  # type: ignore[valid-type]
Stage = Literal[STAGES]  # type: ignore[valid-type]
Json = dict[str, Any]


class _Said(BaseModel):
    """What a caller sends: nothing that is not named, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Login(_Said):
    """The server's token, for a browser's cookie."""

    token: Annotated[str, Field(max_length=4096)]


class NewSession(_Said):
    """One slide. There is deliberately no place for a name, a birth date or free text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"slide": "A17", "site": "KLA", "stain": "giemsa", "rbc_per_ul": 4500000, "stop": "who"}]
        }
    )

    slide: Annotated[Code, Field(description="Code of the slide.")]
    participant: Annotated[
        Code | None, Field(description="Left out: generated. Else one generated earlier, or of the site's own form.")
    ] = None
    site: Code | None = None
    operator: Code | None = None
    stain: Literal[STAINS] | None = None  # type: ignore[valid-type]
    magnification: Annotated[float | None, Field(ge=10, le=4000)] = None
    rbc_per_ul: Annotated[float | None, Field(ge=300_000, le=10_000_000, description="Measured red cells.")] = None
    haematocrit: Annotated[float | None, Field(ge=5, le=75, description="In %.")] = None
    stop: Annotated[str | None, Field(pattern=_STOP, description="who, cdc, bsh, nvp, or a precision: 25%.")] = None


class _Verdict(_Said):
    reviewer: Annotated[Code, Field(description="Code of who looks.")]


class Asexual(_Verdict):
    """The cell holds an asexual parasite."""

    verdict: Literal["asexual"]
    species: Species | None = None
    stage: Stage | None = None


class Gametocyte(_Verdict):
    """The cell holds gametocytes only."""

    verdict: Literal["gametocyte"]
    species: Species | None = None
    stage: None = None


class Other(_Verdict):
    """The cell holds no parasite, or the reviewer cannot tell."""

    verdict: Literal["no-parasite", "unsure"]
    species: None = None
    stage: None = None


VerdictSaid = Annotated[Asexual | Gametocyte | Other, Field(discriminator="verdict")]


class ManualCounts(_Said):
    """A count by eye of the same slide; the infected ones are among ``counted``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"counted": 5000, "asexual": 12, "gametocytes": 1, "reviewer": "AB"}]}
    )

    counted: Annotated[int, Field(ge=1, le=_MOST)]
    asexual: Annotated[int, Field(ge=0, le=_MOST)] = 0
    gametocytes: Annotated[int, Field(ge=0, le=_MOST)] = 0
    reviewer: Code


class ProblemDocument(BaseModel):
    """RFC 9457; ``detail`` is a sentence for people, ``kind`` a short reason for programs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Conflict",
                    "status": 409,
                    "detail": "This server has no camera; start it with --camera.",
                    "kind": "no-camera",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    kind: str


class Results(BaseModel):
    """One entry an image, in their order: a line of ``thinsmear classify --json``, or ``source`` with ``error``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {
                            "source": "cell.png",
                            "label": "Parasitized",
                            "probability": 0.9731,
                            "review": True,
                            "count": True,
                            "model": "3f2a9c41d07e",
                        },
                        {"source": "notes.txt", "error": {"kind": "not-an-image", "message": "notes.txt is not ..."}},
                    ]
                }
            ]
        }
    )

    results: list[Json]


class Status(BaseModel):
    """A session so far: ``thinsmear session status --json`` with the figures of the count."""

    model_config = ConfigDict(extra="allow")

    session: str
    slide: str
    participant: str | None
    recorded_at: str
    totals: Json
    review: Json
    stop: Annotated[
        Json | None,
        Field(
            description="Where the count stands under its rule; kind is reached, counting, not-yet (no plan is "
            "possible yet) or never (no number of cells would do). Null without a rule or an image."
        ),
    ]
    machine: Annotated[Json | None, Field(description="The machine's count, its intervals and figures per microlitre.")]
    reviewed: Annotated[Json | None, Field(description="The reviewer's count; null before the first verdict.")]
    excludes: Annotated[
        float | None,
        Field(description="Share that the leading count excludes more than (95 %); null when it holds parasites."),
    ]
    excludes_kind: Annotated[
        Literal["machine", "reviewed"] | None, Field(description="Which count leads; null before the first cell.")
    ]
    to_count: Annotated[int | None, Field(description="Cells to go for the stop rule; 0 done, null without a rule.")]
    detection_limit: Json | None
    detection_words: str
    manual: Annotated[list[Json], Field(description="Counts by eye, oldest first.")]


class FieldDocument(BaseModel):
    """A field of a session."""

    session: str
    field: int
    repeat: Annotated[bool, Field(description="The same image was there already; nothing was added.")]
    accepted: Annotated[bool, Field(description="Whether its cells count.")]
    width: int | None
    height: int | None
    image: Annotated[str | None, Field(description="Where the image is; null once it was removed.")]
    result: Annotated[
        Json,
        Field(
            description="cells, excluded, objects, quality, model, as `classify --field --json`; of a field just read "
            "also excluded_boxes, a box and a reason for each thing left out."
        ),
    ]
    added: Annotated[list[Json], Field(description="Cells that persons added: cell (FIELD.aNUMBER), box, verdict.")]
    status: Status


class Fields(BaseModel):
    """The images of a session."""

    fields: list[Json]


class Sessions(BaseModel):
    """Sessions, newest first."""

    sessions: list[Json]


class Review(BaseModel):
    """Where the review stands, and cells of the queue: the highest scores first."""

    review: Json
    cells: Annotated[list[Json], Field(description="Each with the number of its verdict in the history, or null.")]


class Said(Review):
    """The review after a verdict was given or taken back."""

    verdict: Annotated[Json | None, Field(description="What now holds of the cell: number, verdict, reviewer.")]
    status: Status


class Info(BaseModel):
    """What this server is; what identifies the device's parts is null until signed in."""

    model_config = ConfigDict(extra="allow")

    software: str
    research_use: str
    signed_in: bool


class Health(BaseModel):
    """Whether the server works."""

    status: str
