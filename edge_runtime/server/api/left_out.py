"""Routes of cells that a person adds to a field because the machine did not box them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.errors import WrongUsage
from edge_runtime.server.api.grid_schemas import Key
from edge_runtime.server.api.openapi import problems
from edge_runtime.server.api.schemas import Code, Json, Species, Stage, Status
from edge_runtime.server.api.sessions import SessionCode
from edge_runtime.server.documents import status_document
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs
from edge_runtime.sessions.left_out.added import Place, PlaceTaken, add_cell, added_cells, take_added_back
from edge_runtime.sessions.verdicts import NoVerdict

router = APIRouter(tags=["review"])
_MOST = 1_000_000  # pixels: no image is so wide


class Addition(BaseModel):
    """A cell that the machine did not box: the middle of it, and what it holds."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"x": 310, "y": 205, "verdict": "gametocyte", "reviewer": "AB", "key": "5e0f0c5e-added"}]
        },
    )

    x: Annotated[int, Field(ge=0, le=_MOST, description="Pixels of the upright image, from its left edge.")]
    y: Annotated[int, Field(ge=0, le=_MOST, description="Pixels from its top.")]
    verdict: Literal["asexual", "gametocyte", "unsure"]
    species: Species | None = None
    stage: Stage | None = None
    reviewer: Annotated[Code, Field(description="Code of who looks.")]
    key: Key | None = None


class AddedCells(BaseModel):
    """After a cell was added or taken back."""

    cell: Annotated[Json | None, Field(description="The cell that was added: cell (FIELD.aNUMBER), box, verdict.")]
    added: Annotated[list[Json], Field(description="All that persons added to accepted fields and did not take back.")]
    status: Status


@router.post(
    "/v1/sessions/{code}/fields/{number}/added-cells",
    response_model=AddedCells,
    status_code=201,
    responses=problems(404, 409, 507),
    summary="Add a cell",
)
def add(request: Request, code: SessionCode, number: Annotated[int, Path(ge=1, le=2**31)], said: Addition) -> Any:
    """An infected cell that the machine left out. It counts as one more infected cell among one more cell.

    409 when there is a cell or an object already, or the field takes none.
    """
    service: Service = request.app.state.service
    with service.heavy, service.open_store() as store:
        session = jobs.find_session(store, code)
        jobs.require_field(store, session, number)
        place = Place(number, said.x, said.y)
        try:
            cell = add_cell(store, session, place, said.verdict, said.reviewer, said.species, said.stage, said.key)
        except PlaceTaken as error:
            raise Problem(409, "cell-there", str(error)) from error
        except WrongUsage as error:
            raise Problem(409, "no-cell-added", str(error)) from error
        with store.reading():
            added = [item.to_json() for item in added_cells(store, session)]
            status = status_document(store, session)
    return JSONResponse({"cell": cell.to_json(), "added": added, "status": status}, 201)


@router.delete(
    "/v1/sessions/{code}/added-cells/{cell}",
    response_model=AddedCells,
    responses=problems(404, 409),
    summary="Take an added cell back",
)
def take_back(
    request: Request,
    code: SessionCode,
    cell: Annotated[str, Path(description="FIELD.aNUMBER, such as 7.a1.", max_length=64)],
    reviewer: Annotated[Code, Query(description="Code of who takes it back.")],
) -> Any:
    """It counts no more; its row stays. 409 when there is none, or it was taken back already."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        try:
            take_added_back(store, session, cell, reviewer)
        except NoVerdict as error:
            raise Problem(409, "no-verdict", str(error)) from error
        with store.reading():
            added = [item.to_json() for item in added_cells(store, session)]
            status = status_document(store, session)
    return JSONResponse({"cell": None, "added": added, "status": status})
