"""Routes that hand a session out: the report as HTML, PDF and JSON, and the export of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from edge_runtime.errors import WrongUsage
from edge_runtime.server.api.openapi import file_answer, problems
from edge_runtime.server.api.sessions import SessionCode
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs
from edge_runtime.sessions.export import json_pieces, write_zip
from edge_runtime.sessions.report.data import Report, make_report
from edge_runtime.sessions.report.html import html_pages
from edge_runtime.sessions.report.pdf import write_report

router = APIRouter(tags=["reports"])
_IN_MEMORY = 4_000_000  # bytes of an export before it goes to a file that has no name
_BLOCK = 1 << 16
# the report brings its own style and pictures, and nothing else may load
_REPORT_CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


@router.get(
    "/v1/sessions/{code}/report.html",
    responses={**problems(404, 409), **file_answer("The report.", "text/html")},
    response_class=Response,
    summary="The report as one HTML file",
)
def report_html(request: Request, code: SessionCode) -> Response:
    """What the count supports, the suspected cells, and what it cannot exclude."""
    report = _report(request.app.state.service, code)
    headers = {"Content-Security-Policy": _REPORT_CSP, "X-Frame-Options": "SAMEORIGIN"}
    return Response("".join(html_pages(report)), media_type="text/html", headers=headers)


@router.get(
    "/v1/sessions/{code}/report.pdf",
    responses={**problems(404, 409), **file_answer("The report.", "application/pdf")},
    response_class=Response,
    summary="The report as one printed page",
)
def report_pdf(request: Request, code: SessionCode) -> Response:
    """The same on paper."""
    report = _report(request.app.state.service, code)
    stream = _room()
    write_report(stream, report)
    name = f"thinsmear-{report.session.code}.pdf"
    return _sent(stream, "application/pdf", f'inline; filename="{name}"')


@router.get("/v1/sessions/{code}/report.json", responses=problems(404, 409), summary="The report's figures")
def report_json(request: Request, code: SessionCode) -> Any:
    """What `thinsmear session report --json` prints."""
    return JSONResponse(_report(request.app.state.service, code).to_json())


@router.get(
    "/v1/sessions/{code}/export.zip",
    responses={**problems(404), **file_answer("session.json and a CSV file of each table.", "application/zip")},
    response_class=Response,
    summary="All records of a session",
)
def export_zip(request: Request, code: SessionCode) -> Response:
    """The files of `thinsmear session export --out`."""
    service: Service = request.app.state.service
    stream = _room()
    with service.heavy, service.open_store() as store:
        session = jobs.find_session(store, code)
        write_zip(store, session, stream)
    return _sent(stream, "application/zip", f'attachment; filename="thinsmear-{session.code}.zip"')


@router.get("/v1/sessions/{code}/export.json", responses=problems(404), summary="All records as one document")
def export_json(request: Request, code: SessionCode) -> Any:
    """What `thinsmear session export --json` prints."""
    service: Service = request.app.state.service
    stream = _room()
    with service.heavy, service.open_store() as store:
        session = jobs.find_session(store, code)
        for piece in json_pieces(store, session):
            stream.write(piece.encode())
    return _sent(stream, "application/json", f'attachment; filename="thinsmear-{session.code}.json"')


def _report(service: Service, code: str) -> Report:
    with service.heavy, service.open_store() as store:
        session = jobs.find_session(store, code)
        try:
            return make_report(store, session)
        except WrongUsage as error:
            raise Problem(409, "nothing-counted", str(error)) from error


def _room() -> BinaryIO:
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))


def _sent(stream: BinaryIO, media_type: str, disposition: str) -> Response:
    size = stream.tell()
    stream.seek(0)

    def blocks() -> Iterator[bytes]:
        with stream:
            while block := stream.read(_BLOCK):
                yield block

    headers = {"Content-Disposition": disposition, "Content-Length": str(size)}
    return StreamingResponse(blocks(), media_type=media_type, headers=headers)
