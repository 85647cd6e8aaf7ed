"""Shapes of the review by rank: what a page is answered with, and what comes back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.server.api.schemas import Code, Json, Species, Stage

SHOWN = 200  # cells of one page at most, the random ones of the last page included
LARGEST = SHOWN - 24
CELL = r"[1-9][0-9]{0,9}\.o?[1-9][0-9]{0,9}"  # of a cell, or of an object
Cell = Annotated[str, Field(pattern=rf"^{CELL}$")]
Size = Annotated[int, Field(ge=1, le=LARGEST, description="Cells of the next page: 24, 32, 72.")]
Key = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="Made up by the caller, another one for each page. The same answer sent again counts once.",
    ),
]


class _Said(BaseModel):
    """What a caller sends: nothing that is not named, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AsexualMark(_Said):
    """The cell holds an asexual parasite."""

    verdict: Literal["asexual"]
    species: Species | None = None
    stage: Stage | None = None


class GametocyteMark(_Said):
    """The cell holds gametocytes only."""

    verdict: Literal["gametocyte"]
    species: Species | None = None


class OtherMark(_Said):
    """The reviewer cannot tell, or the cell holds no parasite, as all do that are not named."""

    verdict: Literal["no-parasite", "unsure"]


Marked = Annotated[AsexualMark | GametocyteMark | OtherMark, Field(discriminator="verdict")]


class Answer(_Said):
    """A page: all cells that were shown, and what was said of those that were marked. The others hold no parasite."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "key": "5e0f0c5e-page-1",
                    "reviewer": "AB",
                    "cells": ["1.1"],
                    "verdicts": {"1.1": {"verdict": "asexual", "species": "falciparum"}},
                    "size": 24,
                }
            ]
        }
    )

    key: Key
    reviewer: Code
    cells: Annotated[list[Cell], Field(min_length=1, max_length=SHOWN)]
    verdicts: Annotated[dict[Cell, Marked], Field(max_length=SHOWN)] = {}
    size: Size = 24
    again: Annotated[bool, Field(description="The next page is of a second reading.")] = False


class Undo(_Said):
    """Whose page is taken back: their last one, or the one with the key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reviewer": "AB", "size": 24}]})

    reviewer: Code
    key: Key | None = None
    size: Size = 24
    again: Annotated[bool, Field(description="The next page is of a second reading.")] = False


class Grid(BaseModel):
    """A page to look at, and where the review stands."""

    page: Annotated[
        Json | None,
        Field(
            description="batch, number, kind, last (the review may end with it) and cells, the most suspicious first: "
            "each its name, and whether there is a picture; of kind objects also why it was left out. Null when the "
            "review may end, or nothing was counted."
        ),
    ]
    state: Annotated[
        dict[str, Any],
        Field(
            description="leading (machine, begun or reviewed), cells, looked, at_least, estimate, rest, enough, alarm "
            "and more, as `rank` in `session status --json`."
        ),
    ]


class Answered(Grid):
    """After a page was answered."""

    accepted: Annotated[int, Field(description="Verdicts that were added.")]
    answered: Annotated[
        Json, Field(description="The page: number, cells, kept, repeat, and marks with the machine's scores.")
    ]


class Undone(Grid):
    """After a page was taken back."""

    taken_back: Annotated[int, Field(description="Verdicts.")]
    marks: Annotated[list[Json], Field(description="What had been marked on the page.")]
