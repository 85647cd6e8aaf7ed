"""What the routes declare in the OpenAPI document beside their success: problems, uploads, files."""

from __future__ import annotations

from typing import Any

from edge_runtime.server.api.schemas import ProblemDocument
from edge_runtime.server.api.uploads import FIELD
from edge_runtime.server.problems import MEDIA_TYPE

_TEXTS = {
    400: "The request is malformed.",
    401: "The server's token is needed.",
    403: "Another page made the browser ask.",
    404: "There is no such thing.",
    405: "The address does not take that method.",
    408: "The request, or an upload, stood still.",
    409: "The state of the session or the device does not allow it.",
    413: "The request is too large.",
    415: "The body has the wrong type.",
    421: "The server does not answer under that name.",
    422: "The values do not fit.",
    429: "Too many requests; Retry-After says when to go on.",
    500: "The program failed.",
    501: "The device lacks a package.",
    503: "Busy, ending, or the camera is lost; Retry-After says when to try again.",
    507: "The disk is full.",
}
_ALWAYS = (400, 401, 403, 405, 408, 413, 421, 422, 429, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that are no success: those of every route, and these."""
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {
        status: {"description": _TEXTS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_ALWAYS, *statuses})
    }


UPLOAD_PROBLEMS = (415, 501, 507)


def upload(what: str) -> dict[str, Any]:
    """The request body of a route that takes images."""
    images = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "description": what}
    schema = {"type": "object", "properties": {FIELD: images}, "required": [FIELD]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def file_answer(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    """A success that is a file."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": description, "content": dict.fromkeys(media_types, binary)}}
