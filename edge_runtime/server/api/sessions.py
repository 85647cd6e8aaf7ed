"""Routes of counting sessions: begin one, capture and add fields, look at them again."""

from __future__ import annotations

import asyncio
import io
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from edge_runtime.core.images import Reading, load_image
from edge_runtime.errors import WrongUsage
from edge_runtime.server.api.openapi import UPLOAD_PROBLEMS, file_answer, problems, upload
from edge_runtime.server.api.schemas import FieldDocument, Fields, NewSession, Results, Sessions, Status
from edge_runtime.server.api.uploads import read_uploads
from edge_runtime.server.documents import session_rows, status_document
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs
from edge_runtime.sessions.browse import field_lines, stored_field
from edge_runtime.sessions.records import Session, SessionPlan
from edge_runtime.sessions.store.location import require_space

router = APIRouter(tags=["sessions"])
SessionCode = Annotated[str, Path(description="A session's code, such as S-4KX9WMT, or `newest`.", max_length=64)]
FieldNumber = Annotated[int, Path(ge=1, le=2**31, description="The field's number in its session.")]
_SHOWN_AS_IS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LARGE = 3_000_000  # bytes above which a picture is sent as JPEG: a phone on the device's own Wi-Fi waits for it
_LONGEST_SIDE = 65_500  # pixels that JPEG can hold, and no more
_CAMERA_PATIENCE = 2.0


@router.get("/v1/sessions", response_model=Sessions, responses=problems(), summary="Sessions, newest first")
def sessions(request: Request, limit: Annotated[int, Query(ge=1, le=10_000)] = 200) -> Any:
    """The newest `limit` of them, those on blank slides included."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        return JSONResponse({"sessions": session_rows(store, limit)})


@router.post("/v1/sessions", response_model=Status, status_code=201, responses=problems(507), summary="Begin a session")
def begin(request: Request, said: NewSession) -> Any:
    """One slide; the participant's code is generated unless one is given."""
    service: Service = request.app.state.service
    plan = SessionPlan(
        slide=said.slide,
        participant=said.participant,
        site=said.site,
        operator=said.operator,
        stain=said.stain,
        magnification=said.magnification,
        red_cells=said.rbc_per_ul,
        haematocrit=said.haematocrit,
        stop_rule=said.stop,
    )
    require_space(service.settings.store, service.settings.min_free)  # better now than at the first field
    with service.open_store() as store:
        session = store.new_session(plan)
        headers = {"Location": f"/v1/sessions/{session.code}"}
        return JSONResponse(status_document(store, session), 201, headers)


@router.get("/v1/sessions/{code}", response_model=Status, responses=problems(404), summary="How far a session is")
def status(request: Request, code: SessionCode) -> Any:
    """What `thinsmear session status --json` prints, with the figures of the count so far."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        document = status_document(store, session)
    if document["totals"]["fields"]:
        service.warm(session.code)
    return JSONResponse(document)


@router.post(
    "/v1/sessions/{code}/capture",
    response_model=FieldDocument,
    status_code=201,
    responses=problems(404, 409, 501, 507),
    summary="Capture a field",
)
async def capture(request: Request, code: SessionCode) -> Any:
    """Classifies the camera's newest frame and keeps it; the field is stored even when the caller goes away."""
    service: Service = request.app.state.service
    live = service.live
    session = await asyncio.to_thread(_session, service, code)
    if live is None:
        raise Problem(409, "no-camera", "This server has no camera; start it with --camera, or upload image files.")
    with service.admission.enter() as place:
        frame = await asyncio.to_thread(live.newest, _CAMERA_PATIENCE)
        place.hold(frame.pixels.nbytes)
        document = await service.run(jobs.add_frame(session, frame, live.spec, service.smears))
    service.stored += not document["repeat"]
    return JSONResponse(document, 201, {"Location": f"/v1/sessions/{document['session']}/fields/{document['field']}"})


@router.post(
    "/v1/sessions/{code}/fields",
    response_model=Results,
    responses=problems(404, 409, *UPLOAD_PROBLEMS),
    openapi_extra=upload("Whole microscope fields."),
    summary="Add image files",
)
async def add(request: Request, code: SessionCode) -> Any:
    """A field document for each image, or `source` with `error` for one that cannot be read."""
    service: Service = request.app.state.service
    with service.admission.enter() as place:
        session = await asyncio.to_thread(_session, service, code)
        uploads = await read_uploads(request, place, service.settings)
        job = jobs.add_uploads(session, uploads, service.settings.max_pixels, service.smears)
        results = await service.run(job)
    service.stored += sum("field" in line and not line["repeat"] for line in results)
    return JSONResponse({"results": results})


@router.get("/v1/sessions/{code}/fields", response_model=Fields, responses=problems(404), summary="A session's images")
def fields(request: Request, code: SessionCode) -> Any:
    """In their order, refused ones included."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        lines = field_lines(store, jobs.find_session(store, code))
        found = [
            {
                "field": line.number,
                "accepted": line.accepted,
                "cells": line.cells,
                "suspected": line.suspected,
                "infected": line.infected,
            }
            for line in lines
        ]
    return JSONResponse({"fields": found})


@router.get(
    "/v1/sessions/{code}/fields/{number}",
    response_model=FieldDocument,
    responses=problems(404),
    summary="A field as it was stored",
)
def field(request: Request, code: SessionCode, number: FieldNumber) -> Any:
    """The same document as when it was captured, with the session's status of now."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        return JSONResponse(jobs.stored_document(store, session, number, service.settings.max_pixels))


@router.get(
    "/v1/sessions/{code}/fields/{number}/image",
    responses={**problems(404), **file_answer("The image.", "image/png", "image/jpeg")},
    response_class=Response,
    summary="A field's image",
)
def image(request: Request, code: SessionCode, number: FieldNumber) -> Response:
    """Upright and in its full size, up to 65,500 pixels across; a small PNG or JPEG as it was stored, else as JPEG."""
    service: Service = request.app.state.service
    with service.open_store() as store:
        session = jobs.find_session(store, code)
        try:
            path = stored_field(store, session, number).image
        except WrongUsage as error:
            raise Problem(404, "no-field", str(error)) from error
    if path is None or not path.exists():
        raise Problem(404, "no-image", f"The image of field {number} was removed; its counts stay.")
    with service.heavy:
        content, media_type = _shown(path.read_bytes(), service.settings.max_pixels)
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


def _session(service: Service, code: str) -> Session:
    """Looked up once, and before an upload is read; 404 when there is none."""
    with service.open_store() as store:
        return jobs.find_session(store, code)


def _shown(content: bytes, most_pixels: int) -> tuple[bytes, str]:
    from PIL import Image

    media_type = next((kind for magic, kind in _SHOWN_AS_IS.items() if content.startswith(magic)), None)
    if media_type is not None and len(content) <= _LARGE:
        return content, media_type  # browsers turn it upright as its EXIF data says
    stream = io.BytesIO()
    shown = Image.fromarray(load_image(content, reading=Reading(most_pixels, as_it_is=True)))
    shown.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    shown.save(stream, "JPEG", quality=88)
    return stream.getvalue(), "image/jpeg"
