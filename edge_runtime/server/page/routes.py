"""Routes of the page: the files that ship with the program, and no others."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from edge_runtime.server.problems import Problem

router = APIRouter(include_in_schema=False)
INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


def page_files(folder: Path) -> dict[str, Path]:
    """The page's files by their names below the folder; a request's text is only ever looked up here."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES and path.is_file()
    }


FILES = page_files(Path(__file__).parent)


@router.get("/")
def index(request: Request) -> Response:
    """The page."""
    return _file(request, INDEX)


@router.get("/page/{name:path}")
def part(request: Request, name: str) -> Response:
    """A part of the page."""
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    path = FILES.get(name)
    if path is None:
        raise Problem(404, "not-found", "The page has no such part.")
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in [given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[path.suffix], headers=headers)
