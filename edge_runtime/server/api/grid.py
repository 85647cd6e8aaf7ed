"""Routes of the review by rank: a page of thumbnails, their pictures as one image, the answer to a page, undo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from edge_runtime.errors import WrongUsage
from edge_runtime.server.api.grid_schemas import CELL, LARGEST, SHOWN, Answer, Answered, Grid, Undo, Undone
from edge_runtime.server.api.openapi import file_answer, problems
from edge_runtime.server.api.schemas import Code
from edge_runtime.server.api.sessions import SessionCode
from edge_runtime.server.grid_documents import answered_document, grid_document, undone_document
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs
from edge_runtime.sessions.left_out.objects import is_object
from edge_runtime.sessions.ranking.answers import PageAnswer
from edge_runtime.sessions.ranking.object_pages import answer_any_page, marks_of_page, undo_any_page
from edge_runtime.sessions.ranking.object_sprite import object_sprite
from edge_runtime.sessions.ranking.sprite import sprite
from edge_runtime.sessions.verdicts import NoVerdict, Verdict

router = APIRouter(tags=["review"])
_KEPT = "private, max-age=604800, immutable"  # a session's cells never change; a week is longer than its review
Names = Annotated[
    str,
    Query(
        pattern=rf"^{CELL}(,{CELL}){{0,{SHOWN - 1}}}$",
        description=f"FIELD.CELL or FIELD.oOBJECT, with commas; {SHOWN} at most.",
    ),
]


@router.get("/v1/sessions/{code}/grid", response_model=Grid, responses=problems(404, 507), summary="A page of cells")
def grid(
    request: Request,
    code: SessionCode,
    reviewer: Annotated[Code, Query(description="Code of who looks.")],
    size: Annotated[int, Query(ge=1, le=LARGEST, description="Cells a page: 24, 32, 72.")] = 24,
    again: Annotated[bool, Query(description="Cells that others have looked at, for a second reading.")] = False,
) -> Any:
    """The highest scores that nobody has looked at; the same page until it is answered.

    The last page has up to 24 random cells of the rest among the others. After it come pages of objects, which the
    machine left out and which look infected: `kind` is "objects", and each has its reason.
    """
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        return JSONResponse(grid_document(store, session, reviewer, size, again))


@router.get(
    "/v1/sessions/{code}/grid/sprite",
    responses={**problems(404), **file_answer("Squares, eight in a row, in the order asked for.", "image/jpeg")},
    response_class=Response,
    summary="The pictures of a page",
)
def pictures(
    request: Request,
    code: SessionCode,
    cells: Names,
    side: Annotated[int, Query(ge=32, le=256, description="Pixels of a square.")] = 192,
) -> Response:
    """One image for all of them. The square of a cell whose image was removed stays dark."""
    service: Service = request.app.state.service
    with service.heavy, service.open_store() as store:
        session = jobs.find_session(store, code)
        try:
            names = cells.split(",")
            draw = object_sprite if all(is_object(name) for name in names) else sprite
            found = draw(store, session, names, side)
        except WrongUsage as error:
            raise Problem(404, "no-cell", str(error)) from error
    lasting = code == session.code and not found.missing  # "newest" is another one tomorrow
    headers = {"Cache-Control": _KEPT if lasting else "no-store"}
    return Response(found.jpeg, media_type="image/jpeg", headers=headers)


@router.post("/v1/sessions/{code}/grid", response_model=Answered, responses=problems(404, 507), summary="Answer a page")
def answer(request: Request, code: SessionCode, said: Answer) -> Any:
    """Verdicts on all cells of a page in one transaction, and the next page.

    A cell that is not named among the verdicts holds no parasite, unless its reviewer has said otherwise before.
    """
    service: Service = request.app.state.service
    verdicts = {
        name: Verdict(name, mark.verdict, getattr(mark, "species", None), getattr(mark, "stage", None))
        for name, mark in said.verdicts.items()
    }
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        result = answer_any_page(store, session, PageAnswer(said.key, said.reviewer, tuple(said.cells), verdicts))
        return JSONResponse(answered_document(store, session, result, said.reviewer, said.size, said.again))


@router.post(
    "/v1/sessions/{code}/grid/undo",
    response_model=Undone,
    responses=problems(404, 409, 507),
    summary="Take a page back",
)
def undo(request: Request, code: SessionCode, said: Undo) -> Any:
    """The verdicts before it hold again; the history keeps both. 409 when the reviewer has no such page."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        marks = marks_of_page(store, session, said.reviewer, said.key)
        try:
            taken_back = undo_any_page(store, session, said.reviewer, said.key)
        except NoVerdict as error:
            raise Problem(409, "no-verdict", str(error)) from error
        return JSONResponse(undone_document(store, session, taken_back, marks, said.reviewer, said.size, said.again))
