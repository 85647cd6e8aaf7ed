"""Routes of a session's review: the queue of suspected cells, verdicts, counts by eye."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from edge_runtime.errors import WrongUsage
from edge_runtime.server.api.openapi import file_answer, problems
from edge_runtime.server.api.schemas import Code, ManualCounts, Review, Said, Status, VerdictSaid
from edge_runtime.server.api.sessions import SessionCode
from edge_runtime.server.documents import review_document, status_document, verdict_document
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs
from edge_runtime.sessions.browse import picture_of
from edge_runtime.sessions.left_out.added import added_picture, is_added
from edge_runtime.sessions.left_out.objects import is_object, object_picture
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.records import Session
from edge_runtime.sessions.review import give_verdicts, undo_verdict
from edge_runtime.sessions.store.store import Store
from edge_runtime.sessions.verdicts import NotCurrent, NoVerdict, Verdict, cell_row

router = APIRouter(tags=["review"])
CellName = Annotated[str, Path(description="FIELD.CELL, such as 7.12.", max_length=64)]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Cells at most.")]
Wanted = Annotated[
    Literal["pending", "all"], Query(alias="verdict", description="Cells without a verdict, or all suspected ones.")
]
_SAID = {
    "asexual": {"value": {"verdict": "asexual", "species": "falciparum", "stage": "ring", "reviewer": "AB"}},
    "no parasite": {"value": {"verdict": "no-parasite", "reviewer": "AB"}},
}


@router.get("/v1/sessions/{code}/review", response_model=Review, responses=problems(404), summary="The review")
def review(request: Request, code: SessionCode, limit: Limit = 200, wanted: Wanted = "pending") -> Any:
    """Where it stands, and the cells to look at: the highest scores first."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        return JSONResponse(review_document(store, session, limit, wanted == "pending"))


@router.get(
    "/v1/sessions/{code}/cells/{cell}/picture",
    responses={**problems(404), **file_answer("The cell with a little of its surroundings.", "image/jpeg")},
    response_class=Response,
    summary="A cell's picture",
)
def picture(request: Request, code: SessionCode, cell: CellName) -> Response:
    """Of any cell, object (7.o2) or added cell (7.a1); those of objects, added and suspected ones stay when retention
    removes the image.
    """
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        try:
            jpeg = _picture(store, session, cell)
        except WrongUsage as error:
            raise Problem(404, "no-cell", str(error)) from error
    if jpeg is None:
        raise Problem(404, "no-image", f"The image of cell {cell} was removed; its counts stay.")
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.put(
    "/v1/sessions/{code}/cells/{cell}/verdict", response_model=Said, responses=problems(404), summary="Say what it is"
)
def give(
    request: Request,
    code: SessionCode,
    cell: CellName,
    said: Annotated[VerdictSaid, Body(openapi_examples=_SAID)],  # type: ignore[arg-type]
    limit: Limit = 200,
    wanted: Wanted = "pending",
) -> Any:
    """A reviewer's verdict stands beside the machine's; earlier ones stay in the history.

    One that the same reviewer has given already, and that still holds, is not added again.
    """
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        _require_cell(store, session, cell)
        give_verdicts(store, session, [Verdict(cell, said.verdict, said.species, said.stage)], said.reviewer)
        return JSONResponse(verdict_document(store, session, cell, limit, wanted == "pending"))


@router.delete(
    "/v1/sessions/{code}/cells/{cell}/verdict",
    response_model=Said,
    responses=problems(404, 409),
    summary="Take the last verdict back",
)
def undo(
    request: Request,
    code: SessionCode,
    cell: CellName,
    reviewer: Annotated[Code, Query(description="Code of who takes it back.")],
    number: Annotated[
        int | None, Query(ge=1, le=2**62, description="Of the verdict that is meant; without it, whichever holds.")
    ] = None,
    limit: Limit = 200,
    wanted: Wanted = "pending",
) -> Any:
    """The one before holds again; the history keeps both. 409 when the verdict that is meant holds no more."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        _require_cell(store, session, cell)
        try:
            undo_verdict(store, session, cell, reviewer, number)
        except NoVerdict as error:
            raise Problem(409, "no-verdict", str(error)) from error
        except NotCurrent as error:
            raise Problem(409, "not-current", str(error)) from error
        return JSONResponse(verdict_document(store, session, cell, limit, wanted == "pending"))


@router.post(
    "/v1/sessions/{code}/manual-counts",
    response_model=Status,
    status_code=201,
    responses=problems(404),
    summary="Keep a count by eye",
)
def manual_counts(request: Request, code: SessionCode, said: ManualCounts) -> Any:
    """Of the same slide; it stands beside the automatic one in the report."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        add_manual_count(store, session, said.counted, said.asexual, said.gametocytes, said.reviewer)
        return JSONResponse(status_document(store, session), 201)


def _picture(store: Store, session: Session, name: str) -> bytes | None:
    if is_object(name):
        return object_picture(store, session, name)
    return added_picture(store, session, name) if is_added(name) else picture_of(store, session, name)


def _require_cell(store: Store, session: Session, cell: str) -> None:
    try:
        with store.reading() as connection:
            cell_row(connection, session, cell)
    except WrongUsage as error:
        raise Problem(404, "no-cell", str(error)) from error
