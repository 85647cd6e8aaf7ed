"""Routes of the page: the files that ship with the program, and no others."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import Response

from edge_runtime.server.page_files import TYPES
from edge_runtime.server.problems import Problem
from edge_runtime.server.service import Service

router = APIRouter(include_in_schema=False)
INDEX = "index.html"


@router.get("/")
def index(request: Request) -> Response:
    """The page."""
    return _file(request, INDEX)


@router.get("/page/{name:path}")
def part(request: Request, name: str) -> Response:
    """A part of the page."""
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    service: Service = request.app.state.service
    path = service.page_files.get(name)
    if path is None:
        raise Problem(404, "not-found", "The page has no such part.")
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in [given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[path.suffix], headers=headers)
